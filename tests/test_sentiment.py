"""Which side a question asks for, and which stance a sentence takes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.embedding import SentenceTransformerEmbedder
from rag.reader.stance import (
    CRITICISING,
    PRAISING,
    Floats,
    StanceModel,
    between_anchors,
    fitted_head,
    side_of,
)
from rag.schema import Side
from rag.understanding.side import asked_side


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


DIMENSION = 16


def unit(vectors: NDArray[np.floating]) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def opinions(count: int, seed: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Unit vectors whose first coordinate is positive for the half that praises, and which half
    that is.
    """
    random = np.random.default_rng(seed)
    praising = np.arange(count) % 2 == 0
    vectors = random.normal(size=(count, DIMENSION))
    vectors[:, 0] = np.where(praising, 1.5, -1.5) + random.normal(scale=0.3, size=count)
    return unit(vectors), praising


@pytest.fixture(scope="module")
def model() -> StanceModel:
    """Between stand-ins for the vectors of `PRAISING` and `CRITICISING`."""
    random = np.random.default_rng(9)
    noise = random.normal(scale=0.1, size=(len(PRAISING) + len(CRITICISING), DIMENSION))
    noise[:, 0] += np.repeat([1.0, -1.0], [len(PRAISING), len(CRITICISING)])
    vectors = unit(noise)
    return between_anchors(vectors[: len(PRAISING)], vectors[len(PRAISING) :])


def test_the_anchors_tell_the_sides_apart(model: StanceModel) -> None:
    vectors, praising = opinions(300, seed=3)
    stances = np.array([model.stance(vector, None) for vector in vectors])
    assert ((stances > 0) == praising).mean() > 0.95
    assert model.weights.dtype == np.float32


def test_happy_guests_are_not_centred(model: StanceModel) -> None:
    vectors, praising = opinions(300, seed=4)
    assert min(model.stance(vector, None) for vector in vectors[praising]) > -0.4


def test_anchors_that_say_the_same_lean_nowhere() -> None:
    same = unit(np.ones((8, DIMENSION)))
    assert between_anchors(same, same).stance(same[0], None) == 0


def test_stances_are_bounded(model: StanceModel) -> None:
    vectors, _ = opinions(50, seed=7)
    for vector in vectors:
        assert all(-1 <= model.stance(50 * vector, rating) <= 1 for rating in (None, 0.0, 1.0))


def test_a_reviews_rating_pulls_its_sentences_along(model: StanceModel) -> None:
    vectors, _ = opinions(100, seed=8)
    for vector in vectors:
        bad, unknown, good = (model.stance(vector, rating) for rating in (0.0, None, 1.0))
        assert bad < good
        # a middling rating says nothing
        assert model.stance(vector, 0.5) == unknown


def test_a_column_of_pros_or_cons_decides(model: StanceModel) -> None:
    vectors, _ = opinions(20, seed=9)
    for vector in vectors:
        assert side_of(model.stance(vector, 0.0, "praise")) == "praise"
        assert side_of(model.stance(vector, 1.0, "criticism")) == "criticism"
        assert model.stance(vector, 1.0, "neutral") == model.stance(vector, 1.0)


def test_the_fitted_head_is_for_its_embedder_only() -> None:
    embedder = SentenceTransformerEmbedder()
    head = fitted_head(embedder.identity)
    assert fitted_head("another@1234") is None
    assert head is not None
    said = {
        "The rooms were clean and tidy.": "praise",
        "The staff were kind and helpful.": "praise",
        "Everything works and it was easy to set up.": "praise",
        "The bathroom was filthy.": "criticism",
        "It broke after two days and nobody answers.": "criticism",
        "The plot makes no sense at all.": "criticism",
        "It comes in a blue box.": "neutral",
        "There are two of them in a box.": "neutral",
    }
    vectors = embedder.embed_documents(list(said))
    assert [side_of(head.stance(vector, None)) for vector in vectors] == list(said.values())
