"""What limits an answer is told shortly, and can be left out of the question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag.embedding import SentenceTransformerEmbedder
from rag.generators.choice import ChosenGenerator
from rag.understanding.catalogue import Catalogue, catalogue_of
from rag.understanding.limits import leave_out
from rag.understanding.names import NameFinder
from rag.understanding.plan import BOTH_SIDES, QuestionPlan, understand
from tests.fakes import FakeEmbedder, FakeGenerator
from tests.test_understanding import HOTELS, reviews_of

FOX, BLUEBELL, MAISON = (f"item:{hotel}" for hotel in HOTELS)
BREAKFAST = "How was the breakfast at the Fox and Crown in 2021?"
REVIEWS = reviews_of(HOTELS, "The breakfast was warm.", "We loved the garden.")


@pytest.fixture(scope="module")
def hotels() -> Catalogue:
    return catalogue_of("my-hotels", REVIEWS)


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


def plan(
    question: str, catalogue: Catalogue, embedder: SentenceTransformerEmbedder, *without: str
) -> QuestionPlan:
    finder = NameFinder(catalogue)
    embed = embedder.embed_queries
    return understand(question, finder, catalogue, embed, embedder.identity, (), without)


def labels(made: QuestionPlan) -> list[str]:
    return [limit.label for limit in made.limits]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (BREAKFAST, ["Fox and Crown", "2021"]),
        (
            "Which is quieter, the Fox and Crown or Hotel Bluebell?",
            ["Fox and Crown", "Hotel Bluebell"],
        ),
        ("How is the pool of the Hilton?", ["Hilton"]),
        ("How was the pool since March 2023?", ["from March 2023 on"]),
        ("How was the pool after 2021?", ["after 2021"]),
        ("How was the pool between 2019 and 2021?", ["2019 to 2021"]),
        ("How was the pool in the last 2 years?", ["from 1 March 2021 on"]),
        ("What is said of the pool in one-star reviews?", ["1 star"]),
        ("What is said of the pool with at least four stars?", ["at least 4 stars"]),
        ("What is said of the pool in two or three star reviews?", ["2 to 3 stars"]),
        ("What is said of the pool in low-rated reviews?", ["low ratings"]),
        ("What do guests complain about?", ["criticism"]),
        ("How is the pool?", []),
    ],
)
def test_what_limits_an_answer_is_told_shortly(
    hotels: Catalogue,
    embedder: SentenceTransformerEmbedder,
    question: str,
    expected: list[str],
) -> None:
    assert labels(plan(question, hotels, embedder)) == expected


def test_stars_on_another_scale_are_told_as_they_were_read(
    embedder: SentenceTransformerEmbedder,
) -> None:
    of_ten = Catalogue("films", 10, scale=(1.0, 10.0))
    made = plan("How is the music in one-star reviews?", of_ten, embedder)
    assert labels(made) == ["1 to 2 of 10"]


def test_a_time_that_does_not_limit_is_no_limit(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder
) -> None:
    made = plan("Has the pool got better since 2021?", hotels, embedder)
    assert made.intent == "change" and "date" not in [limit.key for limit in made.limits]


@pytest.mark.parametrize(
    ("without", "question", "where"),
    [
        ([], BREAKFAST, 'date = 2021 and item = "Fox and Crown"'),
        ([FOX], "How was the breakfast in 2021?", "date = 2021"),
        (["date"], "How was the breakfast at the Fox and Crown?", 'item = "Fox and Crown"'),
        ([FOX, "date"], "How was the breakfast?", ""),
        (["rating", "item:Hilton"], BREAKFAST, 'date = 2021 and item = "Fox and Crown"'),
    ],
)
def test_a_limit_is_left_out_with_its_words(
    hotels: Catalogue,
    embedder: SentenceTransformerEmbedder,
    without: list[str],
    question: str,
    where: str,
) -> None:
    made = plan(BREAKFAST, hotels, embedder, *without)
    told = json.loads(json.dumps(made.as_dict()))
    assert (made.question, told["conditions"]) == (question, where)
    assert (made.query, made.aspect) == ("How was the breakfast?", "breakfast")
    kept = [key for key in (FOX, "date") if key not in without]
    assert [limit["key"] for limit in told["limits"]] == kept
    assert {limit["key"] for limit in told["removed"]} == {FOX, "date"} - set(kept)


@pytest.mark.parametrize(
    ("question", "without", "left"),
    [
        ("Which is quieter, the Fox and Crown or Hotel Bluebell?", [BLUEBELL], "the Fox and Crown"),
        ("Which is quieter, the Fox and Crown or Hotel Bluebell?", [FOX], "Hotel Bluebell"),
        ("Which is quieter, Maison du Lac, the Bluebell or the Fox?", [MAISON], ""),
    ],
)
def test_of_several_items_some_are_left_out(
    hotels: Catalogue,
    embedder: SentenceTransformerEmbedder,
    question: str,
    without: list[str],
    left: str,
) -> None:
    made = plan(question, hotels, embedder, *without)
    assert made.question == f"Which is quieter, {left or 'the Bluebell or the Fox'}?"
    assert len(made.parts) == (1 if left else 2)


def test_what_it_is_compared_with_goes_with_the_word_that_leads_to_it(hotels: Catalogue) -> None:
    question = "Is the Fox and Crown better than Hotel Bluebell?"
    rest, _ = leave_out(question, [BLUEBELL], NameFinder(hotels), hotels)
    assert rest == "Is the Fox and Crown better?"


def test_a_name_that_comes_to_light_can_be_left_out_too(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder
) -> None:
    question = "Is the pool of the Fox better than that of the Hilton?"
    made = plan(question, hotels, embedder, FOX)
    assert made.unknown_item == "Hilton" and labels(made) == ["Hilton"]
    made = plan(question, hotels, embedder, FOX, "name:Hilton")
    assert made.unknown_item == "" and made.question == "Is the pool better than that?"
    assert [limit.label for limit in made.removed] == ["Fox and Crown", "Hilton"]


def test_where_nothing_would_be_left_the_words_are_searched_for(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder
) -> None:
    made = plan("Fox and Crown?", hotels, embedder, FOX)
    assert made.query == made.question == "Fox and Crown?" and not made.conditions
    assert [limit.key for limit in made.removed] == [FOX]


def test_without_its_side_a_question_wants_both(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder
) -> None:
    question = "What do guests dislike about the breakfast?"
    made = plan(question, hotels, embedder, "side")
    assert made.side == "neutral" and not made.limits
    assert [limit.label for limit in made.removed] == ["criticism"]
    assert made.question == question and made.for_model == f"{question} {BOTH_SIDES}"
    assert plan(question, hotels, embedder).for_model == question


@given(st.text(max_size=80), st.sets(st.sampled_from([FOX, BLUEBELL, "date", "rating", "side"])))
def test_from_any_text_something_can_be_left_out(question: str, without: set[str]) -> None:
    catalogue = catalogue_of("hotels", REVIEWS)
    rest, removed = leave_out(question, without, NameFinder(catalogue), catalogue)
    assert {limit.key for limit in removed} <= without
    assert removed or rest == question


def test_an_index_asks_without_a_limit(tmp_path: Path) -> None:
    settings = rag.load_settings(
        environ={},
        overrides={"paths.indexes_dir": tmp_path / "indexes", "answering.evidence_floor": 0.0},
    )
    reviews = [
        *reviews_of(HOTELS[:1], "The breakfast was warm, and there was fresh bread."),
        *reviews_of(HOTELS[1:2], "We had breakfast in a green garden with birds."),
        *reviews_of(HOTELS[2:], "Nobody came to bring us the breakfast that we had paid for."),
    ]
    rag.build(reviews, name="hotels", settings=settings, embedder=FakeEmbedder())
    generator = FakeGenerator("It was warm [1].")
    chosen = ChosenGenerator(generator, "a test asked")
    index = rag.open("hotels", settings=settings, embedder=FakeEmbedder(), chosen=chosen)
    answer = index.ask(BREAKFAST)
    assert {found.review.item for found in answer.retrieved} == {"Fox and Crown"}
    assert answer.searched_for == ""
    keys = [limit.key for limit in index.plan(BREAKFAST).limits]
    assert keys == [FOX, "date"]
    wider = index.ask(BREAKFAST, without=[FOX])
    assert wider.question == BREAKFAST and wider.searched_for == "How was the breakfast in 2021?"
    assert {found.review.item for found in wider.retrieved} == set(HOTELS)
    assert "How was the breakfast in 2021?" in generator.sent[-1][0]["content"]
    *_, streamed = index.stream(BREAKFAST, without=keys)
    assert isinstance(streamed, rag.Answer) and streamed.plan["conditions"] == ""
    assert index.plan(BREAKFAST, without=keys).query == "How was the breakfast?"
