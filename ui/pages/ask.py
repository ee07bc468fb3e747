"""The page "Ask": a question, its checked answer, and the reviews it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.config import Settings, load_settings
from rag.index.store import list_indexes
from ui.components import (
    address,
    answered,
    conversation,
    feedback,
    filters,
    history_file,
    indexes,
    models,
    overview,
)
from ui.components.navigation import ASK, Page, drawn
from ui.render import answers as render
from ui.render.words import as_markdown, plural

ADDRESS = ("index", "q", "where")


def show() -> None:
    """Draw the page: the question, and below it the reviews at a glance until one is asked, then
    the answer; choices at the side.
    """
    settings = load_settings()
    names = list_indexes(settings.paths.indexes_dir)
    if not names:
        indexes.say_how_to_build(settings.paths.indexes_dir)
        return
    _start_session(settings)
    _follow_address(names)
    name = indexes.pick(names, _leave_answer)
    model = models.pick(settings)
    conversation.history(_show_again, _forget)
    about = st.sidebar.container()
    conversation.question_box("question", "Ask", _ask)
    limits, front, middle = st.container(), st.empty(), st.container()
    state = st.session_state
    asked = bool(state.to_ask or state.partial or state.shown is not None)
    if asked:
        front.empty()  # at once: what a run leaves out stays on the screen until it ends
    with middle.container(key="asked" if asked else "to-ask"):
        with st.spinner("Loading the reviews and the models …"):
            pipeline = models.open_pipeline(settings, name, model)
        with about:
            _about(pipeline)
        with limits:
            chosen = filters.show(pipeline.index)
            if not state.to_ask:
                conversation.topic(settings, name)
        if chosen is not None:
            _write_address(names, name, chosen)
        _answer_area(settings, pipeline, chosen)
    if not asked and chosen is not None and chosen.count:
        with front.container():
            overview.show(pipeline.index, chosen.conditions, _ask)


def _start_session(settings: Settings) -> None:
    """Session state: the `history` of exchanges, which of them is `shown`, the question `to_ask`
    with the questions it comes `after` (None: those before it) and the limits it is to be asked
    `without`, and `partial`: question and text of an answer that is being written or was stopped. A
    follow-up may refer to the exchanges from `topic_from` on.
    """
    state = st.session_state
    if "history" not in state:
        state.history, state.shown, state.to_ask, state.partial = [], None, None, None
        state.after, state.without = None, ()
        state.history = history_file.load(settings)
        state.topic_from = len(state.history)


def _follow_address(names: list[str]) -> None:
    """Show what the address says, where the user went there and did nothing else just now."""
    state = st.session_state
    said = address.moved(ASK, ADDRESS)
    if said is None or state.to_ask:
        return
    indexes.from_address(names, said["index"])
    filters.from_address(said["where"])
    _leave_answer()
    if not said["q"]:
        return
    for number, exchange in reversed(list(enumerate(state.history))):
        known = said["q"] in (exchange.asked, exchange.answer.question)
        if known and (exchange.index, exchange.where) == (state.index, said["where"]):
            _show_again(number)
            return
    _ask(said["q"])


def _write_address(names: list[str], index: str, chosen: filters.Chosen) -> None:
    """Let the address lead to what is shown, an answer with its own conditions."""
    state = st.session_state
    question, where = state.to_ask or (state.partial or ("",))[0], chosen.where
    if not question and state.shown is not None:
        exchange = state.history[state.shown]
        index, question, where = exchange.index, exchange.asked, exchange.where
    stands = question or where or index != indexes.default(names)
    address.write(ASK, index=index if stands else "", q=question, where=where)


def _ask(question: str, after: Sequence[str] | None = None, without: Sequence[str] = ()) -> None:
    state = st.session_state
    if conversation.fits(question):
        question = question.strip()
        state.to_ask, state.after, state.without = question, after, without
    state.question = question  # one that cannot be asked stays as it was typed


def _leave_answer() -> None:
    """Back to the reviews at a glance."""
    state = st.session_state
    state.shown, state.partial, state.question = None, None, ""
    state.topic_from = len(state.history)


def _show_again(number: int) -> None:
    """Show an answer of before, with the index that gave it."""
    state = st.session_state
    exchange = state.history[number]
    state.shown, state.partial, state.question = number, None, exchange.answer.question
    state.topic_from = min(state.topic_from, number)
    state.index = exchange.index


def _forget() -> None:
    history_file.forget(load_settings())
    st.session_state.history = []
    feedback.forget()
    _leave_answer()


def _answer_area(settings: Settings, pipeline: Pipeline, chosen: filters.Chosen | None) -> None:
    """What stands below the question: the answer that is asked for, was stopped, or is shown."""
    state = st.session_state
    if state.to_ask and chosen is not None and chosen.count:
        _answer(settings, pipeline, chosen)
    elif state.to_ask:
        state.to_ask = None
        if chosen is not None:
            st.warning(filters.NONE_LEFT)
    elif chosen is None:
        pass  # what is wrong with the conditions stands above
    elif state.partial:
        _, _, place = models.places()
        place.html(render.stopped_html(*state.partial))
    elif state.shown is not None:
        answered.show(settings, state.history[state.shown], pipeline.index, _ask)


def _answer(settings: Settings, pipeline: Pipeline, chosen: filters.Chosen) -> None:
    """Stream the answer to the waiting question, keep it, and draw the page anew with it."""
    state = st.session_state
    previous = conversation.earlier(pipeline.index.name) if state.after is None else state.after
    question, state.to_ask, state.shown = state.to_ask, None, None
    stop, said, place = models.places()
    drawn("-asking")

    def draw(text: str, before: int) -> None:
        if state.shown is not None:  # the answer stands
            said.html(render.wording_html())
            return
        state.partial = (question, text)
        place.html(render.progress_html(question, text, before))

    def keep(answer: Answer) -> conversation.Exchange:
        line = models.index_line(pipeline)
        exchange = conversation.Exchange(
            answer, pipeline.index.name, line, chosen.line, tuple(previous)
        )
        state.history = [*(state.history if state.shown is None else state.history[:-1]), exchange]
        state.partial, state.shown = None, len(state.history) - 1
        return exchange

    def stands(answer: Answer) -> None:
        with place.container():
            answered.draw(keep(answer))
        draw("", 0)

    # a click on it ends this run; the next one finds `partial`, or the answer, and shows it
    stop.button("Stop", key="stop")
    try:
        keep(
            models.stream_answer(
                pipeline, question, draw, chosen.conditions, previous, state.without, stands
            )
        )
    except Exception:
        state.partial = None
        for drawn_here in (stop, said, place):
            drawn_here.empty()
        raise
    finally:
        if state.shown is not None:
            history_file.add(settings, state.history[state.shown])
    st.rerun()


def _about(pipeline: Pipeline) -> None:
    manifest = pipeline.index.manifest
    with st.expander("About these answers"):
        st.markdown(
            as_markdown(
                f"{plural(manifest.reviews, 'review')} in {plural(manifest.sentences, 'sentence')}, "
                f"indexed on "
                f"{manifest.created[:10]}. Answers are written by {pipeline.answerer.name} "
                f"because {pipeline.reason.rstrip('.')}. After that a program checks "
                "every sentence against the reviews it cites, and marks it if they do not bear it "
                "out."
            )
        )


PAGE = Page(
    title="Ask",
    url_path=ASK,
    intro="Ask a question. The answer comes from the reviews alone, and every sentence links to "
    "the reviews it rests on.",
    show=show,
    sidebar=True,
)
