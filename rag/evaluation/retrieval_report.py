"""Retrieval reports as a Markdown table, as JSON and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.evaluation.retrieval import RetrievalReport, compare
from rag.schema import SettingsError

PLOT_TYPES = (".png", ".svg", ".pdf")


def markdown_report(reports: Sequence[RetrievalReport]) -> str:
    """Tables: the settings, each paired with the first one too; over all questions, and by domain
    if there are some.
    """
    metrics = reports[0].metrics
    first = reports[0]
    left_out = [
        f"{count} {why}"
        for count, why in (
            (first.unanswerable, "unanswerable"),
            (first.too_few, "about rare items"),
        )
        if count
    ]
    note = f"{len(first.domains)} questions" + (
        f" ({', '.join(left_out)} left out)" if left_out else ""
    )
    lines = [
        f"{note}; mean [95% bootstrap interval].",
        "",
        *_table(
            ["setting", *metrics, "ms"],
            [
                [
                    one.name,
                    *(str(one.interval(metric)) for metric in metrics),
                    f"{1000 * _median(one):.0f}",
                ]
                for one in reports
            ],
        ),
    ]
    domains = sorted(set(first.domains.values()))
    if len(domains) > 1:
        rows = [
            [
                domain,
                str(sum(d == domain for d in one.domains.values())),
                one.name,
                *(
                    str(one.interval(metric, domain)) if _has(one, metric, domain) else "-"
                    for metric in metrics
                ),
            ]
            for domain in domains
            for one in reports
        ]
        lines += ["", *_table(["domain", "questions", "setting", *metrics], rows)]
    if len(reports) > 1:
        groups = ["", *(domains if len(domains) > 1 else ())]
        rows = [
            [
                domain or "all",
                one.name,
                *(_difference(first, one, metric, domain) for metric in metrics),
            ]
            for domain in groups
            for one in reports[1:]
        ]
        lines += [
            "",
            f"Difference to {first.name}, paired by question (randomisation test):",
            "",
            *_table(["domain", "setting", *metrics], rows),
        ]
    return "\n".join(lines)


def json_report(reports: Sequence[RetrievalReport]) -> dict[str, Any]:
    """Everything, for a file: each setting's means and values by question, and how it differs from
    the first.
    """
    first = reports[0]
    domains = sorted(set(first.domains.values()))
    return {
        "settings": [one.as_dict() for one in reports],
        "differences": [
            {
                "name": one.name,
                "baseline": first.name,
                **_differences(first, one, ""),
                "by_domain": {domain: _differences(first, one, domain) for domain in domains},
            }
            for one in reports[1:]
        ],
    }


def _differences(
    first: RetrievalReport, other: RetrievalReport, domain: str
) -> dict[str, dict[str, float]]:
    """By metric; a metric that no question of the domain has is left out."""
    return {
        metric: asdict(compare(first, other, metric, domain))
        for metric in first.metrics
        if _has(first, metric, domain)
    }


def _difference(first: RetrievalReport, other: RetrievalReport, metric: str, domain: str) -> str:
    if not _has(first, metric, domain):
        return "-"
    found = compare(first, other, metric, domain)
    return f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {_p(found.p_value)}"


def _has(report: RetrievalReport, metric: str, domain: str) -> bool:
    return any(domain in ("", report.domains[question]) for question in report.values[metric])


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

    metrics = reports[0].metrics
    domains = [
        "",
        *(
            d
            for d in sorted(set(reports[0].domains.values()))
            if len(set(reports[0].domains.values())) > 1
        ),
    ]
    figure = Figure(
        figsize=(3.2 * len(metrics), 0.9 + 0.32 * len(domains) * (len(reports) + 1)),
        layout="constrained",
    )
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for metric, panel in zip(metrics, panels, strict=True):
        for number, one in enumerate(reports):
            found = [one.interval(metric, domain) for domain in domains]
            heights = [-(place * (len(reports) + 1) + number) for place in range(len(domains))]
            panel.errorbar(
                [i.mean for i in found],
                heights,
                xerr=[[i.mean - i.low for i in found], [i.high - i.mean for i in found]],
                fmt="o",
                markersize=4,
                capsize=2,
                label=one.name,
            )
        panel.set_title(metric, fontsize=10)
        panel.grid(axis="x", alpha=0.3)
        middles = [
            -(place * (len(reports) + 1) + (len(reports) - 1) / 2) for place in range(len(domains))
        ]
        panel.set_yticks(middles, [domain or "all" for domain in domains], fontsize=8)
        panel.tick_params(axis="x", labelsize=8)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    figure.savefig(path, dpi=150)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return [lines[0], "|" + "---|" * len(header), *lines[1:]]


def _p(value: float) -> str:
    return "p<0.001" if value < 0.001 else f"p={value:.3f}"


def _median(report: RetrievalReport) -> float:
    return float(report.as_dict()["seconds_median"])
