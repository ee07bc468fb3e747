"""Chunks ranked by meaning, by words and by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.embedding import Vectors
from rag.filters import parse_where
from rag.index import ReviewIndex
from rag.retrieval import Limits, Ranking, retrieve
from rag.retrieval.fusion import Query, SearchText
from rag.schema import RetrievedChunk
from tests.fakes import REVIEWS, FakeEmbedder, build_fake_index, review

LIMITS = Limits(top_k=12, chunks_per_review=1, near_duplicate=1.1)
METHODS = [Ranking("dense"), Ranking("lexical"), Ranking("hybrid")]

TOPICS = {"pool": 1, "swimming": 1, "bath": 1}


class Meanings(FakeEmbedder):
    """Texts are alike when they have the same topic: words stand for topics, and most words for
    none.
    """

    def embed_documents(self, texts: Sequence[str], *, progress: object = None) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        vectors[:, 0] = 0.5
        for row, text in enumerate(texts):
            for word in text.casefold().replace(".", " ").replace("?", " ").split():
                vectors[row, TOPICS.get(word, 0)] += 1 if word in TOPICS else 0
        return np.asarray(
            vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32
        )


def ids(found: Sequence[RetrievedChunk]) -> list[str]:
    return [one.review.review_id for one in found]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    reviews = [
        review("meant", "The pool stood open."),
        review("said", "The attendant Jolanta wore a hat."),
        review("neither", "The lift was slow."),
        review("both", "Jolanta cleans the pool."),
    ]
    return build_fake_index(
        tmp_path_factory.mktemp("indexes") / "x", reviews, embedder=Meanings(dimension=8)
    )


@pytest.mark.parametrize(
    ("ranking", "first", "last"),
    [
        (Ranking("dense"), {"both", "meant"}, {"said", "neither"}),
        (Ranking("lexical"), {"both", "said"}, set()),
        (Ranking("hybrid"), {"both"}, {"neither"}),
    ],
)
def test_by_meaning_by_words_and_by_both(
    index: ReviewIndex, ranking: Ranking, first: set[str], last: set[str]
) -> None:
    found = ids(
        retrieve(
            index, Meanings(dimension=8), "Jolanta by a swimming bath?", LIMITS, ranking=ranking
        )
    )
    assert set(found[: len(first)]) == first and set(found[len(found) - len(last) :]) == last


def test_a_question_whose_words_occur_nowhere_finds_by_meaning_alone(index: ReviewIndex) -> None:
    question = "any bath?"
    hybrid, dense, lexical = (
        ids(retrieve(index, Meanings(dimension=8), question, LIMITS, ranking=Ranking(method)))
        for method in ("hybrid", "dense", "lexical")
    )
    assert hybrid == dense and lexical == []


def test_the_weights_decide(index: ReviewIndex) -> None:
    question = "Jolanta's hat, by the bath?"

    def first(sentence: float, whole: float) -> list[str]:
        ranking = Ranking(sentence_weight=sentence, review_weight=whole)
        return ids(retrieve(index, Meanings(dimension=8), question, LIMITS, ranking=ranking))

    dense = ids(retrieve(index, Meanings(dimension=8), question, LIMITS, ranking=Ranking("dense")))
    assert first(0, 0) == dense and dense[0] in ("both", "meant")
    assert first(9, 0)[0] == first(0, 9)[0] == "said"


def test_the_title_and_the_rest_of_a_review_tell_what_a_sentence_is_about(tmp_path: Path) -> None:
    reviews = [
        replace(review("titled", "It leaks. It hums."), title="Espresso machine"),
        replace(review("other", "It leaks. It whistles."), title="Toaster"),
    ]
    index = build_fake_index(tmp_path / "x", reviews)
    found = retrieve(index, FakeEmbedder(), "does the espresso machine leak", LIMITS)
    assert found[0].review.review_id == "titled" and found[0].score > found[1].score


@pytest.mark.parametrize("ranking", METHODS[1:])
def test_words_meet_in_any_form_and_case(tmp_path: Path, ranking: Ranking) -> None:
    reviews = [review("a", "The Showers were leaking."), review("b", "The towels were folded.")]
    index = build_fake_index(tmp_path / "x", reviews)
    assert ids(retrieve(index, FakeEmbedder(), "shower leaks", LIMITS, ranking=ranking))[0] == "a"


@pytest.mark.parametrize("ranking", METHODS)
def test_a_filter_holds_for_words_too(tmp_path: Path, ranking: Ranking) -> None:
    index = build_fake_index(tmp_path / "x")
    where = index.sentences_where(parse_where("rating >= 7"))
    allowed = {one.review_id for one in REVIEWS if one.rating is not None and one.rating >= 7}
    for question in (
        "was the bar loud until three in the morning",
        "smoke in our room",
        "taxi",
        "방이 조용했어요",
    ):
        assert (
            set(ids(retrieve(index, FakeEmbedder(), question, LIMITS, where, ranking=ranking)))
            <= allowed
        )


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(
        st.sampled_from("pool warm room smoke taxi desk 방이 아침 zzz the 😍".split()), max_size=6
    )
)
def test_hits_are_in_order_once_each_and_from_the_sentences_of_their_chunk(
    hotel: ReviewIndex, words: list[str]
) -> None:
    for ranking in METHODS:
        searched = SearchText.of(FakeEmbedder(), " ".join(words), ranking)
        hits = list(Query(hotel, searched, ranking, None).hits(100))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True) and len(
            {hit.chunk_row for hit in hits}
        ) == len(hits)
        for hit in hits:
            assert (
                hit.sentence_row in hotel.sentence_rows(hit.chunk_row)
                and -1.001 <= hit.cosine <= 1.001
            )


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel")


def test_few_candidates_find_what_all_find(tmp_path: Path) -> None:
    """The best by both is among the best by either, unless many lie between."""
    reviews = [review(str(n), f"Word{n % 7} and word{n % 11} near thing{n}.") for n in range(300)]
    index = build_fake_index(tmp_path / "x", reviews)
    query = Query(
        index,
        SearchText.of(FakeEmbedder(), "word3 with word5 and thing80", Ranking()),
        Ranking(),
        None,
    )
    few, every = ([hit.chunk_row for hit in query.hits(count)][:5] for count in (40, 1000))
    assert few == every
