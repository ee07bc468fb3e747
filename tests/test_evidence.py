"""Do the retrieved reviews bear on the question?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.refusal import (
    COVERAGE_WEIGHT,
    RAREST_WEIGHT,
    answerable,
    evidence_score,
    rarity_of,
)
from rag.schema import Chunk, RetrievedChunk, Review
from rag.understanding.catalogue import Catalogue
from rag.understanding.intent import asks_for_fact, content_words, wants_overview


def found(text: str, score: float = 0.5, number: int = 1) -> RetrievedChunk:
    chunk = Chunk(f"c{number}", "r", 0, len(text), text)
    return RetrievedChunk(number, chunk, Review("r", text), 0.0, (), cosine=score)


@pytest.mark.parametrize(
    "question",
    [
        "Who directed the series?",
        "who plays the recruiter",
        "When was it filmed?",
        "Where can I buy the tracksuit?",
        "Which actor left after a season?",
        "Which company is behind it?",
        "In which country is it set?",
        "Exactly how long is the final episode?",
        "How much was the actor paid?",
        "How old is Gi-hun?",
        "How many episodes are there?",
        "What year did it come out?",
        "What is the name of the doll?",
        "What was the budget?",
        "Do the reviews say who wrote it?",
        "Whose voice is it?",
        "What happens to the recruiter?",
        "  ... where was it shot?",
        "WHO WON?",
    ],
)
def test_questions_for_one_fact(question: str) -> None:
    assert asks_for_fact(question)


@pytest.mark.parametrize(
    "question",
    [
        "What do people think of the music?",
        "Is the violence too much, or does it serve the story?",
        "Why do viewers dislike the ending?",
        "How is the acting?",
        "How many reviewers mention the doll?",
        "How many of them cried?",
        "How many people complain about the dub?",
        "What are the positive and the negative aspects, according to the reviewers?",
        "Does anyone actually defend the blood?",
        "Should I watch it with children?",
        "Summarise the reviews.",
        "What is the mood like?",
        "Whoever wrote this?",
        "Was the dubbing distracting?",
        "Which character is most annoying?",
        "Who steals the show?",
        "Did people binge it?",
        "Did it win an Emmy?",
        "Has there been a fourth season?",
        "Which network made it?",
        "Who played it best?",
        "",
    ],
)
def test_questions_for_opinions_and_counts(question: str) -> None:
    assert not asks_for_fact(question)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What do people say about the marbles episode?", "marbles episode"),
        ("What do people like most?", ""),
        ("What do people complain about?", ""),
        ("How long is it?", ""),
        ("", ""),
    ],
)
def test_content_words_are_what_a_question_is_about(question: str, words: str) -> None:
    assert content_words(question) == words


def test_a_question_without_a_subject_wants_an_overview_unless_it_asks_for_a_fact() -> None:
    for question in (
        "What do people like most?",
        "What do people complain about?",
        "Overall opinion?",
    ):
        assert wants_overview(question)
    for question in (
        "What do people like about the doll?",
        "How long is it?",
        "When was it?",
        "Is it worth it?",
    ):
        assert not wants_overview(question)


def test_without_chunks_there_is_no_evidence() -> None:
    assert evidence_score(content_words("Is it good?"), []) == 0


def test_the_words_of_the_question_count() -> None:
    question = "How much was the actor paid?"
    near_miss = evidence_score(content_words(question), [found("Neither actor raises his voice.")])
    answer = evidence_score(content_words(question), [found("The actor was paid in peanuts.")])
    unrelated = evidence_score(content_words(question), [found("The doll turns her head.")])
    assert unrelated < near_miss < answer
    assert answer - unrelated == pytest.approx(COVERAGE_WEIGHT)


def test_forms_of_a_word_and_capitals_count_as_the_word() -> None:
    assert evidence_score(
        content_words("Who DIRECTED it?"), [found("Directors come and go.")]
    ) == pytest.approx(0.5 + COVERAGE_WEIGHT)
    assert evidence_score(
        content_words("Qui a joué?"), [found("Il JOUÉ bien; a qui?")]
    ) == pytest.approx(0.5 + COVERAGE_WEIGHT)


def test_a_rare_word_counts_more_and_for_a_fact_once_more() -> None:
    rarity = {"actor": 0.5, "paid": 4.0}
    chunks = [found("Neither actor raises his voice.")]
    plain = evidence_score("actor paid", chunks)
    assert plain == pytest.approx(0.5 + COVERAGE_WEIGHT / 2)
    assert evidence_score("actor paid", chunks, rarity) == pytest.approx(
        0.5 + COVERAGE_WEIGHT * 0.5 / 4.5
    )
    paid = [found("He was paid in peanuts.")]
    without, with_rarest = (
        evidence_score("actor paid", paid, rarity, is_fact=is_fact) for is_fact in (False, True)
    )
    assert with_rarest == pytest.approx(without + RAREST_WEIGHT)
    assert evidence_score("actor paid", chunks, rarity, is_fact=True) == pytest.approx(
        evidence_score("actor paid", chunks, rarity)
    )
    catalogue = Catalogue("x", 10, words={"paid": 1, "actor": 5, "actors": 10})
    assert rarity_of(catalogue)["paid"] > rarity_of(catalogue)["actor"] > 0


def test_a_question_of_empty_words_is_judged_by_its_score_alone() -> None:
    scores = [
        evidence_score(content_words("What do they say?"), [found(text)])
        for text in ("Any words.", "Others entirely.")
    ]
    assert scores[0] == scores[1]


def test_words_may_be_spread_over_chunks() -> None:
    together = evidence_score(content_words("marbles and dolls"), [found("Marbles and dolls.")])
    spread = evidence_score(
        content_words("marbles and dolls"), [found("Marbles."), found("Dolls.", number=2)]
    )
    assert together == pytest.approx(spread)


WORDS = "marbles doll bridge recruiter voting music violence".split()


@settings(max_examples=100, deadline=None)
@given(
    asked=st.lists(st.sampled_from(WORDS), min_size=1, unique=True),
    said=st.lists(st.sampled_from(WORDS), unique=True),
    more=st.sampled_from(WORDS),
    score=st.floats(-1, 1),
)
def test_more_words_found_never_lower_the_score(
    asked: list[str], said: list[str], more: str, score: float
) -> None:
    question = " ".join(asked)
    before = evidence_score(content_words(question), [found(" ".join(said), score)])
    after = evidence_score(content_words(question), [found(" ".join([*said, more]), score)])
    assert score <= before <= after <= score + COVERAGE_WEIGHT + 1e-9
    assert (after > before) == (more in asked and more not in said)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12))
def test_the_best_chunk_decides_whatever_the_order(scores: list[float]) -> None:
    chunks = [found("The doll.", score, number) for number, score in enumerate(scores, 1)]
    assert evidence_score(content_words("doll"), chunks) == evidence_score(
        content_words("doll"), chunks[::-1]
    )
    assert evidence_score(content_words("doll"), chunks) == pytest.approx(
        max(scores) + COVERAGE_WEIGHT
    )


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1.3), st.booleans())
def test_a_better_sentence_makes_an_answer_likelier(
    best: float, other: float, score: float, is_fact: bool
) -> None:
    low, high = sorted((best, other))
    values = [answerable(value, score, is_fact=is_fact) for value in (low, high)]
    assert 0 < values[0] <= values[1] < 1
    assert answerable(best, score, is_fact=True) < answerable(best, score, is_fact=False)
