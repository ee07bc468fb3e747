"""The library as a notebook uses it: build, ask, show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

import rag
from rag.generators.choice import ChosenGenerator
from tests.fakes import COPIED, REVIEWS, FakeEmbedder, FakeGenerator, review

QUESTION = "Was the swimming pool warm and clean?"
ROWS = [
    {"text": one.text, "rating": one.rating, "date": one.date, "id": one.review_id}
    for one in REVIEWS
]


@pytest.fixture
def settings(tmp_path: Path) -> rag.Settings:
    return rag.load_settings(
        environ={},
        overrides={
            "paths.indexes_dir": tmp_path / "indexes",
            "index.chunk_tokens": 16,
            "answering.evidence_floor": 0.3,
        },
    )


def build(source: Any, settings: rag.Settings, **more: Any) -> rag.Index:
    return rag.build(source, name="hotel", settings=settings, embedder=FakeEmbedder(), **more)


def csv_file(folder: Path) -> Path:
    file = folder / "reviews.csv"
    pandas.DataFrame(ROWS).to_csv(file, index=False)
    return file


@pytest.mark.parametrize("kind", ["file", "files", "rows", "frame", "reviews"])
def test_an_index_is_built_from_what_people_have(
    kind: str, settings: rag.Settings, tmp_path: Path
) -> None:
    source: dict[str, Any] = {
        "file": str(csv_file(tmp_path)),
        "files": [csv_file(tmp_path)],
        "rows": iter(ROWS),
        "frame": pandas.DataFrame(ROWS),
        "reviews": list(REVIEWS),
    }
    index = build(source[kind], settings)
    assert len(index) == len(REVIEWS) and "8 reviews" in repr(index)
    stored = {one.review_id: one for one in index.reviews()}
    assert {one.review_id: one.text for one in REVIEWS} == {
        review_id: one.text for review_id, one in stored.items()
    }
    assert stored["loud"].rating == 2 and stored["taxi"].rating is None
    assert stored["loud"].date == "2024-05-01"


def test_build_ask_and_show(settings: rag.Settings) -> None:
    stages: list[str] = []
    index = build(
        pandas.DataFrame(ROWS), settings, progress=lambda stage, done, total: stages.append(stage)
    )
    answer = index.ask(QUESTION)
    assert not answer.refused and "warm and clean" in answer.text and stages
    shown = answer._repr_html_()
    assert QUESTION in shown and "warm and clean" in shown and "1 reviews" not in shown
    assert answer.to_markdown().startswith("## Was the swimming pool")
    assert "[^1]: pool, rated 9/10, 2024" in answer.to_markdown().replace("\\-05\\-02", "")
    told = answer.to_dict()
    assert told["question"] == QUESTION and told["sentences"] and told["retrieved"]


def test_what_reviews_say_is_text_in_html_and_markdown(settings: rag.Settings) -> None:
    wild = review("<b>id</b>", "The pool [x](y) was warm & *clean*, 2 < 3.", 9)
    index = build([wild], settings)
    answer = index.ask("Was the pool warm & clean?")
    shown = answer._repr_html_()
    assert "2 &lt; 3" in shown and "&lt;b&gt;id" in shown and "<b>" not in shown
    markdown = answer.to_markdown()
    assert "[x](y)" not in markdown and "*clean*" not in markdown


def test_some_reviews_and_earlier_questions(settings: rag.Settings) -> None:
    index = build(ROWS, settings)
    assert index.ask(QUESTION, where="rating <= 3").retrieved != index.ask(QUESTION).retrieved
    for passage in index.search("the pool", where="rating <= 3"):
        assert passage.review.rating is not None and passage.review.rating <= 3
    follow_up = index.ask("And the bar?", after=["Was the pool loud?"])
    assert follow_up.question == "And the bar?"
    assert follow_up.searched_for == "And the bar? (loud)"


def test_a_stream_ends_with_the_answer_that_ask_gives(settings: rag.Settings) -> None:
    index = build(ROWS, settings)
    *pieces, answer = index.stream(QUESTION)
    assert isinstance(answer, rag.Answer) and all(isinstance(piece, str) for piece in pieces)
    assert answer.text == index.ask(QUESTION).text


def test_a_generator_of_ones_own(settings: rag.Settings) -> None:
    build(ROWS, settings)
    chosen = ChosenGenerator(FakeGenerator("The pool was warm and clean [1]."), "it was given")
    index = rag.open("hotel", settings=settings, embedder=FakeEmbedder(), chosen=chosen)
    answer = index.ask(QUESTION)
    assert answer.generator == "fake generator" and answer.generator_reason == "it was given"


def test_an_update_is_seen_by_who_opens_it(settings: rag.Settings) -> None:
    index = build(ROWS, settings)
    newer = index.update([{"text": "The sauna was closed.", "id": "sauna"}])
    assert (len(index), len(newer)) == (8, 9)
    assert len(newer.update(list(COPIED), replace=True)) == len(COPIED)


def test_topics_are_counted_for_some_reviews(settings: rag.Settings) -> None:
    rows = [
        {"text": text, "rating": mark}
        for text, mark in (
            ("We loved the breakfast.", 9),
            ("Breakfast was a horrible mess.", 2),
            ("A great breakfast with warm rolls.", 8),
            ("The breakfast was terrible and cold.", 1),
            ("What a superb breakfast!", 10),
            ("Stale breakfast, awful coffee, no smile.", 3),
        )
    ]
    index = build(rows, settings)
    (topic,) = index.topics()
    assert isinstance(topic, rag.Topic) and (topic.name, topic.reviews, topic.of) == (
        "breakfast",
        6,
        6,
    )
    (good,) = index.topics(where="rating >= 8")
    assert (good.reviews, good.of, good.criticism) == (3, 3, 0)
    assert good.to_dict()["question"] == topic.question


def test_half_characters_are_no_error(settings: rag.Settings) -> None:
    index = build([*ROWS, {"text": "The pool \ud83d was cold.", "id": "half"}], settings)
    assert index.ask("Was the \ud83d pool cold?").sentences
    assert index.search("the \udc80 pool")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ([], "no reviews"),
        ([{"text": " "}], "none of the 1 rows has text"),
        ("nowhere.csv", "nowhere.csv"),
    ],
)
def test_what_cannot_be_built_says_why(source: Any, says: str, settings: rag.Settings) -> None:
    with pytest.raises(rag.ReviewQAError, match=says):
        build(source, settings)
    with pytest.raises(rag.ReviewQAError, match="hotel"):
        rag.open("hotel", settings=settings)


def test_the_library_is_imported_at_once() -> None:
    code = (
        "import time; begun = time.perf_counter(); import rag; names = dir(rag); "
        "import sys; heavy = {'torch', 'faiss', 'numpy', 'pydantic'} & set(sys.modules); "
        "print(heavy or '', 'open' in names and 'build' in names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
    assert sorted(rag.__all__) == sorted(dir(rag)) and all(getattr(rag, name) for name in dir(rag))
    with pytest.raises(AttributeError, match="nothing_here"):
        rag.nothing_here  # noqa: B018
