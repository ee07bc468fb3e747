"""The commands `reviewqa reviews ...` and `reviewqa index ...`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag.schema import ReviewQAError
from ui.cli import terminal
from ui.cli.options import Context, example, read_options, reading_options

if TYPE_CHECKING:
    from rag.index.ingest import Mode
    from rag.ingest import ReadOptions
    from rag.ingest.ids import IdChoice


@click.group("reviews", epilog=example("reviewqa reviews check my-reviews.csv"))
def reviews_group() -> None:
    """Look at review files."""


@reviews_group.command(
    "check", epilog=example("reviewqa reviews check my-reviews.csv --map text=Review_body")
)
@click.argument("files", nargs=-1, required=True)
@reading_options
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Write all rows that cannot be used to this CSV file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(
    context: Context,
    files: tuple[str, ...],
    mapping: tuple[str, ...],
    strict: bool,
    skipped: tuple[str, ...],
    ids: IdChoice,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Read and clean FILES without building anything: the columns found, ten reviews, what is
    dropped and why.
    """
    from rag.index.ingest import keep_rejects
    from rag.ingest import import_reviews, temporary_folder

    options = read_options(context.settings(), mapping, strict, skipped, ids)
    with temporary_folder() as staging:
        with terminal.StageProgress() as progress:
            imported = import_reviews(files, staging, options, progress)
        keep_rejects(imported.rejects, rejects)
        if as_json:
            terminal.say_json(terminal.import_object(imported))
            return
        for report in imported.reports:
            terminal.say(terminal.report_lines(report))
            if report.preview:
                terminal.say(terminal.preview_lines(report))
        terminal.say(terminal.import_line(imported))


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
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where rows that cannot be used are written, as CSV.",
)
@click.pass_obj
def build(
    context: Context,
    files: tuple[str, ...],
    name: str,
    mapping: tuple[str, ...],
    strict: bool,
    skipped: tuple[str, ...],
    ids: IdChoice,
    rejects: Path | None,
) -> None:
    """Build an index from review FILES alone: files of any usual kind, archives, folders, or
    hf:NAME.
    """
    options = read_options(context.settings(), mapping, strict, skipped, ids)
    _rebuild(context, name, files, "new", options, (), rejects)


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
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where rows that cannot be used are written, as CSV.",
)
@click.pass_obj
def update(
    context: Context,
    name: str,
    files: tuple[str, ...],
    mapping: tuple[str, ...],
    strict: bool,
    skipped: tuple[str, ...],
    ids: IdChoice,
    replace: bool,
    deleted: tuple[str, ...],
    rejects: Path | None,
) -> None:
    """Add review FILES to the index NAME; a review whose id is known takes that one's place.

    Only sentences that are new or changed are embedded.
    """
    if replace and not files:
        raise click.UsageError("--replace needs the files that hold the reviews to keep.")
    mode: Mode = "replace" if replace else "update"
    options = read_options(context.settings(), mapping, strict, skipped, ids)
    _rebuild(context, name, files, mode, options, _ids(deleted), rejects)


def _ids(stated: tuple[str, ...]) -> tuple[str, ...]:
    ids: list[str] = []
    for text in stated:
        if not text.startswith("@"):
            ids.append(text)
            continue
        try:
            ids += [
                line.strip()
                for line in Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
                if line.strip()
            ]
        except (OSError, UnicodeDecodeError) as error:
            raise click.FileError(
                text[1:], getattr(error, "strerror", "") or "not a text file"
            ) from error
    return tuple(ids)


def _rebuild(
    context: Context,
    name: str,
    files: tuple[str, ...],
    mode: Mode,
    options: ReadOptions,
    delete: tuple[str, ...],
    rejects: Path | None,
) -> None:
    from rag.index.ingest import rebuild

    with terminal.StageProgress() as progress:
        made = rebuild(
            context.settings(),
            name,
            files,
            mode=mode,
            options=options,
            delete=delete,
            rejects=rejects,
            progress=progress,
        )
    for report in made.reports:
        terminal.say(terminal.report_lines(report))
    terminal.say(terminal.rebuilt_lines(made))


