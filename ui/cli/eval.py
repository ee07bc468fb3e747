"""`reviewqa eval`: how good the answers are, and whether the right reviews are found."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.config import Settings
from ui.cli import terminal
from ui.cli.options import Command, Context, example, opened_index, picked_index

if TYPE_CHECKING:
    from rag.evaluation.question_sets import RetrievalQuestion
    from rag.evaluation.retrieval import RetrievalReport

FILE = click.Path(path_type=Path)
EXAMPLE = "reviewqa eval answers --index squid-game --questions rag/sample/questions.jsonl"
_AS_SET = "as set"


def split_option(command: Command) -> Command:
    """The option of both commands that read questions."""
    return click.option(
        "--split", default="test", show_default=True, help='Which split; "all" for every question.'
    )(command)


@click.group("eval", epilog=example(EXAMPLE))
def eval_group() -> None:
    """Measure how good the answers are, and whether the right reviews are found."""


@eval_group.command("metrics", epilog=example("reviewqa eval metrics"))
def metrics() -> None:
    """Print what each number of the other commands means."""
    from rag.evaluation.metrics import answer_metrics, retrieval_metrics
    from rag.evaluation.report import markdown_table

    rows = [
        [metric.name, "larger" if metric.larger_is_better else "smaller", metric.meaning]
        for metric in (*answer_metrics.values(), *retrieval_metrics.values())
    ]
    terminal.say(markdown_table(["metric", "better", "what it is"], rows))


@eval_group.command("answers", epilog=example(EXAMPLE))
@click.option("--index", "name", help="Name of the index; may be left out when there is only one.")
@click.option("--questions", required=True, type=FILE, help="Question file, JSON Lines or CSV.")
@split_option
@click.option(
    "--generator", "generators", multiple=True, help="Generator to measure; may be repeated."
)
@click.option("--json", "json_file", type=FILE, help="Write all numbers and answers to this file.")
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
    from rag.evaluation.answers import AnswerReport, answer_table, evaluate_answers
    from rag.evaluation.questions import read_questions

    asked = read_questions(questions, _split(split))
    reports: list[AnswerReport] = []
    try:
        for generator in generators or (None,):
            settings = context.settings(generator=generator)
            pipeline = Pipeline.open(settings, picked_index(settings, name))
            with terminal.StageProgress() as progress:
                report = evaluate_answers(pipeline, asked, functools.partial(progress, "asking"))
            del pipeline  # its model makes room for the next one's
            reports.append(report)
            if report.failed:
                terminal.say(f"{report.generator} failed on {report.failed} questions.", err=True)
            _write_json(json_file, [report.as_dict() for report in reports])
    finally:
        if reports:  # what was measured is shown, whatever went wrong after it
            terminal.say(answer_table(reports))


@dataclass(frozen=True, slots=True)
class RetrievalOptions:
    """The options of `reviewqa eval retrieval`."""

    indexes: tuple[str, ...]
    questions: tuple[Path, ...]
    split: str
    settings: tuple[str, ...]
    least_reviews: int
    drop_shared: bool
    limit: int | None
    json_file: Path | None
    markdown_file: Path | None
    plot_file: Path | None


@eval_group.command(
    "retrieval",
    epilog=example(
        "reviewqa eval retrieval --index squid-game --questions rag/sample/questions.jsonl "
        "--setting retrieval=dense --setting retrieval=hybrid"
    ),
)
@click.option(
    "--index",
    "indexes",
    multiple=True,
    help="Name of the index; repeated, one for each --questions.",
)
@click.option(
    "--questions",
    required=True,
    multiple=True,
    type=FILE,
    help="Question file, or a folder in SubjQA's or BEIR's layout. May be repeated.",
)
@split_option
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE,...",
    help="Settings to measure beside each other; the first is what the others are compared with. "
    '"index=NAME" takes another index for it, such as one made by another embedder.',
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
@click.option("--json", "json_file", type=FILE, help="Write all numbers to this file.")
@click.option("--markdown", "markdown_file", type=FILE, help="Write the tables to this file.")
@click.option("--plot", "plot_file", type=FILE, help="Draw them to this .png, .svg or .pdf file.")
@click.pass_obj
def retrieval(context: Context, **stated: Any) -> None:
    """Retrieve for every question that has gold reviews: recall, nDCG, reciprocal rank, and where
    in 1,024 tokens the answers lie; with intervals, by domain, settings compared in pairs."""
    from rag.evaluation.retrieval_report import json_report, markdown_report, plot_report

    options = RetrievalOptions(**stated)
    _check(options)
    sets = [_questions(path, options) for path in options.questions]
    reports = [
        _report(context, setting, sets, options) for setting in options.settings or (_AS_SET,)
    ]
    text = markdown_report(reports)
    _write_json(options.json_file, json_report(reports))
    if options.markdown_file is not None:
        _write(options.markdown_file, text + "\n")
    if options.plot_file is not None:
        try:
            plot_report(reports, options.plot_file)
        except OSError as error:
            raise click.FileError(str(options.plot_file), error.strerror) from error
    terminal.say(text)


def _check(options: RetrievalOptions) -> None:
    """Raises `click.UsageError` for options that do not go together."""
    from rag.evaluation.retrieval_report import PLOT_TYPES

    sets, indexes, plot = len(options.questions), len(options.indexes), options.plot_file
    if indexes not in (sets, 0) or (sets > 1 and not indexes):
        raise click.UsageError(
            f"There are {sets} --questions and {indexes} --index: give one for each."
        )
    if plot is not None and plot.suffix.lower() not in PLOT_TYPES:
        raise click.BadParameter(
            f"the name must end in one of {', '.join(PLOT_TYPES)}", param_hint="--plot"
        )


def _questions(path: Path, options: RetrievalOptions) -> list[RetrievalQuestion]:
    from rag.evaluation.question_sets import read_question_set, without_shared

    questions = read_question_set(path, _split(options.split))
    kept = without_shared(questions, path) if options.drop_shared else questions
    if len(kept) < len(questions):
        terminal.say(
            f"{path}: {len(questions) - len(kept)} of {len(questions)} questions share a review "
            "with training."
        )
    return kept[:: max(1, -(-len(kept) // options.limit))] if options.limit else kept


def _report(
    context: Context,
    setting: str,
    sets: Sequence[Sequence[RetrievalQuestion]],
    options: RetrievalOptions,
) -> RetrievalReport:
    """One setting's report over all question sets."""
    from rag.evaluation.retrieval import merged

    changes = _changes(setting) if setting != _AS_SET else {}
    index = changes.pop("index", None)
    if index is not None and len(sets) > 1:
        raise click.BadParameter(
            '"index=" can be given with one --questions only', param_hint="--setting"
        )
    settings = context.settings(**changes)
    names = [index] if index is not None else options.indexes or [picked_index(settings, None)]
    reports = [
        _measured(settings, name, questions, setting, options.least_reviews)
        for name, questions in zip(names, sets, strict=True)
    ]
    return merged(setting, reports)


def _measured(
    settings: Settings,
    name: str,
    questions: Sequence[RetrievalQuestion],
    setting: str,
    least_reviews: int,
) -> RetrievalReport:
    from rag.evaluation.retrieval import evaluate_retrieval
    from rag.retrieval import Retriever

    retriever = Retriever(settings, *opened_index(settings, name))
    # the models load on first use, and no question should be timed with that
    retriever.retrieve("warm up")
    with terminal.StageProgress() as progress:
        return evaluate_retrieval(
            retriever,
            questions,
            functools.partial(progress, "asking"),
            name=setting,
            least_reviews=least_reviews,
        )


def _changes(setting: str) -> dict[str, Any]:
    """``top_k=5,retrieval=dense`` as settings."""
    changes: dict[str, Any] = {}
    for part in filter(None, map(str.strip, setting.split(","))):
        name, sign, value = map(str.strip, part.partition("="))
        if not sign or not name:
            raise click.BadParameter(f"{part!r} is not NAME=VALUE", param_hint="--setting")
        changes[name] = value
    return changes


def _split(name: str) -> str | None:
    return None if name == "all" else name


def _write_json(file: Path | None, value: object) -> None:
    if file is not None:
        _write(file, json.dumps(value, indent=1, ensure_ascii=False))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
