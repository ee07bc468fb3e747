"""Retrieval reports as Markdown tables, as JSON and as a plot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.evaluation.report import render
from rag.evaluation.retrieval import RetrievalReport, compare
from rag.schema import SettingsError

PLOT_TYPES = (".png", ".svg", ".pdf")
_ABSENT = "-"


def markdown_report(reports: Sequence[RetrievalReport]) -> str:
    """Tables: the settings, each paired with the first one too; over all questions, and by domain
    if there are some.
    """
    first = reports[0]
    reasons = {"unanswerable": first.unanswerable, "about rare items": first.too_few}
    return render(
        "retrieval.md.jinja",
        reports=reports,
        first=first,
        metrics=first.metrics,
        left_out=[f"{count} {reason}" for reason, count in reasons.items() if count],
        groups=_groups(first),
        counts=Counter(result.domain for result in first.results.values()),
        means=lambda report, domain: [
            str(report.interval(metric, domain)) if report.of(metric, domain) else _ABSENT
            for metric in first.metrics
        ],
        differences=lambda report, domain: [
            _difference(first, report, metric, domain) for metric in first.metrics
        ],
    )


def json_report(reports: Sequence[RetrievalReport]) -> dict[str, Any]:
    """Everything, for a file: each setting's means and values by question, and how it differs from
    the first.
    """
    first, *others = reports
    return {
        "settings": [report.as_dict() for report in reports],
        "differences": [_to_first(first, report) for report in others],
    }


def plot_report(reports: Sequence[RetrievalReport], path: Path) -> None:
    """Draw each setting's mean and interval, a panel for each metric; the file's ending tells its
    type.

    Raises `SettingsError` for another ending, and `OSError` where it cannot be written.
    """
    if path.suffix.lower() not in PLOT_TYPES:
        raise SettingsError(
            f"A plot's name must end in one of {', '.join(PLOT_TYPES)}, not {path.name!r}."
        )
    from matplotlib.figure import Figure

    metrics, groups = reports[0].metrics, _groups(reports[0])
    step = len(reports) + 1  # a line for each setting, and an empty one
    figure = Figure(
        figsize=(3.2 * len(metrics), 0.9 + 0.32 * len(groups) * step), layout="constrained"
    )
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for metric, panel in zip(metrics, panels, strict=True):
        for number, report in enumerate(reports):
            means = [report.interval(metric, domain) for domain in groups]
            below = [mean.mean - mean.low for mean in means]
            above = [mean.high - mean.mean for mean in means]
            panel.errorbar(
                [mean.mean for mean in means],
                [-(place * step + number) for place in range(len(groups))],
                xerr=[below, above],
                fmt="o",
                markersize=4,
                capsize=2,
                label=report.name,
            )
        panel.set_title(metric, fontsize=10)
        panel.grid(axis="x", alpha=0.3)
        middles = [-(place * step + (len(reports) - 1) / 2) for place in range(len(groups))]
        panel.set_yticks(middles, [domain or "all" for domain in groups], fontsize=8)
        panel.tick_params(axis="x", labelsize=8)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=150)


def _groups(report: RetrievalReport) -> list[str]:
    """ "", which stands for all questions, and the domains where there are several."""
    return ["", *report.domains] if len(report.domains) > 1 else [""]


def _difference(first: RetrievalReport, other: RetrievalReport, metric: str, domain: str) -> str:
    if not first.of(metric, domain):
        return _ABSENT
    change = compare(first, other, metric, domain)
    p_value = "p<0.001" if change.p_value < 0.001 else f"p={change.p_value:.3f}"
    return f"{change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}] {p_value}"


def _to_first(first: RetrievalReport, other: RetrievalReport) -> dict[str, Any]:
    """How it differs from the first, by metric, over all questions and by domain."""
    by_domain = {domain: _differences(first, other, domain) for domain in first.domains}
    names = {"name": other.name, "baseline": first.name}
    return {**names, **_differences(first, other, ""), "by_domain": by_domain}


def _differences(
    first: RetrievalReport, other: RetrievalReport, domain: str
) -> dict[str, dict[str, float]]:
    """By metric; a metric that no question of the domain has is left out."""
    return {
        metric: asdict(compare(first, other, metric, domain))
        for metric in first.metrics
        if first.of(metric, domain)
    }
