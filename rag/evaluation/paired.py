"""What differs between two that were asked the same: question by question, with an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rag.evaluation.answers import AnswerReport
from rag.evaluation.metrics import QuestionResult
from rag.evaluation.report import markdown_table
from rag.evaluation.significance import Comparison, paired

METRICS: Mapping[str, tuple[str, Callable[[QuestionResult], float | None]]] = {
    "supported": (
        "sentences supported",
        lambda r: r.supported / r.sentences if r.sentences else None,
    ),
    "key_points": ("key points recalled", lambda r: r.values.get("key_points")),
    "citation_precision": ("citation precision", lambda r: r.values.get("citation_precision")),
    "citation_recall": ("citation recall", lambda r: r.values.get("citation_recall")),
    "refusal": ("refused or answered rightly", lambda r: float(r.refused != r.answerable)),
    "balance": ("balance of both sides", lambda r: r.values.get("balance")),
    "distinct": (
        "sentences that repeat nothing",
        lambda r: None if (share := r.values.get("repeated")) is None else 1 - share,
    ),
    "reading_ease": ("reading ease", lambda r: r.values.get("reading_ease")),
    "true": ("first statements borne out", lambda r: r.values.get("true")),
    "worded": ("points in the model's words", lambda r: r.values.get("worded")),
    "seconds": ("seconds", lambda r: r.seconds),
}
"""Name -> (title, one question's value; None where it has none)."""


def difference(first: AnswerReport, other: AnswerReport, metric: str) -> Comparison | None:
    """Other less first, over the questions on which both have a value; None where there are
    none.
    """
    value_of = METRICS[metric][1]
    later = {result.id: value_of(result) for result in other.results}
    before, after = [], []
    for result in first.results:
        value, later_value = value_of(result), later.get(result.id)
        if value is not None and later_value is not None:
            before.append(value)
            after.append(later_value)
    return paired(before, after) if before else None


def difference_table(first: AnswerReport, others: list[AnswerReport]) -> str:
    """A Markdown table of what the others have more than the first, with 95% intervals and the
    p-value of a paired randomisation test; one row a metric that both have.
    """
    rows = []
    for metric, (title, _) in METRICS.items():
        changes = [difference(first, other, metric) for other in others]
        if any(changes):
            rows.append([title, *(str(change) if change else "-" for change in changes)])
    return markdown_table([f"less {first.generator}", *(o.generator for o in others)], rows)
