"""An answer on the screen: what its question was understood as, its reviews beside it, and what can be
done with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rag.config import Settings
from rag.index import ReviewIndex
from ui.components import conversation, feedback, understood
from ui.components.conversation import Exchange
from ui.render import answers as render

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def show(
    settings: Settings, exchange: Exchange, index: ReviewIndex, ask: Callable[..., None]
) -> None:
    """Draw an answer; above it what its question was understood as, and where it was searched for in
    other words than the user's, these and the way to ask in the user's. `ask` is given
    a question, the questions before it, and the limits to ask it without.
    """
    plan = exchange.answer.plan
    told = bool(exchange.answer.searched_for or understood.says_something(plan))
    if told:
        with st.container(key="rewritten", gap="small"):
            st.html(render.heading_html(exchange.answer, exchange.asked_of))
            if exchange.answer.searched_for and not plan["removed"]:
                st.button(
                    conversation.AS_WRITTEN,
                    key="as-written",
                    type="tertiary",
                    on_click=ask,
                    args=(exchange.answer.question, ()),
                )

            def ask_without(keys: Sequence[str]) -> None:
                ask(exchange.answer.question, exchange.previous, keys)

            # another index, chosen since, may know none of these items
            understood.show(plan, ask_without if exchange.index == index.name else None)
    with draw(exchange, heading=not told):
        _below(settings, exchange, index, ask)


def _below(
    settings: Settings, exchange: Exchange, index: ReviewIndex, ask: Callable[..., None]
) -> None:
    """What can be done with an answer, and what could be asked next."""
    number, markdown = st.session_state.shown, exchange.answer.to_markdown()
    with st.container(key="with-answer", horizontal=True, gap="small"):
        feedback.buttons(settings, exchange, number)
        st.html(render.copy_html(markdown), width="content")
        st.download_button(
            "Download",
            markdown,
            file_name="answer.md",
            mime="text/markdown",
            key="download",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
        )
    feedback.form(settings, exchange, number)
    if exchange.index == index.name:
        conversation.next_questions(exchange, index, ask)


def draw(exchange: Exchange, *, heading: bool = True) -> DeltaGenerator:
    """Draw the answer that is shown, its reviews beside it; what the answer stands in."""
    prefix = f"a{st.session_state.shown + 1}"
    reviews = render.reviews_html(exchange.answer, prefix=prefix, index=exchange.index)
    with st.container(key="answer"):
        left, right = st.columns([11, 9], gap="large") if reviews else (st.container(), None)
    left.html(
        render.answer_html(
            exchange.answer,
            prefix=prefix,
            index=exchange.index,
            index_line=exchange.index_line,
            asked_of=exchange.asked_of,
            heading=heading,
        )
    )
    if right is not None:
        right.html(reviews)
    return left
