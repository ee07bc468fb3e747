"""From a question to numbered chunks: the best sentence ranks, copies fold, few from one review,
both sides.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.embedding import query_vector
from rag.filters import parse_where
from rag.index import ReviewIndex
from rag.retrieval import Limits, Ranking, overview, renumbered, retrieve
from rag.schema import RetrievedChunk
from tests.fakes import COPIED, REVIEWS, FakeEmbedder, build_fake_index, review

EMBEDDER = FakeEmbedder()
LIMITS = Limits(top_k=12, chunks_per_review=12, near_duplicate=0.95)


def ids(retrieved: list[RetrievedChunk]) -> list[str]:
    return [found.review.review_id for found in retrieved]


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel")


def test_the_score_is_the_cosine_of_the_best_sentence_and_the_best_comes_first(
    hotel: ReviewIndex,
) -> None:
    query = "was the water of the swimming pool warm"
    found = retrieve(hotel, EMBEDDER, query, LIMITS, ranking=Ranking("dense"))
    vector = query_vector(EMBEDDER, query)
    assert found[0].review.review_id == "pool"
    assert [f.number for f in found] == list(range(1, len(found) + 1))
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)
    for f in found:
        best = max(
            float(v @ vector) for v in EMBEDDER.embed_documents([s.text for s in f.sentences])
        )
        assert f.score == f.cosine == pytest.approx(best, abs=1e-5)


def test_one_good_sentence_in_a_long_chunk_beats_a_chunk_that_is_vaguely_near(
    tmp_path: Path,
) -> None:
    long = "We came by train. It rained for hours and hours. The soup was cold. Nobody laughed at all that week."
    vague = (
        "The soup menu was printed on paper and the waiter was young. The bread was cold butter."
    )
    index = build_fake_index(
        tmp_path / "x", [review("vague", vague), review("long", long)], chunk_tokens=64
    )
    assert ids(retrieve(index, EMBEDDER, "the soup was cold", LIMITS)) == ["long", "vague"]


def test_what_is_found_is_what_the_index_holds(hotel: ReviewIndex) -> None:
    by_id = {r.review_id: r for r in REVIEWS}
    for found in retrieve(hotel, EMBEDDER, "the window of our room", LIMITS):
        assert found.review == by_id[found.chunk.review_id]
        assert found.chunk.text == found.review.text[found.chunk.start : found.chunk.end]
        assert (found.sentences[0].start, found.sentences[-1].end) == (
            found.chunk.start,
            found.chunk.end,
        )


@pytest.mark.parametrize("top_k", [1, 3, 100])
def test_never_more_than_top_k(hotel: ReviewIndex, top_k: int) -> None:
    found = retrieve(hotel, EMBEDDER, "the room", Limits(top_k, 12, 0.95))
    assert len(found) == min(top_k, len(REVIEWS))


def test_copies_are_folded_into_the_best_and_named(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "x", COPIED)
    first, second = retrieve(index, EMBEDDER, "when does the kitchen close at nine", LIMITS)
    assert {first.review.review_id, *first.also_in} == {"first", "copy", "copy-again"} and len(
        first.also_in
    ) == 2
    assert second.review.review_id == "other" and second.also_in == ()


def test_copies_do_not_use_up_top_k(tmp_path: Path) -> None:
    many = [
        review(f"copy-{n}", "The kitchen closes at nine and nobody tells you.") for n in range(6)
    ]
    index = build_fake_index(tmp_path / "x", [*many, COPIED[-1]])
    found = retrieve(index, EMBEDDER, "the kitchen", Limits(2, 1, 0.95))
    assert len(found) == 2 and {len(f.also_in) for f in found} == {5, 0}


SHARED = (
    "The room was small but very clean. The bed was soft and the shower was hot every morning. "
    "Nobody at the desk "
    "spoke more than three words of anything. The lift was slow and the stairs were steep. We paid "
    "in cash."
)
NEAR = (
    review("one", f"{SHARED} It rained.", 7),
    review("two", f"{SHARED} It snowed.", 8),
    review("three", f"{SHARED}  It RAINED!", 8),
    review("else", "The shower of our room was cold every evening.", 1),
)


@pytest.mark.parametrize("per_review", [1, 3])
def test_reviews_that_the_index_knows_for_copies_are_one_voice(
    tmp_path: Path, per_review: int
) -> None:
    """Also where the sentences found are different ones, which are no copies of one another."""
    index = build_fake_index(tmp_path / "x", NEAR)
    assert index.manifest.voices == 2 and index.manifest.chunks > 6
    found = retrieve(
        index, EMBEDDER, "was the shower hot or did it snow and rain", Limits(12, per_review, 0.95)
    )
    copies = [f for f in found if f.review.review_id != "else"]
    assert len(copies) == per_review and len(found) == per_review + 1
    for one in copies:  # each of these sentences stands in at least one of the other reviews, too
        assert one.review.review_id not in one.also_in and set(one.also_in) <= {
            "one",
            "two",
            "three",
        }
    assert any(len(one.also_in) == 2 for one in copies) or per_review == 1
    shared = next(
        f
        for f in retrieve(index, EMBEDDER, "the bed was soft and the shower hot", LIMITS)
        if f.also_in
    )
    assert {shared.review.review_id, *shared.also_in} == {"one", "two", "three"}


def test_only_what_the_filter_leaves_is_found(hotel: ReviewIndex) -> None:
    where = hotel.sentences_where(parse_where("rating >= 7"))
    expected = {r.review_id for r in REVIEWS if r.rating is not None and r.rating >= 7}
    found = retrieve(hotel, EMBEDDER, "the people at the desk in the room", LIMITS, where)
    assert set(ids(found)) == expected and [f.number for f in found] == list(
        range(1, len(found) + 1)
    )
    everything = {
        f.chunk.chunk_id: f.cosine
        for f in retrieve(hotel, EMBEDDER, "the people at the desk in the room", LIMITS)
    }
    for f in found:
        assert f.cosine == pytest.approx(everything[f.chunk.chunk_id], abs=1e-5)
    none = hotel.sentences_where(parse_where("item = sauna"))
    assert (
        retrieve(hotel, EMBEDDER, "the room", LIMITS, none) == []
        and overview(hotel, LIMITS, none) == []
    )


def test_a_copy_outside_the_filter_is_not_named(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "x", COPIED)
    where = index.sentences_where(parse_where("rating = 4"))
    (found,) = retrieve(index, EMBEDDER, "when does the kitchen close", LIMITS, where)
    assert {found.review.review_id, *found.also_in} == {"copy", "copy-again"}


def test_without_folding_every_copy_speaks(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "x", COPIED[:2])
    reworded = build_fake_index(tmp_path / "y", [COPIED[0], COPIED[3]])
    assert len(retrieve(index, EMBEDDER, "the kitchen", Limits(12, 1, 1.0))) <= 2
    assert len(retrieve(reworded, EMBEDDER, "the kitchen", Limits(12, 1, 1.0))) == 2


def test_a_review_that_repeats_itself_is_not_named_as_its_own_copy(tmp_path: Path) -> None:
    twice = "The kitchen closes at nine sharp. " * 2
    index = build_fake_index(tmp_path / "x", [review("twice", twice.strip())], chunk_tokens=8)
    (found,) = retrieve(index, EMBEDDER, "when does the kitchen close", LIMITS)
    assert index.manifest.chunks == 2 and found.also_in == ()


@pytest.mark.parametrize("most", [1, 2, 9])
def test_at_most_so_many_chunks_of_one_review(tmp_path: Path, most: int) -> None:
    rooms = " ".join(
        f"The room {word} was not cleaned by anyone."
        for word in "upstairs downstairs behind above".split()
    )
    index = build_fake_index(
        tmp_path / "x",
        [review("rooms", rooms), review("one", "The room was fine.")],
        chunk_tokens=8,
    )
    found = retrieve(index, EMBEDDER, "was the room cleaned", Limits(12, most, 0.99))
    assert ids(found).count("rooms") == min(most, 4) and ids(found).count("one") == 1


def test_numbers_can_be_given_anew(hotel: ReviewIndex) -> None:
    found = retrieve(hotel, EMBEDDER, "the room", LIMITS)
    assert [f.number for f in renumbered(found[2:])] == list(range(1, len(found) - 1))
    assert [f.chunk for f in renumbered(found[2:])] == [f.chunk for f in found[2:]]


PRAISE = ("I loved the pool, wonderful and clean.", "I loved the food, wonderful and fresh.")
COMPLAINT = ("I hated the noise, terrible and boring.", "I hated the stairs, terrible and dull.")


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    """Two themes praised and two complained about, each by four reviews in about the same words."""
    reviews = [
        review(f"{kind}-{theme}-{n}", f"{text} {word}", rating)
        for kind, texts, rating in (("praise", PRAISE, 10.0), ("complaint", COMPLAINT, 1.0))
        for theme, text in enumerate(texts)
        for n, word in enumerate(
            ("Truly so.", "As ever then.", "What else here.", "Again and again.")
        )
    ]
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "divided", reviews)


@pytest.mark.parametrize("top_k", [2, 4])
def test_an_overview_gives_both_sides(divided: ReviewIndex, top_k: int) -> None:
    found = overview(divided, Limits(top_k, 1, 0.95), themes=6)
    sides = [found_id.split("-")[0] for found_id in ids(found)]
    assert len(found) == top_k and {sides[0], sides[1]} == {"praise", "complaint"}
    assert [f.number for f in found] == list(range(1, top_k + 1))


def test_an_overview_of_some_reviews_has_just_those(divided: ReviewIndex) -> None:
    where = divided.sentences_where(parse_where("rating > 5"))
    found = overview(divided, Limits(12, 1, 0.95), where)
    assert found and {found_id.split("-")[0] for found_id in ids(found)} == {"praise"}
    one = np.zeros_like(where)
    one[np.flatnonzero(where)[0]] = True
    assert len(overview(divided, LIMITS, one)) == 1


def test_a_copied_review_is_one_voice_of_an_overview(tmp_path: Path) -> None:
    many = [review(f"copy-{n}", COMPLAINT[0] + " Again and again I say so.", 1) for n in range(9)]
    index = build_fake_index(
        tmp_path / "x", [*many, *(review(f"p{n}", text, 10) for n, text in enumerate(PRAISE))]
    )
    found = overview(index, Limits(12, 1, 0.95))
    assert sum(found_id.startswith("copy") for found_id in ids(found)) == 1


def test_an_overview_is_the_same_every_time(divided: ReviewIndex) -> None:
    first, second = (overview(divided, Limits(6, 1, 0.95)) for _ in range(2))
    assert first == second


def test_an_overview_of_one_review_works(tmp_path: Path) -> None:
    index = build_fake_index(
        tmp_path / "x", [review("only", "I loved it, it was wonderful. It was terrible.", 5)]
    )
    assert set(ids(overview(index, LIMITS))) <= {"only"}


def test_an_overview_where_nothing_leans_clearly_gives_the_themes(tmp_path: Path) -> None:
    index = build_fake_index(
        tmp_path / "x", [review(str(n), text) for n, text in enumerate((*PRAISE, *COMPLAINT))]
    )
    found = overview(index, LIMITS)
    assert found and all(np.isfinite(f.score) for f in found)
