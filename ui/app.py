"""The Streamlit app: widgets and session state only. What an answer looks like is `ui.render`'s
business.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.config import Settings, load_settings
from rag.index.store import list_indexes
from rag.understanding.intent import TASKS
from ui.components import conversation, errors, filters, models
from ui.pages import compare as compare_page
from ui.pages import reviews as reviews_page
from ui.render import answers as render

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

TITLE = "Answers from reviews"
INTRO = "Ask a question. The answer comes from the reviews alone, and every sentence links to the reviews it rests on."
DEFAULT_INDEX = models.DEFAULT_INDEX
EXAMPLES = {
    DEFAULT_INDEX: (
        "What do viewers dislike about the VIPs?",
        "Is the violence too much, or does it serve the story?",
        "How good is the acting?",
        "Subtitles or the English dub?",
        "What do people think of the ending?",
    )
}
GENERAL_EXAMPLES = (
    "What do people like most?",
    "What do people complain about?",
    "Is it worth the money?",
)
REDRAW_S = 0.05  # between two drawings of a streamed answer


def main() -> None:
    """Draw the page that the address names: this one, that of the reviews, or the one that compares
    two models.
    """
    st.html(Path(__file__).with_name("style.css"))
    ask = st.Page(lambda: _ask_page(reviews), title="Ask", default=True)
    reviews = st.Page(lambda: reviews_page.show(ask), title=reviews_page.TITLE, url_path="reviews")
    compare = st.Page(
        lambda: compare_page.show(lambda settings: _no_index(settings, reviews)),
        title=compare_page.TITLE,
        url_path="compare",
    )
    filters.keep()
    models.keep()
    page = st.navigation([ask, reviews, compare], position="hidden")
    title = TITLE if page == ask else f"{page.title} · {TITLE}"
    st.set_page_config(page_title=title, page_icon="💬", layout="wide")
    with st.container(
        key="pages", horizontal=True, gap="small"
    ):  # Streamlit's own hides in the sidebar on a phone
        for link in (ask, reviews, compare):
            st.page_link(link)
    page.run()


def _ask_page(reviews: Page) -> None:
    st.title(TITLE, anchor=False)
    st.markdown(INTRO)
    with errors.shown():
        _page(reviews)


def _page(reviews: Page) -> None:
    settings = load_settings()
    names = list_indexes(settings.paths.indexes_dir)
    if not names:
        _no_index(settings, reviews)
        return
    _start_session()
    name = _picked_index(names)
    model = models.pick(settings)
    conversation.history()
    about = st.sidebar.container()
    _question_box()
    limits, above, middle, below = (st.container() for _ in range(4))
    state = st.session_state
    with below if state.to_ask or state.partial or state.shown is not None else above:
        _examples(name)
    with middle:
        with st.spinner("Loading the reviews and the models …"):
            pipeline = models.open_pipeline(settings, name, model)
        with about:
            _about(pipeline)
        with limits:
            chosen = filters.show(pipeline.index)
            if not state.to_ask:
                conversation.topic(settings, name)
        if chosen is None:
            state.to_ask = None
        elif state.to_ask and not chosen.count:
            state.to_ask = None
            st.warning(filters.NONE_LEFT)
        elif state.to_ask:
            _answer(pipeline, chosen)
        elif state.partial:
            st.html(render.stopped_html(*state.partial))
        elif state.shown is not None:
            _shown(state.history[state.shown])


def _start_session() -> None:
    """Session state: `history` of turns, which one is `shown`, the question `to_ask` and whether it
    is to be asked `as_written`, and `partial`: question and text of an answer that is being written
    or was stopped. A follow-up may lean on the turns from `topic_from` on."""
    state = st.session_state
    if "history" in state:
        return
    state.history, state.shown, state.to_ask, state.partial = [], None, None, None
    state.as_written, state.topic_from = False, 0
    _ask(st.query_params.get("q", ""))


def _ask(question: str, as_written: bool = False) -> None:
    question = question.strip()[: conversation.MAX_QUESTION]
    if question:
        st.session_state.to_ask = st.session_state.question = question
        st.session_state.as_written = as_written


def _ask_typed() -> None:
    _ask(st.session_state.question)


def _shown(turn: conversation.Turn) -> None:
    """An answer; where it was searched for in other words than the user's, these and the way to ask
    in the user's.
    """
    prefix, rewritten = f"a{st.session_state.shown + 1}", bool(turn.answer.searched_for)
    if rewritten:
        with st.container(key="rewritten", gap="small"):
            st.html(render.heading_html(turn.answer, turn.asked_of))
            st.button(
                conversation.AS_WRITTEN,
                key="as-written",
                type="tertiary",
                on_click=_ask,
                args=(turn.answer.question, True),
            )
    markup = render.answer_html(
        turn.answer,
        prefix=prefix,
        index_line=turn.index_line,
        asked_of=turn.asked_of,
        heading=not rewritten,
    )
    st.html(markup)


def _answer(pipeline: Pipeline, chosen: filters.Chosen) -> None:
    """Stream the answer to the waiting question, keep it, and draw the page anew with it."""
    state = st.session_state
    previous = () if state.as_written else conversation.earlier(pipeline.index.name)
    question, state.to_ask, state.shown = state.to_ask, None, None
    state.partial = (question, "")
    place, stop = st.empty(), st.empty()
    place.html(render.progress_html(question, ""))
    stop.button(
        "Stop", key="stop"
    )  # a click ends this run; the next one finds `partial` and shows it
    text, drawn, answer = "", 0.0, None
    ended = threading.Event()
    try:
        for piece in pipeline.stream(question, ended.is_set, chosen.conditions, previous):
            if isinstance(piece, Answer):
                answer = piece
                continue
            text += piece
            state.partial = (question, text)
            if time.monotonic() - drawn >= REDRAW_S:
                place.html(render.progress_html(question, text))
                drawn = time.monotonic()
    except Exception:
        state.partial = None
        place.empty()
        stop.empty()
        raise
    finally:
        ended.set()  # also when a click ended this run: a model must not go on writing for nobody
    assert answer is not None
    manifest = pipeline.index.manifest
    index_line = f"Index {pipeline.index.name}: {manifest.reviews} reviews."
    state.history = [
        *state.history,
        conversation.Turn(answer, pipeline.index.name, index_line, chosen.line),
    ]
    state.partial, state.shown = None, len(state.history) - 1
    st.rerun()


def _question_box() -> None:
    with st.form("ask", border=False):
        left, right = st.columns([7, 1], vertical_alignment="bottom")
        left.text_input(
            "Your question",
            key="question",
            max_chars=conversation.MAX_QUESTION,
            placeholder="What would you like to know?",
        )
        right.form_submit_button("Ask", type="primary", width="stretch", on_click=_ask_typed)


def _examples(name: str) -> None:
    st.caption("Or try one of these:")
    with st.container(key="examples", horizontal=True, gap="xsmall"):
        for task in TASKS:
            st.button(
                task.label, key=f"task-{task.name}", on_click=_ask, args=(task.question, True)
            )
        for number, question in enumerate(EXAMPLES.get(name, GENERAL_EXAMPLES)):
            st.button(question, key=f"example-{number}", on_click=_ask, args=(question, True))


def _picked_index(names: list[str]) -> str:
    wanted = st.query_params.get("index", DEFAULT_INDEX)
    if "index" in st.query_params and wanted not in names:
        st.warning(
            render.plain_markdown(f'There is no index "{wanted}" here; this is another one.')
        )
    with st.sidebar:
        return st.selectbox(
            "Reviews to ask",
            names,
            index=names.index(wanted) if wanted in names else 0,
            key="index",
        )


def _about(pipeline: Pipeline) -> None:
    manifest = pipeline.index.manifest
    with st.expander("About these answers"):
        st.markdown(
            render.plain_markdown(
                f"{manifest.reviews} reviews in {manifest.sentences} sentences, indexed on "
                f"{manifest.created[:10]}. "
                f"Answers are written by {pipeline.answerer.name} because "
                f"{pipeline.reason.rstrip('.')}. "
                "After that a program checks every sentence against the reviews it cites, and "
                "marks it if they do not "
                "bear it out."
            )
        )


def _no_index(settings: Settings, reviews: Page) -> None:
    st.info("There are no reviews to ask yet. Make an index from a file of reviews:")
    st.page_link(reviews, label="Choose a file of reviews")
    st.caption("Or on the command line; then reload this page:")
    st.code(f"reviewqa index build reviews.csv --name {DEFAULT_INDEX}", language="bash")
    st.caption(render.plain_markdown(f"Looked in: {settings.paths.indexes_dir.absolute()}"))


if __name__ == "__main__":
    main()
