"""The page "Compare": one question to two models, their checked answers side by side, and a vote."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from rag.answer import Answer
from rag.config import Settings, load_settings
from rag.generators.listing import ListedGenerator, list_generators
from rag.index.store import list_indexes
from ui.components import conversation, errors, models, votes
from ui.components.votes import Vote, Winner
from ui.render import answers as render

TITLE = "Compare"
INTRO = (
    "Ask two models the same question, and say which answer is better. The same program finds the "
    "reviews for both and "
    "checks what they write. They are asked one after the other, so that one at a time is in "
    "memory."
)
BLIND = "Blind: hide which is which until you have voted"
SAME = "Choose two different models."
STOPPED = "Stopped. Neither answer was kept."
BUTTONS: dict[Winner, str] = {
    "left": "Left is better",
    "right": "Right is better",
    "tied": "As good",
    "neither": "Neither",
}
_REDRAW_S = 0.1


@dataclass(frozen=True, slots=True)
class Side:
    """A model's name and its answer."""

    model: str
    answer: Answer
    index_line: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers as they stand on the page, the `number`-th of the session; `vote` is empty until
    there is one.
    """

    number: int
    index: str
    left: Side
    right: Side
    blind: bool
    vote: Winner | None = None

    @property
    def hidden(self) -> bool:
        """Whether the page must not tell which is which."""
        return self.blind and self.vote is None


def show(no_index: Callable[[Settings], None]) -> None:
    """Draw the page. `no_index` says what to do where there is no index yet."""
    st.title(TITLE, anchor=False)
    st.markdown(INTRO)
    with st.container(key="compare"), errors.shown():
        settings = load_settings()
        names = list_indexes(settings.paths.indexes_dir)
        if names:
            _page(settings, names)
        else:
            no_index(settings)


def _page(settings: Settings, names: list[str]) -> None:
    """Session state: `compare_pair` is shown, `compare_to_ask` is the question that waits,
    `compare_asked` counts, and `compare_asking` is true while two are asked: if it is still so on
    the next run, that was stopped."""
    state = st.session_state
    for key, value in (("pair", None), ("to_ask", None), ("asked", 0), ("asking", False)):
        state.setdefault(f"compare_{key}", value)
    index, first, second, blind = _chosen(settings, names)
    different = first != second
    _question_box(different)
    file = settings.paths.runs_dir / votes.VOTES_FILE
    if not different:
        st.caption(SAME)
    elif state.compare_to_ask:
        _ask(settings, index, (first, second), blind)
    if state.compare_asking:
        state.compare_asking = False
        st.caption(STOPPED)
    if state.compare_pair is not None:
        _shown(state.compare_pair, file)
    _tally(file)


def _chosen(
    settings: Settings, names: list[str]
) -> tuple[str, ListedGenerator, ListedGenerator, bool]:
    """The index, the two models, and whether to hide which is which."""
    listed = list_generators(settings)
    first = next((one for one in listed if one.tuned), listed[0])
    others = [one for one in listed if one != first]
    second = min(others, key=lambda one: (one.generator != "extractive", one.generator == "auto"))
    state = st.session_state
    places = st.columns(3)
    wanted = (st.query_params.get("index", ""), models.DEFAULT_INDEX, names[0])
    if state.get("compare-index") not in names:
        state["compare-index"] = next(name for name in wanted if name in names)
    index = places[0].selectbox("Reviews to ask", names, key="compare-index")
    left = models.select("First model", models.FIRST, listed, first.name, places[1])
    right = models.select("Second model", models.SECOND, listed, second.name, places[2])
    state.setdefault("compare-blind", True)
    return index, left, right, st.toggle(BLIND, key="compare-blind")


def _question_box(enabled: bool) -> None:
    with st.form("compare-form", border=False):
        left, right = st.columns([7, 1], vertical_alignment="bottom")
        left.text_input(
            "Your question",
            key="compare-question",
            max_chars=conversation.MAX_QUESTION,
            placeholder="What would you like to know?",
        )
        right.form_submit_button(
            "Ask both", type="primary", width="stretch", disabled=not enabled, on_click=_ask_typed
        )


def _ask_typed() -> None:
    st.session_state.compare_to_ask = (
        st.session_state["compare-question"].strip()[: conversation.MAX_QUESTION] or None
    )


def _ask(
    settings: Settings, index: str, pair: tuple[ListedGenerator, ListedGenerator], blind: bool
) -> None:
    """Ask both, the first model first, wherever its answer will stand: the order of asking gives
    nothing away.
    """
    state = st.session_state
    question, state.compare_to_ask, state.compare_pair = state.compare_to_ask, None, None
    state.compare_asking = True
    state.compare_asked += 1
    said, place, stop = st.empty(), st.empty(), st.empty()
    stop.button(
        "Stop", key="compare-stop"
    )  # a click ends this run; the next one finds `compare_asking`
    sides = []
    try:
        for number, model in enumerate(pair, start=1):
            said.caption(render.plain_markdown(f"Asking {model.name} ({number} of {len(pair)}) …"))
            sides.append(_answered(settings, index, model, question, place, shown=not blind))
    except Exception:
        state.compare_asking = False
        for one in (said, place, stop):
            one.empty()
        raise
    if blind and random.random() < 0.5:
        sides.reverse()
    left, right = sides
    state.compare_pair, state.compare_asking = (
        Pair(state.compare_asked, index, left, right, blind),
        False,
    )
    st.rerun()


def _answered(
    settings: Settings,
    index: str,
    model: ListedGenerator,
    question: str,
    place: Any,
    *,
    shown: bool,
) -> Side:
    """A model's answer, its words `shown` while they come. Nothing here keeps the model once it has
    answered.
    """
    place.html(render.progress_html(question, ""))
    pipeline = models.open_pipeline(settings, index, model)
    text, drawn, answer, ended = "", 0.0, None, threading.Event()
    try:
        for piece in pipeline.stream(question, ended.is_set):
            if isinstance(piece, Answer):
                answer = piece
                continue
            text += piece
            if shown and time.monotonic() - drawn >= _REDRAW_S:
                place.html(render.progress_html(question, text))
                drawn = time.monotonic()
    finally:
        ended.set()  # also when a click ended this run: a model must not go on writing for nobody
    assert answer is not None
    # what "auto" means may be another model tomorrow
    name = f"auto: {pipeline.answerer.name}" if model.generator == "auto" else model.name
    return Side(name, answer, f"Index {index}: {pipeline.index.manifest.reviews} reviews.")


def _shown(pair: Pair, file: Path) -> None:
    st.html(render.heading_html(pair.left.answer))
    for place, title, side in zip(
        st.columns(2, gap="medium"), ("Left", "Right"), (pair.left, pair.right), strict=True
    ):
        with place:
            name = "" if pair.hidden else f": {side.model}"
            above = f'<h3 class="qa-side" dir="auto">{render.escape(title + name)}</h3>'
            answer = render.answer_html(
                side.answer,
                prefix=f"c{pair.number}{title.lower()}",
                index_line=side.index_line,
                heading=False,
                told_by_whom=not pair.hidden,
            )
            st.html(above + answer)
    with st.container(key="vote", horizontal=True, vertical_alignment="center", gap="small"):
        if pair.vote:
            st.html(
                '<p class="qa-voted" role="status">Your vote is kept: '
                f"{BUTTONS[pair.vote].lower()}.</p>"
            )
            return
        for winner, label in BUTTONS.items():
            if st.button(label, key=f"vote-{winner}"):
                _vote(pair, winner, file)


def _vote(pair: Pair, winner: Winner, file: Path) -> None:
    votes.add_vote(
        file,
        Vote(
            question=pair.left.answer.question,
            index=pair.index,
            left=pair.left.model,
            right=pair.right.model,
            winner=winner,
            blind=pair.blind,
            time=votes.now(),
        ),
    )
    st.session_state.compare_pair = replace(pair, vote=winner)
    st.rerun()


def _tally(file: Path) -> None:
    read, broken = votes.read_votes(file)
    if read:
        st.subheader("Votes so far", anchor=False)
        st.html(votes.tally_html(votes.tally(read)))
    if broken:
        lines = "1 line" if broken == 1 else f"{broken} lines"
        st.caption(
            render.plain_markdown(f"{lines} of {file} could not be read, and are not counted.")
        )
