"""Which side a question asks for, and how the stance of sentences is learnt from ratings."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.reader.stance import COMPLAINING, PRAISING, Floats, fit_stance, side_of
from rag.schema import Side
from rag.understanding.side import asked_side

DIMENSION = 16


@pytest.mark.parametrize(
    ("question", "side"),
    [
        ("What do viewers dislike?", "criticism"),
        ("What do people complain about most?", "criticism"),
        ("What are the main problems with season 2?", "criticism"),
        ("Why was the ending disappointing?", "criticism"),
        ("What didn't they like about the dub?", "criticism"),
        ("What didn’t they enjoy?", "criticism"),
        ("What did viewers not like?", "criticism"),
        ("Which games don't work?", "criticism"),
        ("What are the things people didn’t love?", "criticism"),
        ("Which actors are criticised?", "criticism"),
        ("Which actors are criticized?", "criticism"),
        ("What is the worst episode?", "criticism"),
        ("What are the cons?", "criticism"),
        ("What do viewers like?", "praise"),
        ("What do people love about the games?", "praise"),
        ("What is the best episode?", "praise"),
        ("Which actors are praised?", "praise"),
        ("How do people like the ending?", "neutral"),
        ("WHAT DO PEOPLE ENJOY", "praise"),
        ("Why do fans defend the ending?", "praise"),
        ("Is the dub any good?", "neutral"),
        ("Are there any problems with the sound?", "neutral"),
        ("Did anyone hate it?", "neutral"),
        ("Isn't it boring?", "neutral"),
        ("Doesn’t the ending work?", "neutral"),
        ("What is the hotel like?", "neutral"),
        ("What's the acting like?", "neutral"),
        ("What are the rooms like?", "neutral"),
        ("What does it taste like?", "neutral"),
        ("What is it like, and what do people love?", "praise"),
        ("What do they like and dislike?", "neutral"),
        ("What are the positive and the negative aspects, according to the reviewers?", "neutral"),
        ("What are the pros and cons?", "neutral"),
        ("How long is the series?", "neutral"),
        ("What do reviewers say about the music?", "neutral"),
        ("", "neutral"),
    ],
)
def test_asked_side(question: str, side: Side) -> None:
    assert asked_side(question) == side


@pytest.mark.parametrize(
    ("stance", "side"),
    [
        (1.0, "praise"),
        (0.8, "praise"),
        (0.1, "neutral"),
        (0.0, "neutral"),
        (-0.1, "neutral"),
        (-0.9, "criticism"),
    ],
)
def test_side_of(stance: float, side: Side) -> None:
    assert side_of(stance) == side


def unit(vectors: NDArray[np.floating]) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def opinions(count: int, axis: int, seed: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Unit vectors whose coordinate `axis` is positive for the half that praises, and which half
    that is.
    """
    random = np.random.default_rng(seed)
    praising = np.arange(count) % 2 == 0
    vectors = random.normal(size=(count, DIMENSION))
    vectors[:, axis] = np.where(praising, 1.5, -1.5) + random.normal(scale=0.3, size=count)
    return unit(vectors), praising


def anchors(axis: int) -> tuple[Floats, Floats]:
    """Stand-ins for the vectors of `PRAISING` and `COMPLAINING`, apart along `axis`."""
    random = np.random.default_rng(9)
    noise = random.normal(scale=0.1, size=(len(PRAISING) + len(COMPLAINING), DIMENSION))
    noise[:, axis] += np.repeat([1.0, -1.0], [len(PRAISING), len(COMPLAINING)])
    vectors = unit(noise)
    return vectors[: len(PRAISING)], vectors[len(PRAISING) :]


def accuracy(stances: list[float], praising: NDArray[np.bool_]) -> float:
    return float(((np.array(stances) > 0) == praising).mean())


def test_ratings_teach_how_this_corpus_words_praise() -> None:
    # the fixed sentences point along axis 0, which says nothing here; the ratings follow axis 1
    vectors, praising = opinions(1000, axis=1, seed=1)
    model = fit_stance(vectors, np.where(praising, 0.9, 0.2), *anchors(0))
    unseen, truth = opinions(400, axis=1, seed=2)
    without = fit_stance(vectors, np.full(1000, np.nan), *anchors(0))
    assert accuracy([model.stance(v, None) for v in unseen], truth) > 0.8
    assert accuracy([without.stance(v, None) for v in unseen], truth) < 0.6


def test_without_ratings_the_fixed_direction_decides() -> None:
    vectors, praising = opinions(300, axis=0, seed=3)
    model = fit_stance(vectors, np.full(300, np.nan), *anchors(0))
    assert accuracy([model.stance(v, None) for v in vectors], praising) > 0.95


@pytest.mark.parametrize("rating", [0.0, 0.5, 1.0])
def test_ratings_that_are_all_the_same_teach_nothing(rating: float) -> None:
    vectors, _ = opinions(300, axis=0, seed=4)
    constant = fit_stance(vectors, np.full(300, rating), *anchors(0))
    none = fit_stance(vectors, np.full(300, np.nan), *anchors(0))
    np.testing.assert_allclose(constant.weights, none.weights)


def test_a_few_ratings_are_not_learnt_from() -> None:
    vectors, praising = opinions(1000, axis=1, seed=5)
    ratings = np.full(1000, np.nan)
    ratings[:50] = praising[:50]
    few = fit_stance(vectors, ratings, *anchors(0))
    none = fit_stance(vectors, np.full(1000, np.nan), *anchors(0))
    np.testing.assert_allclose(few.weights, none.weights)


def test_sentences_without_a_rating_do_not_spoil_those_with_one() -> None:
    vectors, praising = opinions(1000, axis=1, seed=6)
    ratings = np.where(np.arange(1000) % 4 < 2, praising.astype(float), np.nan)
    model = fit_stance(vectors, ratings, *anchors(0))
    assert np.isfinite(model.weights).all()
    assert np.isfinite(model.offset)
    assert accuracy([model.stance(v, None) for v in vectors], praising) > 0.85


def test_stances_are_centred_on_the_index_and_bounded() -> None:
    vectors, praising = opinions(600, axis=0, seed=7)
    shifted = unit(vectors + 0.4)
    model = fit_stance(shifted, praising.astype(float), *anchors(0))
    wording = shifted @ model.weights + model.offset
    assert abs(float(wording.mean())) < 1e-4
    assert model.weights.dtype == np.float32
    assert all(
        -1 <= model.stance(vector * 50, rating) <= 1
        for vector in shifted[:50]
        for rating in (None, 0.0, 1.0)
    )


def test_identical_sentences_lean_nowhere() -> None:
    vectors = unit(np.ones((300, DIMENSION)))
    model = fit_stance(vectors, np.linspace(0, 1, 300), *anchors(0))
    assert model.stance(vectors[0], None) == pytest.approx(0, abs=1e-5)


def test_a_reviews_rating_pulls_its_sentences_along() -> None:
    vectors, praising = opinions(600, axis=0, seed=8)
    model = fit_stance(vectors, praising.astype(float), *anchors(0))
    for vector in vectors[:100]:
        bad, unknown, good = (model.stance(vector, rating) for rating in (0.0, None, 1.0))
        assert bad < good
        # a middling rating says nothing, and no rating leaves more to the wording
        assert abs(model.stance(vector, 0.5)) <= abs(unknown)
        assert model.stance(vector, 0.5) * unknown >= 0
    pairs = list(zip(vectors, praising, strict=True))
    assert sum(
        model.stance(v, float(praised)) * (1 if praised else -1) > 0 for v, praised in pairs
    ) > 0.95 * len(pairs)
