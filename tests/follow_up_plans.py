"""Dialogues about three flats, each with what its last question comes to (`data/
follow_up_plans.jsonl`), and whether a plan is that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.filters import where_text
from rag.understanding.catalogue import Catalogue
from rag.understanding.plan import QuestionPlan

FLATS = Catalogue(
    name="flats",
    reviews=300,
    items={"101": 100, "102": 100, "103": 100},
    aliases={"marc": ("101",), "sue": ("102",), "ana": ("103",)},
    words={"marc": 50, "sue": 50, "ana": 50, "the": 300, "breakfast": 40, "parking": 40},
    dates=("2019-01-01", "2024-01-01"),
    scale=(1, 5),
)
PARTS = ("items", "limits", "words", "side", "intent")


def dialogues() -> Iterator[dict[str, Any]]:
    """`turns`; the names of the `items` of the last one's plan ("?" before one that no review is
    of) and its `limits`; the words that its query `must` and `must_not` have; `side` and `intent`
    where there is no doubt.
    """
    file = Path(__file__).parent / "data" / "follow_up_plans.jsonl"
    yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def wrong_parts(dialogue: dict[str, Any], plan: QuestionPlan) -> list[str]:
    """The `PARTS` in which the plan is not what it should be."""
    items = [mention.name for mention in plan.items]
    items += [f"?{plan.unknown_item}"] if plan.unknown_item else []
    limits = where_text([one for one in plan.conditions if one.field != "item"])

    def has(word: str) -> bool:
        return bool(re.search(rf"\b{re.escape(word)}\b", plan.query, re.IGNORECASE))

    right = {
        "items": items == dialogue["items"],
        "limits": limits == dialogue["limits"],
        "words": all(map(has, dialogue["must"])) and not any(map(has, dialogue["must_not"])),
        "side": dialogue["side"] in (None, plan.side),
        "intent": dialogue["intent"] in (None, plan.intent),
    }
    return [part for part in PARTS if not right[part]]
