"""What a question was understood as, in a row of chips: each thing that limits its answer can be
removed, and put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from ui.render import fragment
from ui.render.words import as_markdown, excerpt

_INTENTS = {  # an opinion is what most questions ask for: nothing to tell
    "overview": "overview",
    "yes_no": "yes or no",
    "fact": "a fact",
    "count": "how many",
    "comparison": "comparison",
    "why": "reasons",
    "change": "change over time",
    "statistic": "figures",
}
_SAID = {  # what a label is, for those who hear it without its row
    "item": "reviews of",
    "name": "the name",
    "date": "the time",
    "rating": "the rating",
    "side": "only",
}
_MOST_CHARACTERS = 40  # of a label: a review file may call an item anything


def says_something(plan: Mapping[str, Any]) -> bool:
    """Whether there is anything to show of a plan as `Answer.plan` has it."""
    return bool(plan["limits"] or plan["removed"] or plan["intent"] in _INTENTS)


def short(limit: Mapping[str, str]) -> str:
    """A limit's label, cut short where it is long."""
    return excerpt(limit["label"], _MOST_CHARACTERS)


def show(plan: Mapping[str, Any], ask_without: Callable[[Sequence[str]], None] | None) -> None:
    """Draw the row; nothing where there is nothing to show. `ask_without` asks the question again
    without the limits that have these keys; where it is None, nothing can be removed.
    """
    tags = [_INTENTS[plan["intent"]]] if plan["intent"] in _INTENTS else []
    if ask_without is None:
        tags += [short(limit) for limit in plan["limits"]]
    if not (tags or (ask_without and says_something(plan))):
        return
    with st.container(key="understood", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.html(fragment("answer.html", "understood", tags), width="content")
        if ask_without is None:
            return
        gone = [limit["key"] for limit in plan["removed"]]
        for number, limit in enumerate(plan["limits"]):
            keys = [*gone, limit["key"]]
            st.button(
                _label("Remove:", limit), key=f"remove-{number}", on_click=ask_without, args=(keys,)
            )
        for number, limit in enumerate(plan["removed"]):
            keys = [key for key in gone if key != limit["key"]]
            st.button(
                _label("Put back:", limit),
                key=f"put-back-{number}",
                on_click=ask_without,
                args=(keys,),
            )


def _label(verb: str, limit: Mapping[str, str]) -> str:
    """What a button says. The style sheet shows only what is bold; a screen reader reads it all."""
    return f"{verb} {_SAID[limit['kind']]} **{as_markdown(short(limit))}**"
