"""Jobs, files and the versions of an index in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.config import Settings
from rag.index.admin import Generation
from rag.jobs import Job, JobSpec, Stage, State
from rag.schema import Review
from tests.test_render import ATTRIBUTES, HOSTILE, TAGS, Markup
from ui.render import reviews as markup
from ui.render import words

MORE_TAGS = TAGS | set("dl dt dd table thead tbody tr th td strong".split())
MORE_ATTRIBUTES = ATTRIBUTES | {"scope"}


def stage(name: str, done: float, total: float, seconds: float = 10.0) -> Stage:
    return Stage(name, int(done), int(total), 0, 100.0, 100.0 + seconds)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (1800, "30 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 KB"),
        (20_000_000, "20 MB"),
        (5.2e9, "5.2 GB"),
    ],
)
def test_sizes(number: float, said: str) -> None:
    assert words.size(number) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            stage("embedding", 1024, 24000),
            "Embedding: 1,024 of 24,000 sentences, 102 a second, about 4 min left",
        ),
        (
            stage("embedding", 10, 40),
            "Embedding: 10 of 40 sentences, 1.0 a second, about 30 s left",
        ),
        (stage("embedding", 10, 40, 0.0), "Embedding: 10 of 40 sentences"),
        (
            stage("reading", 5e6, 1e7),
            "Reading and cleaning: 5.0 MB of 10 MB, 500 KB a second, about 10 s left",
        ),
        (stage("comparing", 500, 0), "Comparing: 500 reviews, 50 a second"),
        (stage("resuming", 1, 900), "Recovered from an interrupted run: 1 sentence"),
        (stage("checking", 0, 1), "Checking, 10 s"),
        (stage("dreaming", 3, 9, 0.0), "Dreaming: 3 of 9"),
    ],
)
def test_how_far_a_stage_is(given: Stage, said: str) -> None:
    assert markup.stage_line(given) == said


def test_stages_that_are_over() -> None:
    shown = Markup(markup.stages_html([stage("reading", 1500, 1500), stage("chunking", 7, 7, 0.2)]))
    assert shown.text == "Reading and cleaning: 1.5 KB, 10 sSplitting into sentences: 7 reviews"
    assert markup.stages_html([]) == ""


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_becomes_markup(text: str) -> None:
    review = Review(text, text * 40, text, 3, 0, 10, text, text, text, 12, text, text)
    report = {
        "file": text,
        "format": text,
        "layout": text,
        "rating_scale": text,
        "dropped": {text: 1},
        "examples": [text],
    }
    spec = JobSpec(index=text, mode="update", files=(f"/some/where/{text}",))
    job = Job(Path("x"), spec, Settings(), 1.0, "done", finished=3.0)
    for shown in (
        markup.preview_html([review]),
        markup.result_html({"reports": [report], "reviews": text, "new": text}),
        markup.job_heading_html(job),
        markup.stages_html([stage(text, 1, 2)]),
        markup.versions_html([Generation(text, True, None, 5)]),
    ):
        page = Markup(shown)
        assert page.open == []
        assert {tag for tag, _ in page.tags} <= MORE_TAGS
        assert {name for _, attributes in page.tags for name in attributes} <= MORE_ATTRIBUTES


@pytest.mark.parametrize(
    ("state", "asked", "said"),
    [
        ("running", None, "Running"),
        ("running", 1.0, "Stopping"),
        ("died", None, "Ended unexpectedly"),
    ],
)
def test_the_state_of_a_job_is_said_first(state: State, asked: float | None, said: str) -> None:
    job = Job(
        Path("x"),
        JobSpec(index="hotel", mode="new", files=()),
        Settings(),
        1.0,
        state,
        cancel_asked=asked,
    )
    assert Markup(markup.job_heading_html(job)).text.startswith(f"{said} hotel")


def test_a_result_that_changed_nothing_says_so() -> None:
    shown = Markup(markup.outcome_html({"reviews": 1, "sentences": 2, "unchanged": 1})).text
    assert shown.startswith(
        "Nothing is new: the index stays as it is, with 1 review in 2 sentences."
    )


def test_long_texts_are_cut() -> None:
    assert words.excerpt("one\n two", 10) == "one two"
    assert words.excerpt("word " * 100, 12) == "word word wo …"
    assert len(words.excerpt("x" * 1_000_000)) == words.EXCERPT_CHARACTERS + 2
