"""The page "Ask": a question, its checked answer, and the reviews it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.answer import plain_markdown
from rag.answering.pipeline import Pipeline
from rag.config import load_settings
from rag.index.store import list_indexes
from rag.understanding.intent import TASKS
from ui.components import conversation, filters, indexes, models, understood
from ui.components.navigation import ASK, Page
from ui.render import answers as render

EXAMPLES = {
    indexes.DEFAULT_INDEX: (
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


def show() -> None:
    """Draw the page: the question and its answer in the middle, choices at the side."""
    settings = load_settings()
    names = list_indexes(settings.paths.indexes_dir)
    if not names:
        indexes.say_how_to_build(settings.paths.indexes_dir)
        return
    _start_session()
    name = _pick_index(names)
    model = models.pick(settings)
    conversation.history()
    about = st.sidebar.container()
    conversation.question_box("question", "Ask", _ask)
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
        _answer_area(pipeline, chosen)


def _start_session() -> None:
    """Session state: the `history` of exchanges, which of them is `shown`, the question `to_ask`
    with the questions it comes `after` (None: those before it) and the limits it is to be asked
    `without`, and `partial`: question and text of an answer that is being written or was stopped. A
    follow-up may refer to the exchanges from `topic_from` on.
    """
    state = st.session_state
    if "history" not in state:
        state.history, state.shown, state.to_ask, state.partial = [], None, None, None
        state.after, state.without, state.topic_from = None, (), 0
        _ask(st.query_params.get("q", ""))


def _ask(question: str, after: Sequence[str] | None = None, without: Sequence[str] = ()) -> None:
    state, question = st.session_state, conversation.tidy(question)
    if question:
        state.to_ask = state.question = question
        state.after, state.without = after, without


def _answer_area(pipeline: Pipeline, chosen: filters.Chosen | None) -> None:
    """What stands below the question: the answer that is asked for, was stopped, or is shown."""
    state = st.session_state
    if state.to_ask and chosen is not None and chosen.count:
        _answer(pipeline, chosen)
    elif state.to_ask:
        state.to_ask = None
        if chosen is not None:
            st.warning(filters.NONE_LEFT)
    elif chosen is None:
        pass  # what is wrong with the conditions stands above
    elif state.partial:
        st.html(render.stopped_html(*state.partial))
    elif state.shown is not None:
        _shown(state.history[state.shown], pipeline.index.name)


def _shown(exchange: conversation.Exchange, index: str) -> None:
    """An answer; above it what its question was understood as, and where it was searched for in
    other words than the user's, these and the way to ask in the user's.
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
                    on_click=_ask,
                    args=(exchange.answer.question, ()),
                )

            def ask_without(keys: Sequence[str]) -> None:
                _ask(exchange.answer.question, exchange.previous, keys)

            # another index, chosen since, may know none of these items
            understood.show(plan, ask_without if exchange.index == index else None)
    markup = render.answer_html(
        exchange.answer,
        prefix=f"a{st.session_state.shown + 1}",
        index_line=exchange.index_line,
        asked_of=exchange.asked_of,
        heading=not told,
    )
    st.html(markup)
    st.download_button(
        "Download as Markdown",
        exchange.answer.to_markdown(),
        file_name="answer.md",
        mime="text/markdown",
        key="download",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def _answer(pipeline: Pipeline, chosen: filters.Chosen) -> None:
    """Stream the answer to the waiting question, keep it, and draw the page anew with it."""
    state = st.session_state
    previous = conversation.earlier(pipeline.index.name) if state.after is None else state.after
    question, state.to_ask, state.shown = state.to_ask, None, None
    place, stop = st.empty(), st.empty()

    def draw(text: str) -> None:
        state.partial = (question, text)
        place.html(render.progress_html(question, text))

    # a click on it ends this run; the next one finds `partial` and shows it
    stop.button("Stop", key="stop")
    try:
        answer = models.stream_answer(
            pipeline, question, draw, chosen.conditions, previous, state.without
        )
    except Exception:
        state.partial = None
        place.empty()
        stop.empty()
        raise
    state.history = [
        *state.history,
        conversation.Exchange(
            answer,
            pipeline.index.name,
            models.index_line(pipeline),
            chosen.line,
            tuple(previous),
        ),
    ]
    state.partial, state.shown = None, len(state.history) - 1
    st.rerun()


def _examples(name: str) -> None:
    questions = [(f"task-{task.name}", task.label, task.question) for task in TASKS]
    questions += [
        (f"example-{number}", question, question)
        for number, question in enumerate(EXAMPLES.get(name, GENERAL_EXAMPLES))
    ]
    st.caption("Or try one of these:")
    with st.container(key="examples", horizontal=True, gap="xsmall"):
        for key, label, question in questions:
            st.button(label, key=key, on_click=_ask, args=(question, ()))


def _pick_index(names: list[str]) -> str:
    asked_for = st.query_params.get("index", "")
    if asked_for and asked_for not in names:
        st.warning(plain_markdown(f'There is no index "{asked_for}" here; this is another one.'))
    position = names.index(indexes.default(names))
    return st.sidebar.selectbox(indexes.LABEL, names, index=position, key="index")


def _about(pipeline: Pipeline) -> None:
    manifest = pipeline.index.manifest
    with st.expander("About these answers"):
        st.markdown(
            plain_markdown(
                f"{manifest.reviews} reviews in {manifest.sentences} sentences, indexed on "
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
)
