"""The page "Compare": one question to two models, their checked answers, and a vote."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.config import Settings, load_settings
from rag.generators.listing import ListedGenerator, list_generators, same_model
from rag.index.store import list_indexes
from ui.components import conversation, indexes, models, votes
from ui.components.navigation import COMPARE, Page
from ui.components.votes import Vote, Winner
from ui.render import answers as render
from ui.render import fragment
from ui.render.words import as_markdown, plural

BLIND = "Blind: hide which is which until you have voted"
SAME = "Choose two different models: these two are one."
FIRST, SECOND = "keep-compare-first", "keep-compare-second"
INDEX_KEY, BLIND_KEY = "keep-compare-index", "keep-compare-blind"
STOPPED = "Stopped. Neither answer was kept."
BUTTONS: dict[Winner, str] = {
    "left": "Left is better",
    "right": "Right is better",
    "tied": "As good",
    "neither": "Neither",
}


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


def show() -> None:
    """Draw the page.

    Session state: `compare_pair` is shown, `compare_to_ask` is the question that waits,
    `compare_asked` counts, and `compare_asking` is true while two are asked: if it is still so on
    the next run, that was stopped.
    """
    settings = load_settings()
    names = list_indexes(settings.paths.indexes_dir)
    if not names:
        indexes.say_how_to_build(settings.paths.indexes_dir)
        return
    state = st.session_state
    for key, value in (("pair", None), ("to_ask", None), ("asked", 0), ("asking", False)):
        state.setdefault(f"compare_{key}", value)
    index, pair, blind = _choices(settings, names)
    different = not same_model(settings, *pair)
    conversation.question_box("compare-question", "Ask both", _ask, enabled=different)
    file = settings.paths.runs_dir / votes.VOTES_FILE
    if not different:
        st.caption(SAME)
    elif state.compare_to_ask:
        _answer(settings, index, pair, blind)
    if state.compare_asking:
        state.compare_asking = False
        st.caption(STOPPED)
    if state.compare_pair is not None:
        _shown(state.compare_pair, file)
    _tally(file)


def _ask(question: str) -> None:
    st.session_state.compare_to_ask = question.strip() or None


def _choices(
    settings: Settings, names: list[str]
) -> tuple[str, tuple[ListedGenerator, ListedGenerator], bool]:
    """The index, the two models, and whether to hide which is which."""
    listed = list_generators(settings)
    first = next((generator for generator in listed if generator.tuned), listed[0])
    second = min(
        (generator for generator in listed if generator != first),
        key=lambda other: (
            same_model(settings, first, other),
            other.generator != "extractive",
            other.generator == "auto",
        ),
    )
    state = st.session_state
    places = st.columns(3)
    if state.get(INDEX_KEY) not in names:
        state[INDEX_KEY] = indexes.first(names)
    index = places[0].selectbox(indexes.LABEL, names, key=INDEX_KEY)
    left = models.select("First model", FIRST, listed, first.name, places[1])
    right = models.select("Second model", SECOND, listed, second.name, places[2])
    state.setdefault(BLIND_KEY, True)
    return index, (left, right), st.toggle(BLIND, key=BLIND_KEY)


def _answer(
    settings: Settings, index: str, pair: tuple[ListedGenerator, ListedGenerator], blind: bool
) -> None:
    """Ask both, the first model first, wherever its answer will stand: the order of asking gives
    nothing away. Their words are shown while they come, unless that must be hidden.
    """
    state = st.session_state
    question, state.compare_to_ask, state.compare_pair = state.compare_to_ask, None, None
    state.compare_asking = True
    state.compare_asked += 1
    stop, said, place = models.places()
    # a click on it ends this run; the next one finds `compare_asking`
    stop.button("Stop", key="compare-stop")

    def draw(text: str, before: int = 0) -> None:
        place.html(render.progress_html(question, "" if blind else text, before))

    sides = []
    try:
        for number, model in enumerate(pair, start=1):
            said.caption(as_markdown(f"Asking {model.name} ({number} of {len(pair)}) …"))
            draw("")
            sides.append(_side(models.open_pipeline(settings, index, model), model, question, draw))
    except Exception:
        state.compare_asking = False
        for drawn in (stop, said, place):
            drawn.empty()
        raise
    if blind and random.random() < 0.5:
        sides.reverse()
    state.compare_pair = Pair(state.compare_asked, index, sides[0], sides[1], blind)
    state.compare_asking = False
    st.rerun()


def _side(
    pipeline: Pipeline, model: ListedGenerator, question: str, draw: Callable[[str, int], None]
) -> Side:
    """The answer of `model`. Nothing here keeps the pipeline once it has answered: its model must
    make room for the next one.
    """
    answer = models.stream_answer(pipeline, question, draw)
    # what "auto" means may be another model tomorrow
    name = f"auto: {pipeline.answerer.name}" if model.generator == "auto" else model.name
    return Side(name, answer, models.index_line(pipeline))


def _shown(pair: Pair, file: Path) -> None:
    st.html(render.heading_html(pair.left.answer))
    sides = {"Left": pair.left, "Right": pair.right}
    for place, (title, side) in zip(st.columns(2, gap="medium"), sides.items(), strict=True):
        prefix = f"c{pair.number}{title.lower()}"
        answer = render.answer_html(
            side.answer,
            prefix=prefix,
            index=pair.index,
            index_line=side.index_line,
            heading=False,
            told_by_whom=not pair.hidden,
            side=title.lower(),
        )
        reviews = render.reviews_html(
            side.answer, prefix=prefix, index=pair.index, side=title.lower()
        )
        name = title if pair.hidden else f"{title}: {side.model}"
        place.html(fragment("compare.html", "side", name) + answer + reviews)
    with st.container(key="vote", horizontal=True, vertical_alignment="center", gap="small"):
        if pair.vote:
            st.html(fragment("compare.html", "voted", BUTTONS[pair.vote].lower()))
            return
        for winner, label in BUTTONS.items():
            if st.button(label, key=f"vote-{winner}"):
                _vote(pair, winner, file)


def _vote(pair: Pair, winner: Winner, file: Path) -> None:
    vote = Vote(
        question=pair.left.answer.question,
        index=pair.index,
        left=pair.left.model,
        right=pair.right.model,
        winner=winner,
        blind=pair.blind,
        time=votes.now(),
    )
    votes.add_vote(file, vote)
    st.session_state.compare_pair = replace(pair, vote=winner)
    st.rerun()


def _tally(file: Path) -> None:
    kept, broken = votes.read_votes(file)
    if kept:
        st.header("Votes so far", anchor=False)
        st.html(fragment("compare.html", "tally", votes.tally(kept)))
    if broken:
        st.caption(
            as_markdown(
                f"{plural(broken, 'line')} of {file} could not be read, and "
                f"{'is' if broken == 1 else 'are'} not counted."
            )
        )


PAGE = Page(
    title="Compare",
    url_path=COMPARE,
    intro="Ask two models the same question, and say which answer is better. The same program "
    "finds the reviews for both and checks what they write. They are asked one after the other, "
    "so that only one is in memory at a time.",
    show=show,
)
