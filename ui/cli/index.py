"""The commands `reviewqa reviews ...` and `reviewqa index ...`."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.schema import IndexFileError, ReviewQAError
from ui.cli import terminal
from ui.cli.options import Context, Reading, example, reading_options
from ui.render.words import plural

if TYPE_CHECKING:
    from rag.index import Mode


@click.group("reviews", epilog=example("reviewqa reviews check my-reviews.csv"))
def reviews_group() -> None:
    """Look at review files."""


@reviews_group.command(
    "check", epilog=example("reviewqa reviews check my-reviews.csv --map text=Review_body")
)
@click.argument("files", nargs=-1, required=True)
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(context: Context, files: tuple[str, ...], options: Reading, as_json: bool) -> None:
    """Read and clean FILES without building anything: the columns found, ten reviews, what is
    dropped and why.
    """
    from rag.index.ingest import keep_rejects
    from rag.ingest import import_reviews, temporary_folder

    reading = options.checked(context.settings())
    with temporary_folder() as staging:
        with terminal.StageProgress() as progress:
            imported = import_reviews(files, staging, reading, progress)
        keep_rejects(imported.rejects, options.rejects)
        if as_json:
            terminal.say_json(terminal.import_object(imported))
            return
        for report in imported.reports:
            terminal.show("report", report, True)
        terminal.show("totals", imported)


@click.group("index", epilog=example("reviewqa index build my-reviews.csv --name my-hotel"))
def index_group() -> None:
    """Build, change, inspect and verify indexes."""


@index_group.command(
    "build",
    epilog=example("reviewqa index build my-reviews.csv --name my-hotel --map text=Review_body"),
)
@click.argument("files", nargs=-1, required=True)
@click.option("--name", required=True, help="Name of the index.")
@reading_options
@click.pass_obj
def build(context: Context, files: tuple[str, ...], name: str, options: Reading) -> None:
    """Build an index from review FILES alone: files of any usual kind, archives, folders, or
    hf:NAME.
    """
    _ingest(context, name, files, options, "new")


@index_group.command("update", epilog=example("reviewqa index update my-hotel new-reviews.csv"))
@click.argument("name")
@click.argument("files", nargs=-1)
@reading_options
@click.option("--replace", is_flag=True, help="Remove the reviews that are not in FILES.")
@click.option(
    "--delete",
    "deleted",
    multiple=True,
    metavar="ID",
    help="Remove a review; @FILE for a file of ids; may be repeated.",
)
@click.pass_obj
def update(
    context: Context,
    name: str,
    files: tuple[str, ...],
    options: Reading,
    replace: bool,
    deleted: tuple[str, ...],
) -> None:
    """Add review FILES to the index NAME; a review whose id is known takes that one's place.

    Only sentences that are new or changed are embedded.
    """
    if replace and not files:
        raise click.UsageError("--replace needs the files that hold the reviews to keep.")
    ids = [review_id for text in deleted for review_id in _ids(text)]
    _ingest(context, name, files, options, "replace" if replace else "update", ids)


def _ids(text: str) -> list[str]:
    """A review's id, or those in a file, a line each, where it is given as ``@FILE``."""
    if not text.startswith("@"):
        return [text]
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.FileError(
            text[1:], getattr(error, "strerror", "") or "not a text file"
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _ingest(
    context: Context,
    name: str,
    files: tuple[str, ...],
    options: Reading,
    mode: Mode,
    delete: list[str] | None = None,
) -> None:
    from rag.index.ingest import rebuild

    settings = context.settings()
    reading = options.checked(settings)
    with terminal.StageProgress() as progress:
        outcome = rebuild(
            settings,
            name,
            files,
            mode=mode,
            options=reading,
            delete=delete or (),
            rejects=options.rejects,
            progress=progress,
        )
    for report in outcome.reports:
        terminal.show("report", report)
    terminal.show("ingested", outcome)


@index_group.command("list", epilog=example("reviewqa index list"))
@click.pass_obj
def list_command(context: Context) -> None:
    """List the indexes, a line each."""
    from rag.index import Manifest, list_indexes
    from rag.index.store import live_generation

    indexes_dir = context.settings().paths.indexes_dir
    names = list_indexes(indexes_dir)
    for name in names:
        try:
            manifest = Manifest.read(live_generation(context.index_folder(name)))
        except ReviewQAError as error:
            terminal.say(f"{name}\tdamaged: {error}")
            continue
        terminal.say(
            f"{name}\t{manifest.reviews} reviews\t{manifest.sentences} sentences\t"
            f"built {manifest.created}"
        )
    if not names:
        terminal.say(
            f"No indexes in {indexes_dir}. Build one: reviewqa index build FILE --name NAME",
            err=True,
        )


@index_group.command("info", epilog=example("reviewqa index info squid-game"))
@click.argument("name")
@click.pass_obj
def info(context: Context, name: str) -> None:
    """Print what an index holds, how it was made, and its versions ("generations"), as JSON."""
    from rag.index import Manifest, admin
    from rag.index.store import live_generation

    folder = context.index_folder(name)
    live = live_generation(folder)
    generations = [
        {
            "name": generation.name,
            "live": generation.live,
            "reviews": generation.manifest.reviews if generation.manifest else None,
            "bytes": generation.size,
        }
        for generation in admin.list_generations(folder)
    ]
    facts = {"name": name, "generation": live.name, "generations": generations}
    terminal.say_json({**facts, **dataclasses.asdict(Manifest.read(live))})


@index_group.command("verify", epilog=example("reviewqa index verify squid-game"))
@click.argument("name")
@click.pass_obj
def verify(context: Context, name: str) -> None:
    """Check every checksum, count and offset of an index, and a sample of its vectors against its
    sentences; exit code 1 when something is wrong.
    """
    from rag.embedding import embedder_of
    from rag.index import Manifest, verify_index
    from rag.index.store import live_generation

    folder = context.index_folder(name)
    embedder = None
    with contextlib.suppress(IndexFileError):  # `verify_index` will name what is wrong
        identity = Manifest.read(live_generation(folder)).embedder
        embedder = embedder_of(context.settings(), identity)
        if embedder is None:
            terminal.say(
                f"The vectors were not compared with the sentences: {identity}, which made them, "
                "is not the embedder of the settings.",
                err=True,
            )
    problems = verify_index(folder, embedder)
    for problem in problems:
        terminal.say(problem, err=True)
    if problems:
        sys.exit(1)
    terminal.say(f'The index "{name}" is sound.')


@index_group.command("rollback", epilog=example("reviewqa index rollback my-hotel"))
@click.argument("name")
@click.option(
    "--to",
    "generation",
    metavar="VERSION",
    help="Which version, as `reviewqa index info` names it; default the one before the one in use.",
)
@click.pass_obj
def rollback(context: Context, name: str, generation: str | None) -> None:
    """Go back to an earlier version of an index."""
    from rag.index import Manifest, admin

    folder = context.index_folder(name)
    live = admin.rollback(folder, generation)
    manifest = Manifest.read(folder / live)
    terminal.say(
        f'The index "{name}" is back at {live}: {manifest.reviews} reviews, built '
        f"{manifest.created}."
    )


@index_group.command("gc", epilog=example("reviewqa index gc my-hotel --keep 0"))
@click.argument("name")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    help="How many earlier versions stay; default index.keep_generations.",
)
@click.pass_obj
def gc(context: Context, name: str, keep: int | None) -> None:
    """Remove old versions and what interrupted builds left, and say how much room that made."""
    from rag.index import admin

    kept = context.settings().index.keep_generations if keep is None else keep
    removed, room = admin.collect_garbage(context.index_folder(name), kept)
    terminal.say(f"{plural(len(removed), 'version')} removed, {room / 1e6:.1f} MB free again.")


