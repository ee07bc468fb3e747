"""The questions of a session: the box to ask one, what a follow-up refers to, and the list of them
in the sidebar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from rag.answer import Answer
from rag.config import Settings
from rag.index import ReviewIndex
from rag.topics import following
from ui.components import understood
from ui.render.words import as_markdown

MAX_HISTORY = 50
MAX_QUESTION = 500  # characters
AS_WRITTEN = "Ask exactly as written"
NEW_TOPIC = "New topic"
NEXT = "Ask next:"
FORGET = "Forget these questions"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question's answer, its index, which reviews were asked: ``41 of 330 reviews: rating >= 8``;
    "" for all; and the questions on which it could lean.
    """

    answer: Answer
    index: str
    index_line: str
    asked_of: str = ""
    previous: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The conditions on the reviews that were asked; "" for all."""
        return self.asked_of.partition(": ")[2]

    @property
    def asked(self) -> str:
        """The question as it stands alone: what the address of this answer asks."""
        return self.answer.searched_for or self.answer.question

    @property
    def label(self) -> str:
        """The question in the list of questions, with its conditions and what was left out of it."""
        removed = ", ".join(map(understood.short, self.answer.plan["removed"]))
        told = (self.where, f"without {removed}" if removed else "")
        more = "; ".join(filter(None, told))
        return f"{self.answer.question} ({more})" if more else self.answer.question

    @property
    def to_build_on(self) -> str:
        """What a follow-up leans on: the question, without what was left out of it."""
        answer = self.answer
        return (answer.plan["removed"] and answer.searched_for) or answer.question


def question_box(
    key: str, button: str, ask: Callable[[str], None], *, enabled: bool = True
) -> None:
    """A line to type a question into, kept under `key` in the session, and a button that gives it
    to `ask`. One that is too long stays in the line, and it is said why it is not asked.
    """
    with st.form(f"{key}-form", border=False):
        left, right = st.columns([7, 1], vertical_alignment="bottom")
        # no `max_chars`: the browser would refuse a longer text without a word
        left.text_input("Your question", key=key, placeholder="What would you like to know?")
        right.form_submit_button(
            button,
            type="primary",
            width="stretch",
            disabled=not enabled,
            on_click=lambda: ask(st.session_state[key]),
        )
    length = len(st.session_state[key].strip())
    if length > MAX_QUESTION:
        st.warning(
            f"This question has {length:,} characters, and {MAX_QUESTION} at most can be asked. "
            "Shorten it."
        )


def fits(question: str) -> bool:
    """Whether there is a question, no longer than may be."""
    return 0 < len(question.strip()) <= MAX_QUESTION


def earlier(index: str) -> list[str]:
    """The questions to this index that the next one may refer to, oldest first, up to the one that
    is shown.
    """
    return [exchange.to_build_on for exchange in _before(index)]


def _before(index: str) -> list[Exchange]:
    state = st.session_state
    end = len(state.history) if state.shown is None else state.shown + 1
    topic = state.history[state.topic_from : end]
    return [exchange for exchange in topic if exchange.index == index]


def topic(settings: Settings, index: str) -> None:
    """Which question the next one may refer to, and the way to begin anew."""
    before = _before(index)
    if settings.answering.follow_ups == "off" or not before:
        return
    shown = st.session_state.shown
    is_shown = shown is not None and before[-1] is st.session_state.history[shown]
    last = "this question" if is_shown else f"“{before[-1].asked}”"
    with st.container(key="topic", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(as_markdown(f"A follow-up builds on {last}"), width="content")
        st.button(NEW_TOPIC, key="new-topic", type="tertiary", on_click=_new_topic)


def _new_topic() -> None:
    st.session_state.topic_from = len(st.session_state.history)


def next_questions(
    exchange: Exchange, index: ReviewIndex, ask: Callable[[str, Sequence[str]], None]
) -> None:
    """Questions that the points of an answer lead to, where the index has kept its topics. `ask` is
    given one, and those before it on which it leans: none.
    """
    asked = [other.asked for other in _before(index.name)]
    definitions = index.topics.definitions if index.topics else ()
    questions = following.next_questions(exchange.answer, definitions, asked)
    if questions:
        with st.container(key="next", gap="xxsmall"):
            st.caption(NEXT)
            with st.container(key="next-questions", horizontal=True, gap="xsmall"):
                for number, question in enumerate(questions):
                    label = as_markdown(question)
                    st.button(label, key=f"next-{number}", on_click=ask, args=(question, ()))


def history(show: Callable[[int], None], forget: Callable[[], None]) -> None:
    """The questions so far, newest first, each a way back to its answer: `show` gets its place."""
    state = st.session_state
    if not state.history:
        return
    with st.sidebar, st.container(key="history", gap="small"):
        st.caption("Questions so far")
        for number, exchange in list(enumerate(state.history))[: -MAX_HISTORY - 1 : -1]:
            st.button(
                as_markdown(exchange.label),
                key=f"history-{number}",
                type="secondary" if number == state.shown else "tertiary",
                width="stretch",
                on_click=show,
                args=(number,),
            )
        st.button(FORGET, key="forget-history", type="tertiary", on_click=forget)