@index_group.command("list", epilog=example("reviewqa index list"))
@click.pass_obj
def list_command(context: Context) -> None:
    """List the indexes, a line each."""
    from rag.index import Manifest, index_folder, list_indexes
    from rag.index.store import live_generation

    settings = context.settings()
    names = list_indexes(settings.indexes_dir)
    for name in names:
        try:
            made = Manifest.read(live_generation(index_folder(settings.indexes_dir, name)))
        except ReviewQAError as error:
            terminal.say(f"{name}\tdamaged: {error}")
            continue
        terminal.say(
            f"{name}\t{made.reviews} reviews\t{made.sentences} sentences\tbuilt {made.created}"
        )
    if not names:
        terminal.say(
            f"No indexes in {settings.indexes_dir}. Build one: reviewqa index build FILE --name "
            "NAME",
            err=True,
        )


@index_group.command("info", epilog=example("reviewqa index info squid-game"))
@click.argument("name")
@click.pass_obj
def info(context: Context, name: str) -> None:
    """Print what an index holds, how it was made, and its generations, as JSON."""
    from rag.index import Manifest, admin, index_folder
    from rag.index.store import live_generation

    folder = index_folder(context.settings().indexes_dir, name)
    generation = live_generation(folder)
    others = [
        {
            "name": one.name,
            "live": one.live,
            "reviews": one.manifest.reviews if one.manifest else None,
            "bytes": one.size,
        }
        for one in admin.list_generations(folder)
    ]
    made = dataclasses.asdict(Manifest.read(generation))
    terminal.say_json({"name": name, "generation": generation.name, "generations": others, **made})


@index_group.command("verify", epilog=example("reviewqa index verify squid-game"))
@click.argument("name")
@click.pass_obj
def verify(context: Context, name: str) -> None:
    """Check every checksum, count and offset of an index; exit code 1 when something is wrong."""
    from rag.index import index_folder, verify_index

    problems = verify_index(index_folder(context.settings().indexes_dir, name))
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
    metavar="GENERATION",
    help="Which generation; default the one before the live one.",
)
@click.pass_obj
def rollback(context: Context, name: str, generation: str | None) -> None:
    """Make an earlier generation of an index the live one again."""
    from rag.index import Manifest, admin, index_folder

    folder = index_folder(context.settings().indexes_dir, name)
    now = admin.rollback(folder, generation)
    made = Manifest.read(folder / now)
    terminal.say(
        f'The index "{name}" is back at {now}: {made.reviews} reviews, built {made.created}.'
    )


@index_group.command("gc", epilog=example("reviewqa index gc my-hotel --keep 0"))
@click.argument("name")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    help="How many earlier generations stay; default keep_generations.",
)
@click.pass_obj
def gc(context: Context, name: str, keep: int | None) -> None:
    """Remove old generations and what interrupted builds left, and say how much room that made."""
    from rag.index import admin, index_folder

    settings = context.settings()
    gone, room = admin.collect_garbage(
        index_folder(settings.indexes_dir, name),
        settings.keep_generations if keep is None else keep,
    )
    terminal.say(f"{len(gone)} generations removed, {room / 1e6:.1f} MB free again.")


@index_group.command("copy", epilog=example("reviewqa index copy my-hotel my-hotel-before"))
@click.argument("name")
@click.argument("target")
@click.pass_obj
def copy(context: Context, name: str, target: str) -> None:
    """Copy the live generation of the index NAME to a new index TARGET."""
    from rag.index import admin, index_folder

    indexes_dir = context.settings().indexes_dir
    admin.copy_index(index_folder(indexes_dir, name), index_folder(indexes_dir, target))
    terminal.say(f'"{target}" is a copy of "{name}".')


@index_group.command("rename", epilog=example("reviewqa index rename my-hotel grand-hotel"))
@click.argument("name")
@click.argument("target")
@click.pass_obj
def rename(context: Context, name: str, target: str) -> None:
    """Rename the index NAME to TARGET."""
    from rag.index import admin, index_folder

    indexes_dir = context.settings().indexes_dir
    admin.rename_index(index_folder(indexes_dir, name), index_folder(indexes_dir, target))
    terminal.say(f'"{name}" is now "{target}".')


@index_group.command("delete", epilog=example("reviewqa index delete my-hotel"))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(context: Context, name: str, yes: bool) -> None:
    """Delete an index with all its generations; asks first."""
    from rag.index import admin, index_folder

    folder = index_folder(context.settings().indexes_dir, name)
    admin.require_index(folder)
    if not yes and not click.confirm(f'Delete the index "{name}" with all its generations?'):
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
    from rag.index import ReviewIndex, admin, index_folder

    index = ReviewIndex.open(index_folder(context.settings().indexes_dir, name))
    rows = admin.export_index(index, file)
    terminal.say(
        f"{rows} sentences of {index.manifest.reviews} reviews, with their vectors, are in {file}."
    )