@index_group.command("copy", epilog=example("reviewqa index copy my-hotel my-hotel-before"))
@click.argument("name")
@click.argument("target")
@click.pass_obj
def copy(context: Context, name: str, target: str) -> None:
    """Copy the index NAME, as it is now, to a new index TARGET."""
    from rag.index import admin

    admin.copy_index(context.index_folder(name), context.index_folder(target))
    terminal.say(f'"{target}" is a copy of "{name}".')


@index_group.command("rename", epilog=example("reviewqa index rename my-hotel grand-hotel"))
@click.argument("name")
@click.argument("target")
@click.pass_obj
def rename(context: Context, name: str, target: str) -> None:
    """Rename the index NAME to TARGET."""
    from rag.index import admin

    admin.rename_index(context.index_folder(name), context.index_folder(target))
    terminal.say(f'"{name}" is now "{target}".')


@index_group.command("delete", epilog=example("reviewqa index delete my-hotel"))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(context: Context, name: str, yes: bool) -> None:
    """Delete an index with all its versions; asks first."""
    from rag.index import admin

    folder = context.index_folder(name)
    admin.require_index(folder)
    if not yes and not click.confirm(f'Delete the index "{name}" with all its versions?'):
        terminal.say("Nothing is deleted.", err=True)
        sys.exit(1)
    admin.delete_index(folder)
    terminal.say(f'The index "{name}" is deleted.')


@index_group.command("export", epilog=example("reviewqa index export my-hotel my-hotel.parquet"))
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def export(context: Context, name: str, file: Path) -> None:
    """Write reviews, chunks, sentences and vectors of an index to one Parquet FILE."""
    from rag.index import ReviewIndex, admin

    index = ReviewIndex.open(context.index_folder(name))
    rows = admin.export_index(index, file)
    terminal.say(
        f"{rows} sentences of {index.manifest.reviews} reviews, with their vectors, are in {file}."
    )
