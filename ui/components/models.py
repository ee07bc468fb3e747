"""Which model answers: the list to choose from, the pipeline that asks the chosen one, and its
answer while it comes.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

import rag.embedding
from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.embedding import Embedder
from rag.filters import Condition
from rag.generators.listing import ListedGenerator, list_generators
from rag.index.store import index_folder, live_generation
from ui.components.waiting import line_for
from ui.render.words import as_markdown, plural

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

LABEL = "Model that answers"
PICKED = "you chose it"
KEY = "keep-generator"
_REDRAW_S = 0.05  # between two drawings of an answer that is being written


def pick(settings: Settings) -> ListedGenerator:
    """The list in the sidebar; at first what the address names, or else what the settings say."""
    listed = list_generators(settings)
    asked_for = st.query_params.get("generator", listed[0].name)
    chosen = select(LABEL, KEY, listed, asked_for, place=st.sidebar)
    if chosen == listed[0] and asked_for not in [generator.name for generator in listed]:
        st.warning(
            as_markdown(
                f'There is no model "{asked_for}" on the list here; {chosen.name} answers instead.'
            )
        )
    return chosen


def listed_first(settings: Settings) -> ListedGenerator:
    """The model that was picked, or else what the settings say."""
    listed = list_generators(settings)
    picked = st.session_state.get(KEY)
    return next((model for model in listed if model.name == picked), listed[0])


def embedder(settings: Settings) -> Embedder:
    """The embedder that all sessions share."""
    any_model = settings.changed({"generator.name": "auto", "generator.adapter": ""})
    return _embedder(repr(any_model), settings)


def select(
    label: str, key: str, listed: Sequence[ListedGenerator], first: str, place: DeltaGenerator
) -> ListedGenerator:
    """A list to choose from. It begins with the one called `first`, or with the first of the list
    where there is none of that name.
    """
    by_name, state = {generator.name: generator for generator in listed}, st.session_state
    if state.setdefault(key, first) not in by_name:  # also a model that has been removed since
        state[key] = listed[0].name
    name = place.selectbox(
        label, list(by_name), key=key, format_func=lambda name: by_name[name].label
    )
    return by_name[name]


def open_pipeline(settings: Settings, index: str, model: ListedGenerator) -> Pipeline:
    """The pipeline over an index that asks `model`, opened once for all sessions. Raises
    `ReviewQAError`.
    """
    asked = model.asked(settings)
    _make_room(repr(asked.generator))
    generation = live_generation(index_folder(settings.paths.indexes_dir, index)).name
    return _pipeline(index, generation, repr(asked), asked != settings, asked)


@st.cache_resource(show_spinner=False, max_entries=1)
def _embedder(settings_key: str, _settings: Settings) -> Embedder:
    """The embedder, shared by all sessions, all indexes and all models."""
    return rag.embedding.make_embedder(_settings)


@st.cache_resource(show_spinner=False, max_entries=2)
def _pipeline(
    index: str, generation: str, settings_key: str, picked: bool, _settings: Settings
) -> Pipeline:
    """The pipeline over an index. `generation` is part of the key so that an index that was built
    anew is opened anew.
    """
    pipeline = Pipeline.open(_settings, index, embedder(_settings))
    if picked:
        pipeline.reason = PICKED
    _settle()
    return pipeline


def _settle() -> None:
    """Take what is in memory by now out of the search for garbage. Streamlit searches all of it
    after each run of a page, which takes .2 s with 50,000 reviews, and an answer is two runs.
    """
    gc.unfreeze()  # what was dropped since the last time goes now
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def _in_memory() -> dict[str, str]:
    return {}


def _make_room(model: str) -> None:
    """Forget the pipelines that ask another model: each keeps its own in memory, where there is
    room for one.
    """
    if _in_memory().get("model") != model:
        gc.unfreeze()  # else what refers to itself would stay
        _pipeline.clear()
        _in_memory()["model"] = model


def places() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """Where "Stop", what is going on, and the words stand. "Stop" is above the words: below them it
    would move away with each line that is written, also while it is pressed. What was written until
    then stands where it was written, or it would be there twice until the run ends.
    """
    return st.empty(), st.empty(), st.empty()


def stream_answer(
    pipeline: Pipeline,
    question: str,
    draw: Callable[[str, int], None],
    where: Sequence[Condition] = (),
    previous: Sequence[str] = (),
    without: Sequence[str] = (),
    stands: Callable[[Answer], None] | None = None,
) -> Answer:
    """Wait for a turn and ask; let `draw` show, again and again, what has been written so far and
    how many ask before. When this ends in any way, also because a click ended the run of the page,
    the model stops writing. `stands` gets an answer as soon as it is whole, where some of it will
    then be put into plainer words.
    """
    text, drawn, ended, whole = "", 0.0, threading.Event(), False
    here = threading.get_ident()

    def cancelled() -> bool:
        nonlocal drawn
        # only what is drawn notices a click, and words come all at once, after seconds
        if whole and threading.get_ident() == here and time.monotonic() - drawn >= _REDRAW_S:
            drawn = time.monotonic()
            draw(text, 0)
        return ended.is_set()

    with line_for(pipeline.settings.generator.name).turn(partial(draw, text)):
        draw(text, 0)
        try:
            for piece in pipeline.stream(
                question, cancelled, tuple(where), tuple(previous), tuple(without)
            ):
                if isinstance(piece, Answer) and not piece.to_be_worded:
                    return piece
                if isinstance(piece, Answer):
                    whole = True
                    if stands is not None:
                        stands(piece)
                    continue
                text += piece
                if time.monotonic() - drawn >= _REDRAW_S:
                    draw(text, 0)
                    drawn = time.monotonic()
        finally:
            ended.set()
    raise AssertionError("an answer ends every stream")


def index_line(pipeline: Pipeline) -> str:
    """What the foot of an answer says of its index."""
    return f"Index {pipeline.index.name}: {plural(pipeline.index.manifest.reviews, 'review')}."
