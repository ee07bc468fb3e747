"""Sentences and chunks: offsets, coverage and boundaries, in any script."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.chunking import MAX_SENTENCE_CHARS, ChunkedReview, chunk_review, split_sentences
from rag.schema import Review

FAMILY = "👨‍👩‍👧‍👦"
PIECES = (
    "It was good",
    "Mr. Kim",
    "e.g. this",
    "3.5 stars",
    "좋아요",
    "정말 재미있어요",
    "最高です",
    "¿Por qué",
    "हिन्दी",
    "مرحبا",
    "x" * 150,
    "word " * 40,
    ".",
    "!",
    "?!",
    "...",
    "…",
    "。",
    "！",
    ",",
    "; ",
    " - ",
    '"',
    "“",
    "”",
    "'",
    "(",
    ")",
    "«",
    "»",
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\u00a0",
    "\u3000",
    "\u2028",
    FAMILY,
    "👍🏽",
    "🏳️‍🌈",
    "🇰🇷",
    "🇪🇸",
    "🇰",
    "❤️",
    "😍😍😍",
    "1️⃣",
    "e\u0301",
    "\u0301",
    "\u200d",
    "\ufe0f",
    "\u200b",
    "\U0001f3fd",
    "ก็",
    "👩‍🚀.",
    "g\u0308\u0323",
)
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), max_size=30).map(
        " ".join
    ),
)
LANGUAGES = st.sampled_from(
    ["", "en", "ko", "es", "ja", "hi", "ar", "English", "xx", "en_US", "🙂"]
)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def chunked(text: str, limit: int = 12, language: str = "", whole: bool = False) -> ChunkedReview:
    return chunk_review(
        Review("r1", text, language=language), words, chunk_tokens=limit, whole=whole
    )


def sentences(text: str, language: str = "") -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, language)]


def grapheme_boundaries(text: str) -> set[int]:
    return {0, *itertools.accumulate(len(cluster) for cluster in regex.findall(r"\X", text))}


@settings(max_examples=300, deadline=None)
@given(TEXTS, LANGUAGES)
@example("Good.\u0301 Bad.", "")
@example("Wow!\ufe0f Yes.", "")
@example("🇰" * 401, "")
@example(FAMILY * 80, "ko")
@example("a" + "\u0301" * 900, "")
@example("\u0301" * 500 + "\n\u0301", "")
@example(" \u0301 \u0301 ", "")
@example("one.\r\ntwo.\rthree.", "")
def test_sentences_are_ordered_disjoint_and_cover_the_text(text: str, language: str) -> None:
    spans = split_sentences(text, language)
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    covered = {position for start, end in spans for position in range(start, end)}
    assert [
        c for position, c in enumerate(text) if position not in covered and not c.isspace()
    ] == []
    assert {position for span in spans for position in span} <= grapheme_boundaries(text)
    assert not any("\n" in text[start:end] for start, end in spans)


@settings(max_examples=200, deadline=None)
@given(TEXTS.filter(lambda text: bool(text.strip())), st.integers(1, 40), LANGUAGES)
def test_chunks_are_runs_of_whole_sentences_within_the_limit(
    text: str, limit: int, language: str
) -> None:
    result = chunked(text, limit, language)
    assert result.sentences == split_sentences(text, language)
    assert len(result.chunks) == len(result.chunk_sentences)
    assert len({chunk.chunk_id for chunk in result.chunks}) == len(result.chunks)
    # together the runs are all the sentences, each once and in order
    assert [n for run in result.chunk_sentences for n in range(*run)] == list(
        range(len(result.sentences))
    )
    for chunk, (first, past) in zip(result.chunks, result.chunk_sentences, strict=True):
        assert chunk.review_id == "r1"
        assert chunk.text == text[chunk.start : chunk.end]
        assert (chunk.start, chunk.end) == (
            result.sentences[first][0],
            result.sentences[past - 1][1],
        )
        counts = words([text[start:end] for start, end in result.sentences[first:past]])
        assert past - first == 1 or sum(counts) <= limit


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 40))
def test_chunking_is_a_function_of_the_review(text: str, limit: int) -> None:
    assert chunked(text, limit) == chunked(text, limit)


@settings(max_examples=100, deadline=None)
@given(TEXTS.filter(lambda text: bool(text.strip())))
def test_whole_reviews_are_one_sentence_and_one_chunk(text: str) -> None:
    result = chunked(text, 8, whole=True)
    (chunk,) = result.chunks
    assert result.sentences == [(chunk.start, chunk.end)]
    assert result.chunk_sentences == [(0, 1)]
    assert chunk.text == text.strip() == text[chunk.start : chunk.end]


def test_whole_asks_for_no_token_counts() -> None:
    def refuse(_: Sequence[str]) -> list[int]:
        raise AssertionError("counted")

    assert (
        len(chunk_review(Review("r", "One. Two."), refuse, chunk_tokens=8, whole=True).chunks) == 1
    )


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            "I loved it. Mr. Smith hated it! Why?",
            ["I loved it.", "Mr. Smith hated it!", "Why?"],
        ),
        ("", "It cost 3.50 at 9 p.m. on Friday.", ["It cost 3.50 at 9 p.m. on Friday."]),
        ("en", 'He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("ko", "정말 재미있어요. 배우들이 최고예요!", ["정말 재미있어요.", "배우들이 최고예요!"]),
        ("ja", "最高です。また見たい！", ["最高です。", "また見たい！"]),
        ("", "最高です。また見たい！", ["最高です。", "また見たい！"]),
        ("es", "¿Quién escribe esto? Un becario.", ["¿Quién escribe esto?", "Un becario."]),
        ("fr", "C'est beau ! J'ai pleuré.", ["C'est beau !", "J'ai pleuré."]),
        (
            "de",
            "Das war gut. Der Rest, z. B. das Ende, nicht.",
            ["Das war gut.", "Der Rest, z. B. das Ende, nicht."],
        ),
        ("hi", "बहुत अच्छा है। मुझे पसंद आया।", ["बहुत अच्छा है।", "मुझे पसंद आया।"]),
        ("", "no full stop\nanother line", ["no full stop", "another line"]),
        ("", "Pros: cheap\n\nCons: loud", ["Pros: cheap", "Cons: loud"]),
        ("", "I cried. 😭😭😭", ["I cried. 😭😭😭"]),
        ("", "So good!!! ❤️\nAgain.", ["So good!!! ❤️", "Again."]),
        ("", "...", ["..."]),
        ("", " \n \t ", []),
        ("", "", []),
    ],
)
def test_sentences_in_several_languages(language: str, text: str, expected: list[str]) -> None:
    assert sentences(text, language) == expected


def test_marks_alone_on_a_line_stay_apart_from_the_line_before() -> None:
    assert sentences("Loved it.\n\n★★★★★\nAgain.") == ["Loved it.", "★★★★★", "Again."]


def test_a_rant_without_a_full_stop_is_cut_at_commas() -> None:
    text = ", ".join(f"and then the {number}th thing went wrong" for number in range(60))
    pieces = sentences(text)
    assert len(pieces) > 3
    assert all(len(piece) <= MAX_SENTENCE_CHARS for piece in pieces)
    assert all(piece.endswith(",") for piece in pieces[:-1])
    assert " ".join(pieces) == text


def test_a_rant_without_any_blank_is_cut_between_graphemes() -> None:
    text = ("x" + FAMILY) * 200
    pieces = sentences(text)
    assert "".join(pieces) == text
    assert len(pieces) > 2
    assert all(0 < len(piece) <= MAX_SENTENCE_CHARS for piece in pieces)
    assert all(piece.startswith(("x", "👨")) and piece.endswith(("x", "👦")) for piece in pieces)


def test_a_rant_in_japanese_is_cut_at_its_commas() -> None:
    text = "これは本当に長い話でした、" * 80
    pieces = sentences(text, "ja")
    assert len(pieces) > 1
    assert all(piece.endswith("、") and len(piece) <= MAX_SENTENCE_CHARS for piece in pieces)


def test_sentences_are_dealt_evenly_over_chunks() -> None:
    text = " ".join(
        f"Nobody liked the {thing}." for thing in "plot music acting sets ending games doll".split()
    )
    result = chunked(
        text, limit=24
    )  # seven sentences of four words: six would fit into the first chunk
    assert [past - first for first, past in result.chunk_sentences] == [4, 3]


def test_a_sentence_over_the_limit_is_a_chunk_of_its_own() -> None:
    result = chunked("Short one. " + "very " * 30 + "long one. Short again.", limit=10)
    assert result.chunk_sentences == [(0, 1), (1, 2), (2, 3)]


def test_chunk_ids_say_which_review_and_where() -> None:
    (chunk,) = chunked("  Fine. Really. ").chunks
    assert chunk.chunk_id == "r1:2-15"
    other = chunk_review(Review("r2", "  Fine. Really. "), words, chunk_tokens=12).chunks[0]
    assert other.chunk_id != chunk.chunk_id


def test_tokens_are_counted_once_for_all_sentences() -> None:
    seen: list[list[str]] = []

    def count(texts: Sequence[str]) -> list[int]:
        seen.append(list(texts))
        return words(texts)

    chunk_review(Review("r", "One two. Three four. Five."), count, chunk_tokens=8)
    assert seen == [["One two.", "Three four.", "Five."]]
