"""The questions of a session: what was answered, what a follow-up leans on, and the list of them in
the sidebar.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from rag.answer import Answer
from rag.config import Settings
from ui.render import answers as render

MAX_HISTORY = 50
MAX_QUESTION = 500  # characters
AS_WRITTEN = "Ask exactly as written"
NEW_TOPIC = "New topic"


@dataclass(frozen=True, slots=True)
class Turn:
    """An answer, its index, and which reviews were asked: ``41 of 330 reviews: rating >= 8``; ""
    for all.
    """

    answer: Answer
    index: str
    index_line: str
    asked_of: str = ""

    @property
    def label(self) -> str:
        """The question in the list of questions, with its conditions."""
        conditions = self.asked_of.partition(": ")[2]
        return f"{self.answer.question} ({conditions})" if conditions else self.answer.question


def earlier(index: str) -> tuple[str, ...]:
    """The questions to this index that the next one may lean on, oldest first: up to the one that
    is shown.
    """
    return tuple(turn.answer.question for turn in _before(index))


def _before(index: str) -> list[Turn]:
    state = st.session_state
    end = len(state.history) if state.shown is None else state.shown + 1
    return [turn for turn in state.history[state.topic_from : end] if turn.index == index]


def topic(settings: Settings, index: str) -> None:
    """Which question the next one may lean on, and the way to begin anew."""
    before = _before(index)
    if settings.answering.follow_ups == "off" or not before:
        return
    last = before[-1].answer.searched_for or before[-1].answer.question
    with st.container(key="topic", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(render.plain_markdown(f"A follow-up builds on “{last}”"), width="content")
        st.button(NEW_TOPIC, key="new-topic", type="tertiary", on_click=_new_topic)


def _new_topic() -> None:
    st.session_state.topic_from = len(st.session_state.history)


def history() -> None:
    """The questions so far, newest first, each a way back to its answer."""
    state = st.session_state
    if not state.history:
        return
    with st.sidebar, st.container(key="history", gap="small"):
        st.caption("Questions so far")
        for number in range(
            len(state.history) - 1, max(-1, len(state.history) - 1 - MAX_HISTORY), -1
        ):
            st.button(
                render.plain_markdown(state.history[number].label),
                key=f"history-{number}",
                type="secondary" if number == state.shown else "tertiary",
                width="stretch",
                on_click=_show,
                args=(number,),
            )


def _show(number: int) -> None:
    st.session_state.shown, st.session_state.partial = number, None
    st.session_state.question = st.session_state.history[number].answer.question
