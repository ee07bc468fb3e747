"""The README.md of an adapter or a merged model: what it is, how it was made, how well it does, how
to use it.
"""

from __future__ import annotations

from typing import Any

from finetune.recipe import Recipe
from finetune.report import render
from rag.answering.prompt import ANSWERING
from rag.answering.statement_prompt import STATING

_DOES = {
    "": "continue reviews",
    ANSWERING: "answer questions from review passages, with citations",
    STATING: "say in one plain sentence what quotations from reviews say",
}


def model_card(recipe: Recipe, record: dict[str, Any]) -> str:
    """In Markdown, from the record of its training."""
    sequences, loss = record["sequences"], record["held_out_loss"]
    rows = [
        ("base model", f"{recipe.base_model} ({recipe.licence or 'licence not recorded'})"),
        ("examples", f"{sequences['train']} to train on, {sequences['held_out']} held out"),
        (
            "steps",
            f"{record['steps']}, in {record['seconds'] / 60:.0f} minutes on {record['device']}",
        ),
        (
            "loss on the examples held out",
            f"{_number(loss['before'])} before, {_number(loss['after'])} after",
        ),
        ("tokens per second", f"{record['tokens_per_second']:.0f}"),
        ("most memory", f"{record['peak_memory_bytes'] / 2**30:.1f} GiB"),
        ("prompt", f"{record['template'] or 'none: plain text'} {record['template_hash'][:12]}"),
        ("data, SHA-256", record["data_sha256"][:12]),
    ]
    merge = record.get("merge", {})
    divergence = [
        (f"the {way} weights", f"{value:.6f}")
        for way, value in merge.get("divergence", {}).items()
        if value is not None
    ]
    return render(
        "model_card.md.jinja",
        recipe=recipe,
        record=record,
        does=_DOES[record["template"]],
        rows=rows,
        merge=merge,
        divergence=divergence,
    )


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
