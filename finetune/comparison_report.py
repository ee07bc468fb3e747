"""A comparison as Markdown, as a self-contained HTML page, and as JSON. All that a model wrote is
escaped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from finetune.comparison import METRICS, Compared, Contender, difference
from rag.answer import Answer
from rag.answering.prompt import write_marker
from rag.evaluation.significance import Interval
from rag.schema import ReviewFileError

HTML_FILE, MARKDOWN_FILE, JSON_FILE = "report.html", "report.md", "report.json"
_ANSWERS = 20  # questions whose answers are shown beside each other
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .7rem; text-align: left; white-space: nowrap; }
.wide { overflow-x: auto; } .verdict { font-size: 1.2rem; }
.side { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
.side > div { border: 1px solid #8886; border-radius: .5rem; padding: .5rem 1rem; overflow-wrap: anywhere; }
.unsupported { text-decoration: underline wavy #c33; }
.number { color: #36c; } .about { opacity: .7; font-size: .9rem; }
"""


def write_report(compared: Compared, folder: Path) -> None:
    """Write all three into `folder`. Raises `ReviewFileError` where they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / HTML_FILE).write_text(html_report(compared), encoding="utf-8")
        (folder / MARKDOWN_FILE).write_text(markdown_report(compared), encoding="utf-8")
        text = json.dumps(json_report(compared), indent=1, ensure_ascii=False)
        (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ReviewFileError(f"Cannot write the report to {folder}: {error.strerror}.") from error


def json_report(compared: Compared) -> dict[str, Any]:
    """All numbers and answers."""
    first = compared.contender(compared.baseline)
    return {
        "verdict": compared.verdict,
        "reason": compared.reason,
        "baseline": compared.baseline,
        "tuned": compared.tuned,
        "index": compared.index,
        "contenders": {
            one.name: {
                "generator": one.generator,
                "means": {metric: asdict(one.interval(metric)) for metric in METRICS},
                "less_baseline": {
                    m: asdict(d) for m in METRICS if (d := difference(first, one, m)) is not None
                },
                "refusal_f1": one.report.refusal_f1,
                "tasks": [
                    {
                        "task": t.task.name,
                        "answer": t.answer.text,
                        "supported": t.supported,
                        "balance": t.balance,
                        "distinct": t.distinct,
                    }
                    for t in one.tasks
                ],
                "results": [asdict(result) for result in one.report.results],
            }
            for one in compared.contenders
        },
    }


def rows(compared: Compared) -> list[list[str]]:
    """The table of numbers: a header, then a row for each metric; differences are to the baseline."""
    first = compared.contender(compared.baseline)
    others = [one for one in compared.contenders if one is not first]
    ordered = [first, *others]
    table = [
        ["", *(one.name for one in ordered), *(f"{one.name} less {first.name}" for one in others)]
    ]
    for metric, (title, _) in METRICS.items():
        cells = [_interval(one.interval(metric)) for one in ordered]
        table.append([title, *cells, *(_difference(first, one, metric) for one in others)])
    table.append(
        [
            "F1 of refusals",
            *(f"{one.report.refusal_f1:.2f}" for one in ordered),
            *(f"{one.report.refusal_f1 - first.report.refusal_f1:+.2f}" for one in others),
        ]
    )
    return table


def task_rows(compared: Compared) -> list[list[str]]:
    """The same for the two tasks."""
    table = [["", "task", "sentences supported", "balance", "repeat nothing"]]
    table += [
        [
            one.name,
            found.task.label,
            f"{found.supported:.2f}",
            f"{found.balance:.2f}",
            f"{found.distinct:.2f}",
        ]
        for one in compared.contenders
        for found in one.tasks
    ]
    return table


def markdown_report(compared: Compared) -> str:
    """Numbers first, then the answers to the two tasks."""
    lines = [
        f"# {_markdown(_title(compared))}: {compared.verdict}",
        "",
        f"{compared.reason}. {compared.questions} questions over the index {compared.index}.",
        "",
        *_markdown_table(rows(compared)),
        "",
        *_markdown_table(task_rows(compared)),
        "",
    ]
    for place, task in enumerate(compared.contenders[0].tasks):
        lines += [f"## {task.task.label}", "", task.task.question, ""]
        for one in compared.contenders:
            answer = one.tasks[place].answer
            lines += [f"**{one.name}** ({_markdown(one.generator)})", ""]
            lines += [f"- {_markdown(text)}" for text in _lines(answer)] + [""]
    return "\n".join(lines)


def html_report(compared: Compared) -> str:
    """The same with loss curves, and the answers to the first questions beside each other; one
    file, no scripts.
    """
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(_title(compared))}</title><style>{_STYLE}</style>",
        f"<h1>{escape(_title(compared))}</h1>",
        f'<p class="verdict"><strong>{escape(compared.verdict.capitalize())}.</strong> '
        f"{escape(compared.reason)}.</p>",
        f"<p>{compared.questions} questions over the index {escape(compared.index)}; means with "
        "95% intervals, and ",
        "differences with the p-value of a paired randomisation test. A wavy line marks a sentence "
        "that the reviews it "
        "cites do not bear out.</p>",
        _html_table(rows(compared)),
        _html_table(task_rows(compared)),
        loss_curve(compared.record.get("log", [])),
    ]
    for place, task in enumerate(compared.contenders[0].tasks):
        parts += [
            f"<h2>{escape(task.task.label)}</h2><p>{escape(task.task.question)}</p>",
            _beside([(one, _html_answer(one.tasks[place].answer)) for one in compared.contenders]),
        ]
    parts.append("<h2>Answers</h2>")
    for result in compared.contenders[0].report.results[:_ANSWERS]:
        found = [
            (one, next((r for r in one.report.results if r.id == result.id), None))
            for one in compared.contenders
        ]
        cells = [(one, f"<p>{escape(r.answer)}</p>" if r else "<p>failed</p>") for one, r in found]
        parts += [f"<h3>{escape(result.question)}</h3>", _beside(cells)]
    return "\n".join(parts) + "</html>\n"


def _title(compared: Compared) -> str:
    name = compared.record.get("output", "")
    return (
        f"{name}, {compared.tuned} against {compared.baseline}"
        if name
        else (f"{compared.tuned} against {compared.baseline}")
    )


def loss_curve(log: Sequence[dict[str, Any]]) -> str:
    """The losses over the steps as an SVG picture, with its numbers in its description; empty
    without any.
    """
    series = {
        "training": [(one["step"], one["loss"]) for one in log if "loss" in one],
        "held out": [(one["step"], one["eval_loss"]) for one in log if "eval_loss" in one],
    }
    points = [point for found in series.values() for point in found]
    if len(points) < 2:
        return ""
    last, high = max(step for step, _ in points) or 1, max(loss for _, loss in points) or 1
    lines = []
    for (name, found), colour in zip(series.items(), ("#36c", "#c60"), strict=True):
        if found:
            path = " ".join(
                f"{60 + 520 * step / last:.1f},{190 - 170 * loss / high:.1f}"
                for step, loss in found
            )
            lines.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
                f'<text x="590" y="{190 - 170 * found[-1][1] / high:.0f}" fill="{colour}">{name} '
                f"{found[-1][1]:.2f}</text>"
            )
    told = "; ".join(
        f"{name}: " + ", ".join(f"{loss:.2f} at step {step}" for step, loss in found)
        for name, found in series.items()
        if found
    )
    return (
        '<h2>Loss</h2><svg viewBox="0 0 740 215" width="740" style="max-width:100%" role="img" '
        f'aria-label="{told}">'
        '<path d="M60 20V190H580" fill="none" stroke="#888"/>'
        f'<text x="50" y="25" text-anchor="end" fill="#888">{high:.1f}</text>'
        f'<text x="50" y="190" text-anchor="end" fill="#888">0</text>'
        '<text x="580" y="208" text-anchor="end" fill="#888">step '
        f"{last}</text>{''.join(lines)}</svg>"
    )


def _lines(answer: Answer) -> list[str]:
    return [
        one.text
        if one.heading or not one.citations
        else f"{one.text} {write_marker(citation.number for citation in one.citations)}"
        + ("" if one.supported else " (not supported)")
        for one in answer.sentences
    ]


def _html_answer(answer: Answer) -> str:
    pieces = []
    for one in answer.sentences:
        kind = "" if one.supported else ' class="unsupported"'
        numbers = escape(write_marker(citation.number for citation in one.citations))
        text = (
            f"<strong>{escape(one.text)}</strong>"
            if one.heading
            else f"<span{kind}>{escape(one.text)}</span>"
        )
        pieces.append(f'<p>{text} <span class="number">{numbers}</span></p>')
    return "".join(pieces)


def _beside(cells: Sequence[tuple[Contender, str]]) -> str:
    inside = "".join(
        f'<div><p class="about">{escape(one.name)}</p>{markup}</div>' for one, markup in cells
    )
    return f'<div class="side">{inside}</div>'


def _html_table(table: Sequence[Sequence[str]]) -> str:
    header = "".join(f"<th>{escape(cell)}</th>" for cell in table[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table[1:]
    )
    return f'<div class="wide"><table><tr>{header}</tr>{body}</table></div>'


def _markdown_table(table: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(map(_markdown, row)) + " |" if place != 1 else "|" + "---|" * len(row)
        for place, row in enumerate([table[0], table[0], *table[1:]])
    ]


def _markdown(text: str) -> str:
    """One line that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_|<>[]#" else c for c in " ".join(text.split()))


def _interval(found: Interval) -> str:
    return (
        "-" if found.mean != found.mean else f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
    )


def _difference(first: Contender, other: Contender, metric: str) -> str:
    found = difference(first, other, metric)
    return (
        "-"
        if found is None
        else (
            f"{found.difference:+.2f} [{found.low:+.2f}, {found.high:+.2f}] p = {found.p_value:.3f}"
        )
    )
