"""The sample: six hundred reviews and a question set, with the difficulties planted in them.

The first 330 reviews differ in all they say; the other 270 are plain and repeat one another.
"""

from __future__ import annotations

import csv
import html
import itertools
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import regex

from rag.answering.prompt import REFUSAL
from rag.chunking import split_sentences
from rag.evaluation.questions import SPLITS, Question, read_questions
from rag.ingest import ReadReport, read_reviews
from rag.ingest.injection import addresses_the_model
from rag.schema import Review

SAMPLE = Path(__file__).parents[1] / "rag" / "sample"
PLANTED = [f"sq-{number}" for number in range(321, 331)]
"""Copies of other reviews: four to the letter, six with small changes."""
VARIED = 330
"""How many reviews come before the plain ones."""


@pytest.fixture(scope="module")
def read() -> tuple[list[Review], ReadReport]:
    return read_reviews(SAMPLE / "reviews.csv")


@pytest.fixture(scope="module")
def reviews(read: tuple[list[Review], ReadReport]) -> list[Review]:
    return read[0]


@pytest.fixture(scope="module")
def raw() -> list[dict[str, str]]:
    with (SAMPLE / "reviews.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return read_questions(SAMPLE / "questions.jsonl")


@pytest.fixture(scope="module")
def topics() -> list[dict[str, str]]:
    with (SAMPLE / "topics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_a_review_with_its_own_id(
    read: tuple[list[Review], ReadReport], raw: list[dict[str, str]]
) -> None:
    reviews, report = read
    assert len(reviews) == 600
    assert (report.read, report.kept, report.dropped) == (len(raw), len(raw), {})
    assert [review.review_id for review in reviews] == [row["review_id"] for row in raw]
    assert set(report.columns) >= {
        "review_id",
        "text",
        "title",
        "rating",
        "date",
        "author",
        "helpful_votes",
    }


def test_lengths_of_varied_reviews(reviews: list[Review]) -> None:
    latin = [review for review in reviews[:VARIED] if not regex.search(r"\p{Hangul}", review.text)]
    assert [review.review_id for review in latin if not 5 <= len(review.text.split()) <= 500] == []
    assert len({len(review.text.split()) // 50 for review in latin}) >= 6  # short and long ones


def test_plain_reviews_are_mostly_short_with_a_tail(reviews: list[Review]) -> None:
    lengths = [len(review.text.split()) for review in reviews[VARIED:]]
    assert 20 <= statistics.median(lengths) <= 30
    assert sum(length <= 10 for length in lengths) >= len(lengths) / 5
    assert sum(length > 100 for length in lengths) >= len(lengths) / 20
    assert max(lengths) <= 200


def test_plain_reviews_repeat_what_others_say(topics: list[dict[str, str]]) -> None:
    repeated = Counter(
        (row["topic"], row["stance"]) for row in topics if int(row["review_id"][3:]) > VARIED
    )
    assert repeated["overall", "praise"] >= 60
    assert min(repeated["suspense", "praise"], repeated["acting", "praise"]) >= 45
    assert min(repeated["vips", "criticism"], repeated["social_critique", "praise"]) >= 30
    assert sum(count >= 10 for count in repeated.values()) >= 20


def test_dates_and_ratings(reviews: list[Review], raw: list[dict[str, str]]) -> None:
    assert {review.date[:4] for review in reviews} == {"2021", "2022", "2023", "2024", "2025"}
    ratings = [review.rating for review in reviews]
    assert {rating for rating in ratings if rating is not None} == set(range(1, 11))
    assert ratings.count(None) == sum(not row["rating"] for row in raw) > 0
    assert {(review.rating_min, review.rating_max) for review in reviews} == {(1, 10)}


def share_of_words(one: str, other: str) -> float:
    """Words in both over words in either."""
    first, second = (set(re.findall(r"\w+", text.casefold())) for text in (one, other))
    return len(first & second) / len(first | second)


def test_exact_and_near_duplicates_are_planted(reviews: list[Review]) -> None:
    originals = [review.text for review in reviews if review.review_id not in PLANTED]
    copies = [review.text for review in reviews if review.review_id in PLANTED]
    assert len(copies) == len(PLANTED)
    exact = [text for text in copies if text in originals]
    assert len(exact) == 4
    for text in set(copies) - set(exact):
        assert max(share_of_words(text, original) for original in originals) > 0.75


def test_no_phrase_is_repeated_all_over_the_varied_reviews(reviews: list[Review]) -> None:
    users = defaultdict(set)
    for review in reviews[:VARIED]:
        if review.review_id not in PLANTED:
            words = re.findall(r"\w+", review.text.casefold())
            for phrase in zip(*(words[start:] for start in range(5)), strict=False):
                users[phrase].add(review.review_id)
    assert {phrase: ids for phrase, ids in users.items() if len(ids) > 5} == {}


def test_exactly_two_reviews_try_to_steer_the_model(reviews: list[Review]) -> None:
    found = [
        review
        for review in reviews
        if re.search(r"(?i)\b(ignore all the|disregard earlier)\b", review.text)
    ]
    assert [review.review_id for review in found] == ["sq-090", "sq-096"]
    flagged = {
        review.review_id
        for review in reviews
        for start, end in split_sentences(review.text)
        if addresses_the_model(review.text[start:end])
    }
    assert flagged == {"sq-090", "sq-096"}
    assert sum("</review>" in review.text or "ANY AI" in review.text for review in found) >= 1


def test_other_languages_html_leftovers_and_emoji_are_there(
    reviews: list[Review], raw: list[dict[str, str]]
) -> None:
    assert sum(bool(regex.search(r"\p{Hangul}{2}", review.text)) for review in reviews) >= 1
    assert sum(bool(re.search(r"[¿¡]", review.text)) for review in reviews) >= 1
    assert (
        sum(bool(regex.search(r"\p{Extended_Pictographic}", review.text)) for review in reviews)
        >= 10
    )
    assert sum("<br" in row["text"] for row in raw) >= 1
    assert sum(html.unescape(row["text"]) != row["text"] for row in raw) >= 1
    assert [r.review_id for r in reviews if re.search(r"<br|&(?:amp|quot|#\d+);", r.text)] == []


def test_the_stances_are_about_reviews_that_exist(
    reviews: list[Review], topics: list[dict[str, str]]
) -> None:
    ids = {review.review_id for review in reviews}
    assert {row["review_id"] for row in topics} <= ids
    assert {row["stance"] for row in topics} == {"praise", "criticism", "mixed"}
    assert len({(row["review_id"], row["topic"]) for row in topics}) == len(topics)


def test_there_are_enough_questions_of_each_kind(questions: list[Question]) -> None:
    kinds = Counter(question.kind for question in questions)
    assert len(questions) == 229
    assert kinds["unanswerable"] == 43
    assert kinds["count"] == 33
    assert min(kinds["opinion"], kinds["both_sides"], kinds["fact"]) >= 15
    assert len({question.question.casefold() for question in questions}) == len(questions)


def test_every_split_has_both_answerable_questions_and_others(questions: list[Question]) -> None:
    assert {question.split for question in questions} == set(SPLITS)
    for split in SPLITS:
        assert {question.answerable for question in questions if question.split == split} == {
            True,
            False,
        }


def test_questions_rest_on_reviews_that_exist(
    questions: list[Question], reviews: list[Review]
) -> None:
    ids = {review.review_id for review in reviews}
    assert [question.id for question in questions if not question.review_ids <= ids] == []


def test_no_topic_is_in_two_splits(questions: list[Question], topics: list[dict[str, str]]) -> None:
    of_split = {
        split: {q.topic for q in questions if q.split == split} - {"none"} for split in SPLITS
    }
    for one, other in itertools.combinations(SPLITS, 2):
        assert of_split[one].isdisjoint(of_split[other])
    assert {row["topic"] for row in topics} <= set().union(*of_split.values())


def test_answerable_questions_have_evidence_and_key_points(questions: list[Question]) -> None:
    answerable = [question for question in questions if question.answerable]
    assert [
        q.id
        for q in answerable
        if not (q.review_ids and q.key_points and q.answer and q.topic != "none")
    ] == []
    others = [question for question in questions if not question.answerable]
    assert [q.id for q in others if q.review_ids or q.key_points or q.answer != REFUSAL] == []


def test_answers_to_count_questions_say_how_many_reviews(questions: list[Question]) -> None:
    counts = [question for question in questions if question.kind == "count"]
    assert [
        q.id for q in counts if str(len(q.review_ids)) not in re.findall(r"\d+", q.answer)
    ] == []


@pytest.mark.parametrize(
    ("question_id", "name"),
    [("q-150", "Kaiji"), ("q-221", "Battle Royale")],
)
def test_counts_of_names_agree_with_the_reviews(
    questions: list[Question], reviews: list[Review], question_id: str, name: str
) -> None:
    question = next(question for question in questions if question.id == question_id)
    assert question.review_ids == {
        review.review_id for review in reviews if name in f"{review.title} {review.text}"
    }


@pytest.mark.parametrize(
    ("question_id", "topic", "stance"),
    [
        ("q-148", "vips", "criticism"),
        ("q-183", "violence", "criticism"),
        ("q-184", "dubbing", "criticism"),
        ("q-185", "hype", "criticism"),
        ("q-186", "music", "praise"),
        ("q-200", "sets", "praise"),
        ("q-201", "social_critique", "praise"),
        ("q-202", "s3_overall", "criticism"),
    ],
)
def test_counts_agree_with_the_labels(
    questions: list[Question],
    topics: list[dict[str, str]],
    question_id: str,
    topic: str,
    stance: str,
) -> None:
    question = next(question for question in questions if question.id == question_id)
    assert question.review_ids == {
        row["review_id"] for row in topics if (row["topic"], row["stance"]) == (topic, stance)
    }
