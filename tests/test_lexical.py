"""BM25 over the sentences and the reviews of an index."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.index import BuildOptions, Change, ReviewIndex, change_index, verify_index
from rag.index import bm25 as bm25_module
from rag.index.bm25 import BM25_FILES, TIMES_FILES, as_share
from rag.index.stems import Stems, stemmer_for
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, build_fake_index, review
from tests.faults import difference_of_words


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel")


def bm25(
    documents: list[list[str]], words: list[str], k1: float = 1.5, b: float = 0.75
) -> list[float]:
    """As in Lucene: idf = ln(1 + (N - n + .5) / (n + .5)), without the factor k1 + 1."""
    mean = sum(map(len, documents)) / len(documents)
    total = [0.0] * len(documents)
    for word in words:
        holding = sum(word in document for document in documents)
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for row, document in enumerate(documents):
            count = Counter(document)[word]
            total[row] += idf * count / (count + k1 * (1 - b + b * len(document) / mean))
    return total


@pytest.mark.parametrize(
    "question", ["the pool was warm", "children of the desk", "taxi taxi", "no such word: xyzzy"]
)
def test_scores_are_those_of_the_formula(hotel: ReviewIndex, question: str) -> None:
    stems = Stems("english")
    sentences = [stems(one.text) for one in hotel.sentences(range(hotel.manifest.sentences))]
    reviews = [stems(one.text) for one in hotel.reviews()]
    of_sentences, of_reviews = hotel.word_scores(question)
    np.testing.assert_allclose(of_sentences, bm25(sentences, stems(question)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(of_reviews, bm25(reviews, stems(question)), rtol=1e-4, atol=1e-6)


def test_a_title_counts_for_its_review_and_for_no_sentence(tmp_path: Path) -> None:
    reviews = [replace(review("a", "It leaks."), title="Espresso!"), review("b", "It hums.")]
    sentences, whole = build_fake_index(tmp_path / "x", reviews).word_scores("espresso")
    assert not sentences.any() and whole[0] > 0 == whole[1]


@pytest.mark.parametrize(
    ("languages", "stemmer"),
    [
        (["en", "de", "de", ""], "german"),
        (["", "", "", "fr"], "french"),
        (["", ""], "english"),
        ([], "english"),
        (["zh", "zh", "en"], ""),
    ],
)
def test_words_are_stemmed_in_the_language_that_most_reviews_are_in(
    languages: list[str], stemmer: str
) -> None:
    assert stemmer_for(languages) == stemmer


def test_the_index_keeps_its_stemmer(tmp_path: Path) -> None:
    reviews = [
        Review("a", "Die Zimmer waren sauber.", language="de"),
        Review("b", "Nette Leute.", language="de"),
    ]
    index = build_fake_index(tmp_path / "x", reviews)
    assert index.manifest.stemmer == "german"
    assert (
        index.word_scores("das saubere Zimmer")[0][0]
        > 0
        == index.word_scores("das saubere Zimmer")[0][1]
    )


def test_scripts_without_blanks_are_told_apart_by_character() -> None:
    assert Stems("")("部屋はclean、広い!") == ["部", "屋", "は", "clean", "広", "い"]
    assert Stems("")("방이 깨끗하고") == ["방이", "깨끗하고"]
    assert Stems("english")("Rooms_and ROOMS' naïve") == ["rooms_and", "room", "naïv"]


@given(st.text())
@example("\u00b2")  # a number, neither a letter nor a digit: no word
def test_any_text_can_be_stemmed(text: str) -> None:
    words = Stems("english")(text)
    assert all(isinstance(word, str) for word in words)
    assert words or not any(c.isalpha() or c.isdecimal() for c in text)


def test_reviews_without_a_word_can_be_indexed(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "x", [review("a", "😍😍"), review("b", "!!!")])
    sentences, reviews = index.word_scores("lovely 😍")
    assert not sentences.any() and not reviews.any() and verify_index(tmp_path / "x") == []


def test_many_threads_may_ask_at_once(hotel: ReviewIndex) -> None:
    from concurrent.futures import ThreadPoolExecutor

    questions = [
        "friendly people",
        "swimming children",
        "smelled of smoke",
        "queues for breakfasts",
    ] * 50
    alone = [hotel.word_scores(question)[0] for question in questions[:4]]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda question: hotel.word_scores(question)[0], questions))
    for number, scores in enumerate(found):
        np.testing.assert_array_equal(scores, alone[number % 4])


@pytest.mark.parametrize("name", [name for name in BM25_FILES if name.endswith(".row.npy")])
def test_rows_that_lead_nowhere_are_found(tmp_path: Path, name: str) -> None:
    index = build_fake_index(tmp_path / "x")
    with pytest.raises(ValueError, match="names rows"):
        rows = np.load(index.generation / name)
        rows[0] = 10_000
        np.save(index.generation / name, rows)
        bm25_module.BM25(
            index.generation,
            "english",
            sentences=index.manifest.sentences,
            reviews=len(REVIEWS),
            counted=True,
        )
    with pytest.raises(IndexFileError, match="SHA-256 differs"):
        ReviewIndex.open(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("words.json", b'{"a": 1}', "no list of words"),
        ("words.json", b'["", "a"]', "columns for 2 words"),
        ("sentence_words.begin.npy", np.array([0, 1], dtype=np.int64), "1 columns for"),
        ("sentence_words.weight.npy", np.zeros(3, dtype=np.float64), "other types"),
        ("review_words.weight.npy", np.zeros((1, 1), dtype=np.float32), "other types"),
        ("review_words.row.npy", np.zeros(1, dtype=np.int32), "weights in 1 rows"),
        ("review_words.times.npy", np.zeros(1, dtype=np.uint8), "counts of uint8"),
    ],
)
def test_files_that_do_not_fit_together_are_told(
    tmp_path: Path, name: str, content: object, says: str
) -> None:
    index = build_fake_index(tmp_path / "x")
    path = index.generation / name
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, np.asarray(content))
    with pytest.raises(ValueError, match=says):
        bm25_module.BM25(
            index.generation,
            "english",
            sentences=index.manifest.sentences,
            reviews=len(REVIEWS),
            counted=True,
        )


def test_shares_lie_between_0_and_1() -> None:
    np.testing.assert_array_equal(as_share(np.array([0, 2, 4], dtype=np.float32)), [0, 0.5, 1])
    np.testing.assert_array_equal(as_share(np.zeros(3, dtype=np.float32)), [0, 0, 0])
    assert len(as_share(np.zeros(0, dtype=np.float32))) == 0


def test_an_update_drops_words_that_are_gone_and_counts_anew_where_no_counts_were_kept(
    tmp_path: Path,
) -> None:
    """The weights are those of a build from nothing, whether counts are carried over or not."""
    first = [*REVIEWS, review("gone", "A xylophone played, and played."), review("b", "It played.")]
    left = [*REVIEWS, review("b", "It played."), review("c", "Played it again, in the pool.")]
    clean = build_fake_index(tmp_path / "clean", left)
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS)
    for kept in (True, False):
        folder = tmp_path / f"kept-{kept}"
        index = build_fake_index(folder, first)
        assert "xylophon" in index.bm25.words
        if not kept:  # as an index of an earlier version
            manifest = index.manifest
            files = {name: of for name, of in manifest.files.items() if name not in TIMES_FILES}
            (index.generation / "manifest.json").unlink()
            replace(manifest, files=files).write(index.generation)
            for name in TIMES_FILES:
                (index.generation / name).unlink()
        change = Change(mode="replace")
        updated = change_index(left, FakeEmbedder(), folder, change, options).index
        assert "xylophon" not in updated.bm25.words
        assert difference_of_words(updated, clean) == ""
        assert verify_index(folder) == []
