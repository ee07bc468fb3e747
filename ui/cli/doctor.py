"""`reviewqa doctor`: what this machine has, what computes, and what could be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rag.files import size_in_words
from ui.cli import terminal
from ui.cli.options import Context, example

if TYPE_CHECKING:
    from rag.config import Settings
    from rag.runtimes.measure import Measured


@click.command("doctor", epilog=example("reviewqa doctor --measure"))
@click.option(
    "--measure",
    "measured",
    is_flag=True,
    help="Measure what computes fastest here, and use it from now on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def doctor(context: Context, measured: bool, as_json: bool) -> None:
    """Show what this machine has, what computes the embedder and the reader, and what to install."""
    settings = context.settings()
    rows = _measure(settings) if measured else []
    report = _report(settings, rows)
    if as_json:
        terminal.say_json(report)
    else:
        terminal.say("\n".join(_lines(report)))


def _measure(settings: Settings) -> list[Measured]:
    from rag.runtimes.choice import store_choice
    from rag.runtimes.measure import fastest, measure

    with terminal.StageProgress() as progress:
        rows = measure(progress=progress)
    rates = {str(each.runtime): each.as_dict() for each in rows}
    store_choice(settings.paths.cache_dir, fastest(rows), rates)
    return rows


def _report(settings: Settings, rows: list[Measured]) -> dict[str, Any]:
    from rag.runtimes.choice import (
        CHOICE_FILE,
        choose_runtime,
        may_have_gpu,
        openvino_installed,
        stored_choice,
    )
    from rag.runtimes.machine import Machine

    machine = Machine.here(settings.paths.indexes_dir)
    stored = stored_choice(settings.paths.cache_dir)
    advice = []
    if not openvino_installed() and not may_have_gpu():
        advice.append('Faster, without torch for questions: pip install "reviewqa[fast]"')
    if stored is None:
        advice.append("To choose by what is fastest here: reviewqa doctor --measure")
    return {
        "machine": machine.as_dict(),
        "runtime": str(choose_runtime(settings)),
        "chosen_by": str(settings.paths.cache_dir / CHOICE_FILE) if stored else "default",
        "embedder": settings.embedding.model,
        "reader": settings.reader.model,
        "generator": settings.generator.name,
        "measured": [each.as_dict() for each in rows],
        "advice": advice,
    }


def _lines(report: dict[str, Any]) -> list[str]:
    machine = report["machine"]
    lines = [
        f"processor  {machine['processor']}, {machine['cores']} cores",
        f"           {', '.join(machine['instructions']) or 'no wide instructions known'}",
        f"memory     {size_in_words(machine['memory'])}",
        f"free disk  {size_in_words(machine['free_disk'])}",
        f"python     {machine['python']}",
        f"runtime    {report['runtime']} ({report['chosen_by']})",
        *(f"{name:<10} {report[name]}" for name in ("embedder", "reader", "generator")),
    ]
    for row in report["measured"]:
        lines.append(
            f"{row['runtime']:<20} {row['reviews_per_second']:>7} reviews/s  "
            f"cosine {row['least_cosine']:.4f}  decisions changed {row['flipped']:.1%}"
            + ("" if row["usable"] else f"  not used {row['problem']}".rstrip())
        )
    return [*lines, *report["advice"]]
