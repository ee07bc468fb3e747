"""What the commands of `reviewqa finetune` do, and what they say while they do it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from rag.config import Settings
from ui.cli import terminal
from ui.cli.options import Context, picked_index

if TYPE_CHECKING:
    from finetune.preflight.checks import Check
    from finetune.recipe import Recipe
    from finetune.stages import Source
    from rag.embedding import Embedder
    from rag.generators.base import Generator
    from rag.index import ReviewIndex

_SHOWN = 1  # examples of each kind that `data --preview` prints


def read_recipe(name: str, changes: Sequence[str]) -> Recipe:
    """A recipe with its changes."""
    from finetune.recipe import load_recipe

    return load_recipe(name, changes)


def make_examples(
    context: Context,
    recipe: Recipe,
    names: Sequence[str],
    questions: Sequence[Path],
    spans: Sequence[Path],
    teacher: str | None,
    preview: bool,
) -> None:
    """Make the examples, or say that they are there."""
    from finetune.stages import make_data, of_kind, run_folder, shown
    from finetune.training.trainer import DATA, prepare
    from rag.embedding import make_embedder

    settings = context.settings()
    embedder = make_embedder(settings)
    questions = [
        file
        for path in questions
        for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])
    ]
    indexes = [_index(settings, name, embedder) for name in names or [picked_index(settings, None)]]
    sources = _sources(indexes, questions, spans)
    generator = _teacher(context, recipe, teacher, indexes[0], embedder)
    with terminal.StageProgress() as progress:
        found, made = make_data(
            recipe,
            settings,
            embedder,
            sources,
            [*questions, *spans],
            teacher=generator,
            progress=lambda done, total: progress("examples", done, total),
        )
    folder = run_folder(settings, recipe)
    for name, part in (("to train on", found.train), ("held out", found.held_out)):
        kinds = ", ".join(f"{count} of the kind {kind}" for kind, count in of_kind(part).items())
        terminal.say(f"{len(part)} examples {name}: {kinds}.")
    for reason, count in found.left_out.items():
        terminal.say(f"  left out {count}: {reason}")
    terminal.say(
        f"{'Written to' if made else 'Were there already, made of the same:'} {folder / DATA}."
    )
    if preview:
        for text in shown(found, prepare(recipe, folder, settings), _SHOWN):
            terminal.say("\n" + text)


def train_adapter(context: Context, recipe: Recipe, resume: bool) -> None:
    """Check and train, or say that the adapter is there."""
    from finetune.data.examples import data_hash
    from finetune.preflight.checks import passed
    from finetune.stages import check as run_checks
    from finetune.stages import run_folder
    from finetune.training.record import new_record, same_work
    from finetune.training.trainer import ADAPTER, DATA
    from finetune.training.trainer import train as run_training
    from finetune.training.watch import Interrupted
    from rag.answering.templates import read_record

    settings = context.settings()
    folder = run_folder(settings, recipe)
    kept = read_record(folder / ADAPTER)
    if (
        (folder / DATA).is_dir()
        and kept
        and same_work(kept, new_record(recipe, data_hash(folder / DATA)))
    ):
        terminal.say(
            f"The adapter was there already, of the same recipe and data: {folder / ADAPTER}."
        )
        return
    checks, prepared, model, _ = run_checks(recipe, settings, tell=tell)
    say_changes(prepared.arguments.renamed, prepared.arguments.overridden)
    if not passed(checks):
        raise click.ClickException("Nothing was trained: see what failed above.")
    with terminal.StageProgress() as progress, _stop_gently() as stopped:
        try:
            done = run_training(
                prepared,
                settings,
                resume=resume,
                model=model,
                stopped=stopped,
                progress=lambda stage, now, total, note: progress(stage, now, total, note),
            )
        except Interrupted as error:
            terminal.say(str(error), err=True)
            raise click.Abort from error
    from finetune.preflight.checks import estimate_of
    from finetune.preflight.estimate import in_words

    record, loss = done.record, done.record["held_out_loss"]
    terminal.say(
        f"{record['steps']} steps in {record['seconds']:.0f} s, {record['tokens_per_second']:.0f} "
        "tokens/s; most "
        f"memory {in_words(record['peak_memory_bytes'])} (estimated "
        f"{in_words(estimate_of(prepared).total)})."
    )
    if loss["before"] is not None:
        terminal.say(
            f"Loss on the examples held out: {loss['before']:.3f} before, {loss['after']:.3f} "
            "after."
        )
    terminal.say(f"The adapter is in {done.folder}.")


def merge_adapter(context: Context, recipe: Recipe, way: str, dtype: str) -> None:
    """Merge the adapter, or say that the merged model is there."""
    from finetune.merging import merge as run_merge
    from finetune.stages import run_folder

    settings = context.settings()
    with terminal.StageProgress() as progress:
        done = run_merge(
            recipe, run_folder(settings, recipe), settings, way=way, dtype=dtype, progress=progress
        )
    for one, value in done.divergence.items():
        if value is not None:
            terminal.say(
                f"Into the {one} weights: KL {value:.6f} nats a token from the model as trained."
            )
    terminal.say(
        f"{'Merged' if done.again else 'Was merged already'} into the {done.way} weights: "
        f"{done.folder}. "
        f'Ask it: reviewqa ask "..." --generator {done.folder}'
    )


def compare_models(
    context: Context, recipe: Recipe, over: str | None, asked: Path | None, split: str, gate: bool
) -> None:
    """Compare, write the report, and print it."""
    from finetune.comparison import BETTER
    from finetune.comparison import compare_models as run_comparison
    from finetune.comparison_report import HTML_FILE, markdown_report, write_report
    from finetune.stages import run_folder
    from rag.embedding import make_embedder
    from rag.evaluation.questions import read_questions

    settings = context.settings()
    embedder = make_embedder(settings)
    index = _index(settings, over or picked_index(settings, None), embedder)
    questions = (
        read_questions(asked, None if split == "all" else split) if asked is not None else []
    )
    folder = run_folder(settings, recipe)
    with terminal.StageProgress() as progress:
        found = run_comparison(
            recipe, folder, settings, index, embedder, questions, progress=progress
        )
    write_report(found, folder)
    terminal.say(markdown_report(found))
    terminal.say(f"The report is in {folder / HTML_FILE}.")
    if gate and found.verdict != BETTER:
        raise click.ClickException(f"The verdict is: {found.verdict} ({found.reason}).")


def _index(settings: Settings, name: str, embedder: Embedder) -> ReviewIndex:
    from rag.config import index_fingerprint
    from rag.index import ReviewIndex, index_folder

    index = ReviewIndex.open(index_folder(settings.indexes_dir, name))
    fingerprint = index_fingerprint(embedder.identity, settings.chunking, settings.chunk_tokens)
    index.require_fingerprint(fingerprint, embedder.identity)
    return index


def _sources(
    indexes: Sequence[ReviewIndex], questions: Sequence[Path], spans: Sequence[Path]
) -> list[Source]:
    from dataclasses import replace

    from finetune.data.squad import is_squad, read_squad
    from finetune.stages import sources_of
    from rag.evaluation.question_sets import RetrievalQuestion, read_question_set

    sources = sources_of(indexes, questions)
    first = sources[0]
    marked: list[RetrievalQuestion] = []
    for path in spans:
        marked += (
            read_squad(path, first.index) if is_squad(path) else read_question_set(path, "train")
        )
    return [replace(first, spans=marked), *sources[1:]]


def _teacher(
    context: Context, recipe: Recipe, name: str | None, index: ReviewIndex, embedder: Embedder
) -> Generator | None:
    from rag.generators.choice import choose_generator

    if name is None:
        return None
    settings = context.settings(generator=recipe.base_model if name == "base" else name)
    return choose_generator(settings, embedder, index.leaning).generator


def tell(found: Check) -> None:
    """Print one check."""
    mark = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED "}[found.verdict]
    terminal.say(
        f"{mark} {found.name}: {found.saw}" + (f"\n          {found.mend}" if found.mend else "")
    )


def say_changes(renamed: Sequence[str], overridden: Sequence[str]) -> None:
    """Print what differs from the recipe, and why."""
    for text in overridden:
        terminal.say(f"Other than the recipe: {text}")
    for text in renamed:
        terminal.say(f"As the installed version calls it: {text}")


@contextmanager
def _stop_gently() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C asks the training to stop after its step; the second stops at once."""
    asked: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        terminal.say(
            "\nStopping after this step; Ctrl-C again stops at once, without a checkpoint.",
            err=True,
        )

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
