"""`reviewqa eval`: how good the answers are, and whether the right reviews are found."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.config import Settings, index_fingerprint
from ui.cli import terminal
from ui.cli.options import Context, example, picked_index

if TYPE_CHECKING:
    from rag.evaluation.question_sets import RetrievalQuestion
    from rag.evaluation.retrieval import RetrievalReport


@click.group(
    "eval",
    epilog=example(
        "reviewqa eval answers --index squid-game --questions rag/sample/questions.jsonl"
    ),
)
def eval_group() -> None:
    """Measure how good the answers are, and whether the right reviews are found."""


@eval_group.command(
    "answers",
    epilog=example(
        "reviewqa eval answers --index squid-game --questions rag/sample/questions.jsonl"
    ),
)
@click.option("--index", "name", help="Name of the index; may be left out when there is only one.")
@click.option(
    "--questions", required=True, type=click.Path(path_type=Path), help="Question file, JSON Lines."
)
@click.option(
    "--split", default="test", show_default=True, help='Which split; "all" for every question.'
)
@click.option(
    "--generator", "generators", multiple=True, help="Generator to measure; may be repeated."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="Write all numbers and answers to this file.",
)
@click.pass_obj
def answers(
    context: Context,
    name: str | None,
    questions: Path,
    split: str,
    generators: tuple[str, ...],
    json_file: Path | None,
) -> None:
    """Ask every question of a file and print a Markdown table: support, citations, refusals, key
    points, time.
    """
    from rag.answering.pipeline import Pipeline
    from rag.evaluation.answers import AnswerReport, evaluate_answers, markdown_table
    from rag.evaluation.questions import read_questions

    asked = read_questions(questions, None if split == "all" else split)
    reports: list[AnswerReport] = []
    try:
        for generator in generators or (None,):
            settings = context.settings({"generator.name": generator})
            pipeline = Pipeline.open(settings, picked_index(settings, name))
            with terminal.StageProgress() as progress:
                reports.append(
                    evaluate_answers(pipeline, asked, functools.partial(progress, "asking"))
                )
            del pipeline  # its model makes room for the next one's
            if reports[-1].failed:
                terminal.say(
                    f"{reports[-1].generator} failed on {reports[-1].failed} questions.", err=True
                )
            if json_file is not None:
                _write(
                    json_file,
                    json.dumps([one.as_dict() for one in reports], indent=1, ensure_ascii=False),
                )
    finally:
        if reports:  # what was measured is shown, whatever went wrong after it
            terminal.say(markdown_table(reports))


@eval_group.command(
    "retrieval",
    epilog=example(
        "reviewqa eval retrieval --index squid-game --questions rag/sample/questions.jsonl "
        "--setting retrieval.method=dense --setting retrieval.method=hybrid"
    ),
)
@click.option(
    "--index", "names", multiple=True, help="Name of the index; repeated, one for each --questions."
)
@click.option(
    "--questions",
    "paths",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Question file, or a folder in SubjQA's or BEIR's layout. May be repeated.",
)
@click.option(
    "--split", default="test", show_default=True, help='Which split; "all" for every question.'
)
@click.option(
    "--setting",
    "stated",
    multiple=True,
    metavar="NAME=VALUE,...",
    help='Settings to measure beside each other; the first is what the others are compared with. "index=NAME" '
    "takes another index for it, such as one made by another embedder.",
)
@click.option(
    "--least-reviews",
    default=1,
    show_default=True,
    help="Leave out items with fewer reviews than this.",
)
@click.option(
    "--drop-shared",
    is_flag=True,
    help="Leave out questions about reviews that training questions are about.",
)
@click.option(
    "--limit", type=click.IntRange(1), help="Ask only so many questions of each set, evenly spread."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write all numbers to this file."
)
@click.option(
    "--markdown",
    "markdown_file",
    type=click.Path(path_type=Path),
    help="Write the tables to this file.",
)
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path),
    help="Draw them to this .png, .svg or .pdf file.",
)
@click.pass_obj
def retrieval(
    context: Context,
    names: tuple[str, ...],
    paths: tuple[Path, ...],
    split: str,
    stated: tuple[str, ...],
    least_reviews: int,
    drop_shared: bool,
    limit: int | None,
    json_file: Path | None,
    markdown_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Retrieve for every question that has gold reviews: recall, nDCG, reciprocal rank, and where
    in 1,024 tokens the answers lie; with intervals, by domain, settings compared in pairs."""
    from rag.evaluation.question_sets import read_question_set, without_shared
    from rag.evaluation.retrieval import merged
    from rag.evaluation.retrieval_report import (
        PLOT_TYPES,
        json_report,
        markdown_report,
        plot_report,
    )

    if len(names) not in (len(paths), 0) or (len(paths) > 1 and not names):
        raise click.UsageError(
            f"There are {len(paths)} --questions and {len(names)} --index: give one for each."
        )
    if plot_file is not None and plot_file.suffix.lower() not in PLOT_TYPES:
        raise click.BadParameter(
            f"the name must end in one of {', '.join(PLOT_TYPES)}", param_hint="--plot"
        )
    sets: list[list[RetrievalQuestion]] = []
    for path in paths:
        found = read_question_set(path, None if split == "all" else split)
        kept = without_shared(found, path) if drop_shared else found
        if len(kept) < len(found):
            terminal.say(
                f"{path}: {len(found) - len(kept)} of {len(found)} questions share a review with "
                "training."
            )
        sets.append(kept[:: max(1, -(-len(kept) // limit))] if limit else kept)
    reports: list[RetrievalReport] = []
    for setting in stated or ("",):
        changes = _changes(setting)
        over = changes.pop("index", None)
        if over is not None and len(paths) > 1:
            raise click.BadParameter(
                '"index=" can be given with one --questions only', param_hint="--setting"
            )
        settings = context.settings(changes)
        indexes = [over] if over is not None else [*names] or [picked_index(settings, None)]
        measured = [
            _measured(settings, index, asked, setting or "as set", least_reviews)
            for index, asked in zip(indexes, sets, strict=True)
        ]
        reports.append(merged(setting or "as set", measured))
    text = markdown_report(reports)
    if json_file is not None:
        _write(json_file, json.dumps(json_report(reports), indent=1, ensure_ascii=False))
    if markdown_file is not None:
        _write(markdown_file, text + "\n")
    if plot_file is not None:
        try:
            plot_report(reports, plot_file)
        except OSError as error:
            raise click.FileError(str(plot_file), error.strerror) from error
    terminal.say(text)


def _measured(
    settings: Settings,
    name: str,
    asked: Sequence[RetrievalQuestion],
    setting: str,
    least_reviews: int,
) -> RetrievalReport:
    from rag.embedding import make_embedder
    from rag.evaluation.retrieval import evaluate_retrieval
    from rag.index import ReviewIndex, index_folder
    from rag.retrieval import Retriever

    index = ReviewIndex.open(index_folder(settings.paths.indexes_dir, name))
    embedder = make_embedder(settings)
    fingerprint = index_fingerprint(
        embedder.identity, settings.index.chunking, settings.index.chunk_tokens
    )
    index.require_fingerprint(fingerprint, embedder.identity)
    retriever = Retriever(settings, index, embedder)
    retriever.retrieve(
        "warm up"
    )  # the models load on first use, and no question should be timed with that
    with terminal.StageProgress() as progress:
        return evaluate_retrieval(
            retriever,
            asked,
            functools.partial(progress, "asking"),
            name=setting,
            least_reviews=least_reviews,
        )


def _changes(setting: str) -> dict[str, Any]:
    """``retrieval.top_k=5,retrieval.method=dense`` as settings."""
    changes: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in setting.split(","))):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or not name:
            raise click.BadParameter(f"{part!r} is not NAME=VALUE", param_hint="--setting")
        changes[name] = value
    return changes


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
