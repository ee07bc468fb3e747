"""What stands below the question before anything is asked: the reviews at a glance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from rag.filters import Condition
from rag.index import ReviewIndex
from rag.index.profile import Profile, profile_of
from rag.index.topics import index_topics
from rag.topics import Topic
from rag.topics.counting import topics_of
from rag.topics.definition import Kept
from rag.understanding.intent import TASKS
from ui.render import overview as markup
from ui.render.words import as_markdown

TOPICS = 8  # that are drawn; more would push the charts off the screen
WITHOUT_TOPICS = ("What do people like most?", "What do people complain about?")
FIGURES = "The figures"
_BAR = "#2a8790"  # tells from both backgrounds, at 3:1 at least
_HEIGHT = 150  # pixels, so that nothing moves when a chart comes


def show(
    index: ReviewIndex,
    conditions: tuple[Condition, ...],
    ask: Callable[[str, Sequence[str]], None],
) -> None:
    """Draw it, of the reviews that meet all conditions. `ask` is given a question, and those before
    it on which it leans: none.
    """
    generation = str(index.generation)
    with st.container(key="overview"):
        profile = _profile(generation, conditions, index)
        st.html(markup.facts_html(profile))
        topics = _topics(generation, conditions, index)
        charts = markup.charts(profile)
        _examples(topics, ask)
        if topics and charts:
            left, right = st.columns([3, 2], gap="large")
            places = [right.container() for _ in charts]
        else:
            left = st.container()
            places = list(st.columns(len(charts), gap="large")) if charts else []
        if topics:
            with left:
                _draw_topics(topics, ask)
        for place, chart in zip(places, charts, strict=True):
            with place:
                st.header(chart[0], anchor=False)
                _bars(chart)
        if charts:
            with st.expander(FIGURES):
                st.html(markup.tables_html(charts))


@st.cache_resource(show_spinner=False, max_entries=16)
def _profile(generation: str, conditions: tuple[Condition, ...], _index: ReviewIndex) -> Profile:
    return profile_of(_index, conditions)


@st.cache_resource(show_spinner=False, max_entries=16)
def _topics(
    generation: str, conditions: tuple[Condition, ...], _index: ReviewIndex
) -> tuple[Topic, ...]:
    return topics_of(_index, _kept(generation, _index), conditions)


@st.cache_resource(show_spinner="Finding what the reviews speak of …", max_entries=4)
def _kept(generation: str, _index: ReviewIndex) -> Kept:
    """The topics that were kept with the index, or else they are found now."""
    return index_topics(_index)


def _examples(topics: Sequence[Topic], ask: Callable[[str, Sequence[str]], None]) -> None:
    examples = tuple(topic.question for topic in topics[:1]) or WITHOUT_TOPICS
    questions = [(f"task-{task.name}", task.label, task.question) for task in TASKS]
    questions += [
        (f"example-{number}", question, question) for number, question in enumerate(examples)
    ]
    with st.container(key="examples", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption("Try one of these:", width="content")
        for key, label, question in questions:
            st.button(as_markdown(label), key=key, on_click=ask, args=(question, ()))


def _draw_topics(topics: Sequence[Topic], ask: Callable[[str, Sequence[str]], None]) -> None:
    st.header("What they speak of", anchor=False)
    drawn = sorted(topics, key=lambda topic: -topic.reviews)[:TOPICS]
    with st.container(key="topics", gap="xxsmall"):
        st.html(markup.legend_html())
        for number, topic in enumerate(drawn):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.button(
                    as_markdown(topic.name),
                    key=f"topic-{number}",
                    type="tertiary",
                    on_click=ask,
                    args=(topic.question, ()),
                )
                st.html(markup.topic_html(topic, drawn[0].reviews))


def _bars(chart: markup.Chart) -> None:
    import altair

    _, label, rows = chart
    values = [{"label": name, "reviews": number} for name, number in rows]
    x = altair.X(
        "label:N", sort=None, title=None, axis=altair.Axis(labelAngle=0, labelOverlap="greedy")
    )
    y = altair.Y("reviews:Q", title=None, axis=altair.Axis(tickMinStep=1, tickCount=4))
    tooltip = [altair.Tooltip("label:N", title=label), altair.Tooltip("reviews:Q", title="Reviews")]
    bars = altair.Chart(altair.InlineData(values=values)).mark_bar(color=_BAR)
    st.altair_chart(bars.encode(x=x, y=y, tooltip=tooltip), height=_HEIGHT, alt=markup.told(chart))
