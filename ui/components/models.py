"""Which model answers: the list to choose from, and the pipeline that asks the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

import rag.embedding
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.embedding import Embedder
from rag.generators.listing import ListedGenerator, list_generators
from rag.index.store import index_folder, live_generation
from ui.render import answers as render

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

DEFAULT_INDEX = "squid-game"
LABEL = "Model that answers"
PICKED = "you chose it"
FIRST, SECOND = "compare-first", "compare-second"
_KEY = "generator"
_KEPT = (_KEY, FIRST, SECOND, "compare-index", "compare-blind")


def keep() -> None:
    """Let what was chosen outlive a visit to another page, where it is not drawn."""
    for key in _KEPT:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def pick(settings: Settings) -> ListedGenerator:
    """The list in the sidebar; at first what the address names, or else what the settings say."""
    listed = list_generators(settings)
    names, wanted = [one.name for one in listed], st.query_params.get("generator", listed[0].name)
    chosen = select(LABEL, _KEY, listed, wanted, place=st.sidebar)
    if wanted not in names and chosen == listed[0]:
        st.warning(
            render.plain_markdown(
                f'There is no model "{wanted}" on the list here; {chosen.name} answers in its '
                "place."
            )
        )
    return chosen


def select(
    label: str, key: str, listed: Sequence[ListedGenerator], wanted: str, place: DeltaGenerator
) -> ListedGenerator:
    """A list to choose from, which begins with the one that is `wanted`, or the first where that is
    not on it.
    """
    by_name, state = {one.name: one for one in listed}, st.session_state
    if state.setdefault(key, wanted) not in by_name:  # also a model that has been removed since
        state[key] = listed[0].name
    with place:
        name = st.selectbox(
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
    """The pipeline over an index. `generation` is part of the key so that a rebuilt index is opened
    anew.
    """
    any_model = repr(
        _settings.changed({"generator.name": "auto", "generator.adapter": ""})
    )  # another model is no other embedder
    pipeline = Pipeline.open(_settings, index, _embedder(any_model, _settings))
    if picked:
        pipeline.reason = PICKED
    return pipeline


@st.cache_resource(show_spinner=False)
def _in_memory() -> dict[str, str]:
    return {}


def _make_room(model: str) -> None:
    """Forget the pipelines that ask another model: each keeps its own in memory, where there is
    room for one.
    """
    if _in_memory().get("model") != model:
        _pipeline.clear()
        _in_memory()["model"] = model
