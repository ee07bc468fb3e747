"""`reviewqa eval`: how good the answers are, and whether the right reviews are found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ui.cli import terminal
from ui.cli.options import Context, example, picked_index

if TYPE_CHECKING:
    from rag.config import Settings
    from rag.evaluation.question_sets import RetrievalQuestion
    from rag.evaluation.retrieval import RetrievalReport

FILE = click.Path(path_type=Path)
_Q = TypeVar("_Q")
EXAMPLE = "reviewqa eval answers --index squid-game --questions rag/sample/questions.jsonl"


_split_option = click.option(
    "--split",
    default="test",
    show_default=True,
    callback=lambda context, option, name: None if name == "all" else name,
    help='Which split; "all" for every question.',
)


_limit_option = click.option(
    "--limit", type=click.IntRange(1), help="Ask only so many questions of each set, evenly spread."
)


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
@_split_option
@click.option(
    "--generator", "generators", multiple=True, help="Generator to measure; may be repeated."
)
@click.option(
    "--wording",
    "wordings",
    multiple=True,
    help='What words counted points, as the setting answering.wording ("off", a merged model, an '
    "adapter's folder, a base model); may be repeated.",
)
@_limit_option
@click.option("--json", "json_file", type=FILE, help="Write all numbers and answers to this file.")
@click.pass_obj
def answers(
    context: Context,
    name: str | None,
    questions: Path,
    split: str | None,
    generators: tuple[str, ...],
    wordings: tuple[str, ...],
    limit: int | None,
    json_file: Path | None,
) -> None:
    """Ask every question of a file and print a Markdown table: support, citations, refusals, key
    points, time and memory. Of several, each is measured in a process of its own, and a second table
    has how they differ from the first.
    """
    from rag.evaluation.answers import AnswerReport, answer_table
    from rag.evaluation.apart import evaluate_apart, evaluate_here
    from rag.evaluation.paired import difference_table
    from rag.evaluation.questions import read_questions

    asked = _spread(read_questions(questions, split), limit)
    measured: list[dict[str, Any]] = [{"generator.name": generator} for generator in generators]
    measured += [{"generator.name": "extractive", "answering.wording": word} for word in wordings]
    evaluate = evaluate_apart if len(measured) > 1 else evaluate_here
    reports: list[AnswerReport] = []
    try:
        for changes in measured or [{}]:
            settings = context.settings(changes)
            index = picked_index(settings, name)
            report = evaluate(settings, index, asked, terminal.StageProgress)
            reports.append(report)
            if report.failed:
                terminal.say(f"{report.generator} failed on {report.failed} questions.", err=True)
            _write_json(json_file, lambda: [one.as_dict() for one in reports])
    finally:
        if reports:  # what was measured is shown, whatever went wrong after it
            terminal.say(answer_table(reports))
        if len(reports) > 1:
            terminal.say("\n" + difference_table(reports[0], reports[1:]))


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
@_split_option
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
@_limit_option
@click.option("--json", "json_file", type=FILE, help="Write all numbers to this file.")
@click.option("--markdown", "markdown_file", type=FILE, help="Write the tables to this file.")
@click.option("--plot", "plot_file", type=FILE, help="Draw them to this .png, .svg or .pdf file.")
@click.pass_obj
def retrieval(
    context: Context,
    /,
    indexes: tuple[str, ...],
    questions: tuple[Path, ...],
    settings: tuple[str, ...],
    least_reviews: int,
    **options: Any,
) -> None:
    """Retrieve for every question that has gold reviews: recall, nDCG, reciprocal rank, and where
    in 1,024 tokens the answers lie; with intervals, by domain, settings compared in pairs."""
    from rag.evaluation.retrieval import merged
    from rag.evaluation.retrieval_report import json_report, markdown_report, plot_report

    _check(len(questions), len(indexes), options["plot_file"])
    sets = [
        _questions(path, options["split"], options["drop_shared"], options["limit"])
        for path in questions
    ]
    reports: list[RetrievalReport] = []
    for setting in settings or ("",):
        changes = _changes(setting, len(sets))
        index = changes.pop("index", None)
        changed = context.settings(changes)
        names = (index,) if index is not None else indexes or (picked_index(changed, None),)
        name = setting or "as set"
        measured = [
            _measured(changed, *of, name, least_reviews) for of in zip(names, sets, strict=True)
        ]
        reports.append(merged(name, measured))
    text = markdown_report(reports)
    _write_json(options["json_file"], lambda: json_report(reports))
    _write(options["markdown_file"], lambda file: file.write_text(text + "\n", encoding="utf-8"))
    _write(options["plot_file"], lambda file: plot_report(reports, file))
    terminal.say(text)


def _check(sets: int, indexes: int, plot: Path | None) -> None:
    """Raises `click.UsageError` for options that do not go together."""
    from rag.evaluation.retrieval_report import PLOT_TYPES

    if indexes not in (sets, 0) or (sets > 1 and not indexes):
        raise click.UsageError(
            f"There are {sets} --questions and {indexes} --index: give one for each."
        )
    if plot is not None and plot.suffix.lower() not in PLOT_TYPES:
        raise click.BadParameter(
            f"the name must end in one of {', '.join(PLOT_TYPES)}", param_hint="--plot"
        )


def _questions(
    path: Path, split: str | None, drop_shared: bool, limit: int | None
) -> list[RetrievalQuestion]:
    from rag.evaluation.question_sets import read_question_set, without_shared

    questions = read_question_set(path, split)
    kept = without_shared(questions, path) if drop_shared else questions
    if len(kept) < len(questions):
        terminal.say(
            f"{path}: {len(questions) - len(kept)} of {len(questions)} questions share a review "
            "with training."
        )
    return _spread(kept, limit)


def _spread(questions: list[_Q], limit: int | None) -> list[_Q]:
    """At most so many of them, evenly spread."""
    return questions[:: max(1, -(-len(questions) // limit))] if limit else questions


def _measured(
    settings: Settings,
    name: str,
    questions: Sequence[RetrievalQuestion],
    setting: str,
    least_reviews: int,
) -> RetrievalReport:
    from rag.embedding import make_embedder
    from rag.evaluation.retrieval import evaluate_retrieval
    from rag.index import open_index
    from rag.retrieval import Retriever

    embedder = make_embedder(settings)
    retriever = Retriever(settings, open_index(settings, name, embedder), embedder)
    # the models load on first use, and no question should be timed with that
    retriever.retrieve("warm up")
    with terminal.StageProgress() as progress:
        return evaluate_retrieval(
            retriever,
            questions,
            progress,
            name=setting,
            least_reviews=least_reviews,
        )


def _changes(setting: str, sets: int) -> dict[str, Any]:
    """``top_k=5,retrieval=dense`` as settings."""
    changes: dict[str, Any] = {}
    for part in filter(None, map(str.strip, setting.split(","))):
        name, sign, value = map(str.strip, part.partition("="))
        if not sign or not name:
            raise click.BadParameter(f"{part!r} is not NAME=VALUE", param_hint="--setting")
        changes[name] = value
    if "index" in changes and sets > 1:
        raise click.BadParameter(
            '"index=" can be given with one --questions only', param_hint="--setting"
        )
    return changes


def _write_json(file: Path | None, value: Callable[[], object]) -> None:
    def write(file: Path) -> None:
        text = json.dumps(value(), indent=1, ensure_ascii=False)
        file.write_text(text, encoding="utf-8")

    _write(file, write)


def _write(file: Path | None, write: Callable[[Path], object]) -> None:
    """Raises `click.FileError` where it cannot be written."""
    try:
        if file is not None:
            write(file)
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error


@eval_group.command("feedback", epilog=example("reviewqa eval feedback --out liked.jsonl"))
@click.option("--index", "name", help="Only what was said of this index's answers.")
@click.option("--out", required=True, type=FILE, help="Write the questions to this file.")
@click.pass_obj
def feedback(context: Context, name: str | None, out: Path) -> None:
    """Make training questions of what people said of answers in the app: of those that they found
    good, and of those where they found that the reviews do not say.
    """
    from rag.evaluation.feedback import FEEDBACK_FILE, as_questions, read_feedback
    from ui.render.words import plural

    file = context.settings().paths.runs_dir / FEEDBACK_FILE
    given, broken = read_feedback(file)
    rows = as_questions([one for one in given if name in (None, one.index)])
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    _write(out, lambda path: path.write_text(lines, encoding="utf-8"))
    terminal.say(f"{plural(len(rows), 'question')} of {plural(len(given), 'judged answer')}.")
    if broken:
        terminal.say(f"{plural(broken, 'line')} of {file} could not be read.", err=True)
