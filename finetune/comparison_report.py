"""A comparison as Markdown, as a self-contained HTML page, and as JSON. All that a model wrote is
escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from finetune.comparison import Compared, Contender
from finetune.exam import TaskAnswer
from finetune.report import render
from rag.evaluation.paired import METRICS, difference
from rag.schema import ReviewFileError

HTML_FILE, MARKDOWN_FILE, JSON_FILE = "report.html", "report.md", "report.json"
_ANSWERS = 20  # questions whose answers are shown beside each other
_COLOURS = {"training": "#36c", "held out": "#c60"}


def write_report(compared: Compared) -> None:
    """Write all three into its folder. Raises `ReviewFileError` where they cannot be written."""
    folder = compared.folder
    numbers = json.dumps(json_report(compared), indent=1, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HTML_FILE).write_text(html_report(compared), encoding="utf-8")
        (folder / MARKDOWN_FILE).write_text(markdown_report(compared), encoding="utf-8")
        (folder / JSON_FILE).write_text(numbers, encoding="utf-8")
    except OSError as error:
        raise ReviewFileError(f"Cannot write the report to {folder}: {error.strerror}.") from error


def json_report(compared: Compared) -> dict[str, Any]:
    """All numbers and answers."""
    table = {name: getattr(compared, name) for name in ("verdict", "reason", "baseline", "tuned")}
    contenders = {
        contender.name: _numbers_of(contender, compared.first) for contender in compared.contenders
    }
    return table | {"index": compared.index, "contenders": contenders}


def _numbers_of(contender: Contender, first: Contender) -> dict[str, Any]:
    differences = {metric: difference(first.report, contender.report, metric) for metric in METRICS}
    return {
        "generator": contender.generator,
        "means": {metric: asdict(contender.interval(metric)) for metric in METRICS},
        "less_baseline": {
            metric: asdict(change) for metric, change in differences.items() if change is not None
        },
        "refusal_f1": contender.report.value("refusal_f1"),
        "tasks": [_task_numbers(answer) for answer in contender.tasks],
        "results": [result.as_dict() for result in contender.report.results],
    }


def _task_numbers(answer: TaskAnswer) -> dict[str, Any]:
    return {
        "task": answer.task.name,
        "answer": answer.answer.text,
        "supported": answer.supported,
        "key_points": answer.key_points,
        "balance": answer.balance,
        "distinct": answer.distinct,
        "reading_ease": answer.reading_ease,
        "true": answer.true,
        "worded": answer.worded,
    }


def markdown_report(compared: Compared) -> str:
    """Numbers first, then the answers to the two tasks."""
    return render("comparison.md.jinja", **_values(compared))


def html_report(compared: Compared) -> str:
    """The same with loss curves, and the answers to the first questions beside each other; one
    file, no scripts.
    """
    texts: dict[str, dict[str, str]] = {}
    for contender in compared.contenders:
        texts[contender.name] = {result.id: result.answer for result in contender.report.results}
    answers = []
    for result in compared.first.report.results[:_ANSWERS]:
        beside = [(name, by_id.get(result.id, "failed")) for name, by_id in texts.items()]
        answers.append((result.question, beside))
    curve = loss_curve(compared.record.get("log", []))
    return render("comparison.html.jinja", **_values(compared), curve=curve, answers=answers)


def _values(compared: Compared) -> dict[str, object]:
    """What both reports show."""
    title = f"{compared.tuned} against {compared.baseline}"
    return {
        "compared": compared,
        "title": ", ".join(filter(None, (compared.record.get("output", ""), title))),
        "numbers": number_rows(compared),
        "task_numbers": task_rows(compared),
        "tasks": [answer.task for answer in compared.first.tasks],
    }


def number_rows(compared: Compared) -> list[list[str]]:
    """The table of numbers: a header, then a row for each metric; differences are to the
    baseline.
    """
    first = compared.first
    others = [contender for contender in compared.contenders if contender is not first]
    ordered = [first, *others]
    names = [contender.name for contender in ordered]
    rows = [["", *names, *(f"{other.name} less {first.name}" for other in others)]]
    for metric, (title, _) in METRICS.items():
        means = [_mean(contender, metric) for contender in ordered]
        if set(means) == {"-"}:
            continue
        rows.append([title, *means, *(_change(first, other, metric) for other in others)])
    refusals = [contender.report.value("refusal_f1") for contender in ordered]
    changes = [f"{value - refusals[0]:+.2f}" for value in refusals[1:]]
    rows.append(["F1 of refusals", *(f"{value:.2f}" for value in refusals), *changes])
    return rows


def task_rows(compared: Compared) -> list[list[str]]:
    """The same for the two tasks."""
    columns: dict[str, Callable[[TaskAnswer], float | None]] = {
        "sentences supported": lambda answer: answer.supported,
        "key points covered": lambda answer: answer.key_points,
        "balance": lambda answer: answer.balance,
        "repeat nothing": lambda answer: answer.distinct,
        "reading ease": lambda answer: answer.reading_ease,
        "first statements borne out": lambda answer: answer.true,
        "points in the model's words": lambda answer: answer.worded,
    }
    answers = [
        (contender, answer) for contender in compared.contenders for answer in contender.tasks
    ]
    shown = {
        title: value
        for title, value in columns.items()
        if any(value(answer) is not None for _, answer in answers)
    }
    rows = [["", "task", *shown]]
    for contender, answer in answers:
        numbers = [value(answer) for value in shown.values()]
        cells = ["-" if number is None else f"{number:.2f}" for number in numbers]
        rows.append([contender.name, answer.task.label, *cells])
    return rows


def loss_curve(log: Sequence[Mapping[str, Any]]) -> str:
    """The losses over the steps as an SVG picture, with its numbers in its description; empty
    without any.
    """
    series = {
        "training": [(line["step"], line["loss"]) for line in log if "loss" in line],
        "held out": [(line["step"], line["eval_loss"]) for line in log if "eval_loss" in line],
    }
    points = [*series["training"], *series["held out"]]
    if len(points) < 2:
        return ""
    last, high = max(step for step, _ in points) or 1, max(loss for _, loss in points) or 1
    lines, told = [], []
    for name, losses in series.items():
        if not losses:
            continue
        told.append(f"{name}: " + ", ".join(f"{loss:.2f} at step {step}" for step, loss in losses))
        places = [(60 + 520 * step / last, 190 - 170 * loss / high) for step, loss in losses]
        lines.append(
            {
                "name": name,
                "colour": _COLOURS[name],
                "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in places),
                "y": f"{places[-1][1]:.0f}",
                "loss": losses[-1][1],
            }
        )
    return render("loss.svg.jinja", told="; ".join(told), high=high, last=last, lines=lines)


def _mean(contender: Contender, metric: str) -> str:
    interval = contender.interval(metric)
    if interval.mean != interval.mean:  # not a number: no question has a value
        return "-"
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _change(first: Contender, other: Contender, metric: str) -> str:
    change = difference(first.report, other.report, metric)
    return "-" if change is None else str(change)
