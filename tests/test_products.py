"""The invented products that the small model is trained on: complete, consistent, and nothing
repeated all over.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from rag.chunking import split_sentences
from rag.evaluation.questions import Question, read_questions
from rag.ingest import read_reviews
from rag.ingest.injection import addresses_the_model
from rag.schema import Review

PRODUCTS = Path(__file__).parents[1] / "finetune" / "products"
NAMES = sorted(path.stem for path in PRODUCTS.glob("*.csv"))


def reviews_of(name: str) -> list[Review]:
    reviews, report = read_reviews(PRODUCTS / f"{name}.csv")
    assert report.read == report.kept == 60
    return reviews


@pytest.fixture(scope="module", params=NAMES)
def product(request: pytest.FixtureRequest) -> tuple[list[Review], list[Question]]:
    return reviews_of(request.param), read_questions(PRODUCTS / f"{request.param}.jsonl")


def test_there_are_nine_and_each_is_another_item() -> None:
    assert len(NAMES) == 9
    assert len({reviews_of(name)[0].item for name in NAMES}) == 9
    ids = [review.review_id for name in NAMES for review in reviews_of(name)]
    assert len(ids) == len(set(ids))


def test_reviews_are_split_in_opinion_and_of_one_item(
    product: tuple[list[Review], list[Question]],
) -> None:
    reviews, _ = product
    assert len({review.item for review in reviews}) == 1
    ratings = Counter(review.rating for review in reviews)
    assert (
        sum(ratings[value] for value in (1, 2)) >= 10
        and sum(ratings[value] for value in (4, 5)) >= 10
    )
    assert all(15 <= len(review.text.split()) <= 115 for review in reviews)
    for review in reviews:
        sentences = [review.text[start:end] for start, end in split_sentences(review.text)]
        assert [sentence for sentence in sentences if addresses_the_model(sentence)] == []


def test_questions_rest_on_reviews_that_exist(product: tuple[list[Review], list[Question]]) -> None:
    reviews, questions = product
    ids = {review.review_id for review in reviews}
    assert len(questions) == 50 and {one.item_id for one in questions} == {reviews[0].item}
    for one in questions:
        assert one.review_ids <= ids
        assert len(one.point_reviews) == len(one.key_points)
        assert all(said and said <= one.review_ids for said in one.point_reviews)
        assert one.answerable == bool(one.key_points) == bool(one.review_ids)
        assert one.kind != "both_sides" or len(one.key_points) >= 2


def test_training_and_dev_questions_are_about_different_things(
    product: tuple[list[Review], list[Question]],
) -> None:
    _, questions = product
    topics = defaultdict(set)
    for one in questions:
        topics[one.split].add(one.topic)
    assert set(topics) == {"train", "dev"} and not topics["train"] & topics["dev"]


def test_no_phrase_is_repeated_all_over() -> None:
    users = defaultdict(set)
    for name in NAMES:
        for review in reviews_of(name):
            words = re.findall(r"\w+", review.text.casefold())
            for phrase in zip(*(words[start:] for start in range(5)), strict=False):
                users[phrase].add(review.review_id)
    assert {phrase: ids for phrase, ids in users.items() if len(ids) > 4} == {}
