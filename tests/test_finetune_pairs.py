"""What the embedder is trained on: pairs from questions, titles and neighbouring sentences, with
near misses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finetune.data.pairs import KINDS, Draw, make_pairs
from rag.evaluation.questions import Question
from rag.index import ReviewIndex
from tests.fakes import FakeEmbedder, build_fake_index, review

EMBEDDER = FakeEmbedder()


def question(text: str, *gold: str, split: str = "train") -> Question:
    return Question(text, text, "opinion", split, "", frozenset(gold), "", ())


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    left = "The pool was cold and dirty. We left the water at once."
    rows = (
        (
            "pool",
            "A warm clean pool",
            "We came by train. The pool was warm and clean. Nobody sold any ice.",
        ),
        ("cold", "Great!", left),
        ("copy", "Dirty cold pool, left", left),
        (
            "soup",
            "The kind waiter there",
            "Soup at noon. The waiter was warm and kind to all of us.",
        ),
    )
    reviews = [replace(review(review_id, text), title=title) for review_id, title, text in rows]
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel", reviews, chunk_tokens=64)


def test_a_question_finds_the_best_sentence_of_each_gold_review(hotel: ReviewIndex) -> None:
    asked = [
        question("was the pool warm", "pool", "cold"),
        question("xyzzy", "soup"),
        question("gone", "elsewhere"),
    ]
    pairs = make_pairs(hotel, EMBEDDER, asked, kinds=["question"])
    assert {(pair.anchor, pair.positive) for pair in pairs} == {
        ("was the pool warm", "The pool was warm and clean."),
        ("was the pool warm", "The pool was cold and dirty."),
    }


def test_a_title_that_says_something_finds_the_sentence_that_says_it(hotel: ReviewIndex) -> None:
    pairs = make_pairs(hotel, EMBEDDER, kinds=["title"])
    assert [(pair.anchor, pair.positive) for pair in pairs] == [
        ("A warm clean pool", "The pool was warm and clean."),
        ("Dirty cold pool, left", "The pool was cold and dirty."),
        ("The kind waiter there", "The waiter was warm and kind to all of us."),
    ]


def test_neighbouring_sentences_of_some_length_find_each_other(hotel: ReviewIndex) -> None:
    pairs = make_pairs(hotel, EMBEDDER, kinds=["neighbour"])
    assert [(pair.anchor, pair.positive) for pair in pairs] == [
        (
            "The pool was cold and dirty.",
            "We left the water at once.",
        ),  # once, though two reviews say it
    ]


def test_only_the_reviews_that_may_be_used_are(hotel: ReviewIndex) -> None:
    allowed = np.array([one.review_id == "soup" for one in hotel.reviews()])
    pairs = make_pairs(
        hotel, EMBEDDER, [question("was the pool warm", "pool", "soup")], reviews=allowed
    )
    assert pairs and {pair.review_row for pair in pairs} == {3}
    assert all(not pair.negative or pair.negative in hotel.text(3) for pair in pairs)


def test_near_misses_are_of_other_reviews_and_not_too_near(hotel: ReviewIndex) -> None:
    (pair,) = [
        p for p in make_pairs(hotel, EMBEDDER, kinds=["title"]) if p.anchor == "A warm clean pool"
    ]
    assert pair.negative and pair.negative not in hotel.text(0)
    for pair in make_pairs(hotel, EMBEDDER, kinds=["title"]):
        if pair.negative:
            anchor, positive, negative = EMBEDDER.embed_documents(
                [pair.anchor, pair.positive, pair.negative]
            )
            assert anchor @ negative < 0.95 * (anchor @ positive)


def test_a_near_miss_is_never_of_a_review_that_answers_the_question_too(hotel: ReviewIndex) -> None:
    pairs = make_pairs(
        hotel, EMBEDDER, [question("was the pool warm", "pool", "cold")], kinds=["question"]
    )
    assert len(pairs) == 2
    right = "".join(hotel.text(row) for row in (0, 1, 2))
    assert all(pair.negative not in right for pair in pairs if pair.negative)
    alone = make_pairs(hotel, EMBEDDER, [question("was the pool warm", "pool")], kinds=["question"])
    assert alone[0].negative in hotel.text(1)  # which is what the embedder takes for near otherwise


WORDS = "pool warm cold room bed loud soup bread taxi sea".split()
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=3, max_size=8).map(
    lambda words: " ".join(words).capitalize() + "."
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(
        st.tuples(SENTENCE, st.lists(SENTENCE, min_size=1, max_size=4)), min_size=2, max_size=8
    ),
    most=st.integers(1, 9),
)
def test_pairs_of_any_reviews(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, list[str]]], most: int
) -> None:
    reviews = [
        replace(review(f"r{n}", " ".join(text)), title=title)
        for n, (title, text) in enumerate(texts)
    ]
    index = build_fake_index(
        tmp_path_factory.mktemp("x") / "x", reviews, embedder=FakeEmbedder(dimension=64)
    )
    embedder = FakeEmbedder(dimension=64)
    pairs = make_pairs(index, embedder, [question("pool warm", "r0", "r1")], draw=Draw(most))
    assert pairs == make_pairs(
        index, embedder, [question("pool warm", "r0", "r1")], draw=Draw(most)
    )
    assert all(sum(pair.kind == kind for pair in pairs) <= most for kind in KINDS)
    plain = [
        (" ".join(p.anchor.casefold().split()), " ".join(p.positive.casefold().split()))
        for p in pairs
    ]
    assert len(set(plain)) == len(plain) and all(anchor != positive for anchor, positive in plain)
    sentences = index.sentences(range(index.manifest.sentences))
    group_of: dict[str, set[int]] = {}
    for one in sentences:
        row = int(index.sentence_review[one.row])
        group_of.setdefault(one.text, set()).add(int(index.review_group[row]))
    for pair in pairs:
        assert pair.positive in index.text(pair.review_row)
        if pair.negative:
            assert group_of[pair.negative] - {int(index.review_group[pair.review_row])}
            anchor, positive, negative = embedder.embed_documents(
                [pair.anchor, pair.positive, pair.negative]
            )
            assert anchor @ negative < 0.95 * (anchor @ positive) + 1e-5
