"""Answers taken apart: markers belong to sentences, quotes are found word for word, and nothing is
cited wrongly.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answer import AnswerSentence, Citation
from rag.answering import prompt
from rag.answering.grounding import check_answer, is_refusal, split_answer
from rag.answering.quoting import find_quote
from rag.index import ReviewIndex
from rag.retrieval import Limits, retrieve
from rag.schema import RetrievedChunk
from tests.fakes import REVIEWS, FakeEmbedder, build_fake_index, review

EMBEDDER = FakeEmbedder()
THRESHOLD = 0.6


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel", chunk_tokens=64)


@pytest.fixture(scope="module")
def retrieved(index: ReviewIndex) -> list[RetrievedChunk]:
    """Every review of the hotel, numbered as in the list."""
    found = retrieve(index, EMBEDDER, "the hotel", Limits(100, 1, 1.0))
    order = [r.review_id for r in REVIEWS]
    return [
        RetrievedChunk(number, f.chunk, f.review, f.score, f.sentences)
        for number, f in enumerate(sorted(found, key=lambda f: order.index(f.review.review_id)), 1)
    ]


LOUD, POOL, BREAKFAST, ROOM, DESK, EMOJI, KOREAN, TAXI = range(1, 9)


def check(
    text: str, retrieved: list[RetrievedChunk], index: ReviewIndex
) -> tuple[tuple[AnswerSentence, ...], int]:
    return check_answer(text, retrieved, index, EMBEDDER, threshold=THRESHOLD)


def one(text: str, retrieved: list[RetrievedChunk], index: ReviewIndex) -> AnswerSentence:
    (sentence,), _ = check(text, retrieved, index)
    return sentence


# --- markers to sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("The pool is warm [2].", [("The pool is warm.", (2,))]),
        ("The pool is warm. [2]", [("The pool is warm.", (2,))]),
        (
            "The pool is warm.[2] But it is loud.[1]",
            [("The pool is warm.", (2,)), ("But it is loud.", (1,))],
        ),
        (
            "The pool is warm. [2] But it is loud. [1]",
            [("The pool is warm.", (2,)), ("But it is loud.", (1,))],
        ),
        (
            "The pool [2] is warm, and the bar [1] loud.",
            [("The pool is warm, and the bar loud.", (2, 1))],
        ),
        ("Two say so [2][1].", [("Two say so.", (2, 1))]),
        ("Two say so [2, 1].", [("Two say so.", (2, 1))]),
        ("Three say so [1-3].", [("Three say so.", (1, 2, 3))]),
        ("Some say so [1, 3-4 and 6].", [("Some say so.", (1, 3, 4, 6))]),
        ("One says so twice [2] again [2].", [("One says so twice again.", (2,))]),
        ("Full-width 【2】.", [("Full-width.", (2,))]),
        ("It costs money.\n[2]", [("It costs money.", (2,))]),
        ("[2] It costs money.", [("It costs money.", (2,))]),
        (
            "- The pool is warm. [2]\n- The bar is loud. [1]",
            [("The pool is warm.", (2,)), ("The bar is loud.", (1,))],
        ),
        ("* One thing [1]\n• Another thing [2]", [("One thing", (1,)), ("Another thing", (2,))]),
        ("1. One thing [1]\n2) Another thing [2]", [("One thing", (1,)), ("Another thing", (2,))]),
        ("**The pool is warm.** [2]", None),
        ("No marker at all.", [("No marker at all.", ())]),
        ("An array[] and [sic] stay.", [("An array[] and [sic] stay.", ())]),
        ("", []),
        (" \n\t\n", []),
        ("[2]", []),
    ],
)
def test_markers_belong_to_the_words_before_them(
    text: str, pieces: list[tuple[str, tuple[int, ...]]] | None
) -> None:
    found = [(piece.text, piece.numbers) for piece in split_answer(text)]
    if pieces is None:
        assert [numbers for _, numbers in found] == [(2,)]
    else:
        assert [(words, sorted(numbers)) for words, numbers in found] == [
            (w, sorted(n)) for w, n in pieces
        ]


@pytest.mark.parametrize(
    "text",
    [
        "One said: “It is loud. We left. Never again!” and meant it. [1]",
        'One said: "It is loud. We left." [1]',
    ],
)
def test_a_sentence_is_not_cut_inside_quotation_marks(text: str) -> None:
    (piece,) = split_answer(text)
    assert "loud. We left." in piece.text and piece.numbers == (1,)


def test_unknown_numbers_are_dropped_and_counted(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentences, dropped = check(
        "The pool is warm [2][77]. It is loud [0]. Nobody slept [1, 99].", retrieved, index
    )
    assert dropped == 3
    assert [[c.number for c in s.citations] for s in sentences] == [[2], [], [1]]


def test_a_range_past_the_last_review_counts_what_it_names_too_many(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentences, dropped = check("All say so [7-10].", retrieved, index)
    assert [c.number for c in sentences[0].citations] == [7, 8] and dropped == 2


# --- support


def test_a_sentence_close_to_what_it_cites_is_supported(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentence = one("The swimming pool was warm and clean [2].", retrieved, index)
    (citation,) = sentence.citations
    assert sentence.supported and citation.supports and sentence.score == citation.score >= 0.99
    assert (citation.review_id, citation.quote) == ("pool", "The swimming pool was warm and clean.")
    assert citation.chunk_id == retrieved[POOL - 1].chunk.chunk_id


def test_a_sentence_that_cites_the_wrong_review_is_not(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentence = one("The swimming pool was warm and clean [1].", retrieved, index)
    assert (
        not sentence.supported and not sentence.citations[0].supports and sentence.score < THRESHOLD
    )


def test_one_supporting_review_is_enough(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentence = one("The swimming pool was warm and clean [1][2].", retrieved, index)
    assert sentence.supported and [c.supports for c in sentence.citations] == [False, True]


def test_a_sentence_without_citation_is_not_supported(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentence = one("The swimming pool was warm and clean.", retrieved, index)
    assert not sentence.supported and sentence.citations == () and sentence.score == 0


def test_nothing_retrieved_supports_nothing(index: ReviewIndex) -> None:
    sentences, dropped = check("The pool was warm [1].", [], index)
    assert dropped == 1 and not sentences[0].supported


@pytest.mark.parametrize("heading", prompt.HEADINGS)
@pytest.mark.parametrize("dressed", ["{}", "**{}**", "## {}", "- {}"])
def test_headings_make_no_claim(
    index: ReviewIndex, retrieved: list[RetrievedChunk], heading: str, dressed: str
) -> None:
    text = dressed.format(heading) + "\n- The swimming pool was warm and clean [2]."
    (first, second), _ = check(text, retrieved, index)
    assert first.heading and first.text == heading and not first.citations
    assert not second.heading and second.supported


# --- quotes


@pytest.mark.parametrize(
    "marks", ["“{}”", '"{}"', "«{}»", "»{}«", "„{}“", "„{}”", "「{}」", "『{}』"]
)
def test_a_quote_is_cited_where_it_stands(
    index: ReviewIndex, retrieved: list[RetrievedChunk], marks: str
) -> None:
    quote = "did not sleep at all"
    sentence = one(f"A guest wrote {marks.format(quote)} about the night [1].", retrieved, index)
    assert sentence.citations[0].quote == "did not sleep at all."
    invented = f"The swimming pool was warm and clean, {marks.format('slept like a stone')} [2]."
    assert not one(invented, retrieved, index).supported


@pytest.mark.parametrize("marks", ["«{}»", "»{}«"])
def test_what_stands_between_two_quotes_is_no_quote(
    index: ReviewIndex, retrieved: list[RetrievedChunk], marks: str
) -> None:
    both = " and then there was ".join(
        marks.format(words) for words in ("The swimming pool was", "warm and clean")
    )
    (citation,) = one(f"{both} [2].", retrieved, index).citations
    assert citation.supports and one(f"{both} [2].", retrieved, index).supported


def test_a_review_with_none_of_the_quoted_words_does_not_support_them(tmp_path: Path) -> None:
    reviews = [
        review("a", "The soup was cold and thin."),
        review("b", "The soup was thin and cold."),
    ]
    index = build_fake_index(tmp_path / "x", reviews)
    found = sorted(
        retrieve(index, EMBEDDER, "soup", Limits(2, 1, 1.1)), key=lambda f: f.review.review_id
    )
    found = [replace(f, number=number) for number, f in enumerate(found, 1)]
    sentence = one("“The soup was cold and thin.” [1][2]", found, index)
    assert (
        [c.supports for c in sentence.citations] == [True, False]
        and sentence.supported
        and sentence.score == 1
    )
    sentence = one("They say “the soup was cold and thin” here [2][1].", found, index)
    assert [c.supports for c in sentence.citations] == [
        False,
        True,
    ] and sentence.score == sentence.citations[1].score
    assert not one("“The soup was cold and thin.” [2]", found, index).supported


def test_a_spliced_quote_is_scored_like_other_words(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    assert one("“The swimming pool … warm and clean.” [2]", retrieved, index).citations[0].score < 1
    assert (
        one("“The swimming pool was warm …” [2]", retrieved, index).score == 1
    )  # nothing is left out inside


def test_nothing_but_a_true_quote_is_fully_supported(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    sentence = one("- “our children STAYED in the water” [2]", retrieved, index)
    assert sentence.supported and sentence.score == 1
    assert sentence.citations[0].quote == "Our children stayed in the water"


def test_an_invented_quote_is_not_supported_however_close(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    for text in (
        "“The swimming pool was warm and dirty.” [2]",
        "“The swimming pool was warm and clean”, and “it was open all night long” [2].",
        "The swimming pool was warm and clean, “the water was like silk” [2].",
    ):
        assert not one(text, retrieved, index).supported, text


def test_a_quote_from_a_review_that_is_not_cited_is_not_supported(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    assert not one("“The swimming pool was warm and clean.” [1]", retrieved, index).supported
    assert one("“The swimming pool was warm and clean.” [1][2]", retrieved, index).supported


def test_two_quotes_may_come_from_two_reviews(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    text = "“The swimming pool was warm” and “The window did not open” [2][4]."
    assert {c.quote for c in one(text, retrieved, index).citations} >= {
        "The swimming pool was warm"
    }


def test_a_word_or_two_in_quotation_marks_need_not_be_a_quote(
    index: ReviewIndex, retrieved: list[RetrievedChunk]
) -> None:
    assert one("The “lovely” swimming pool was warm and clean [2].", retrieved, index).supported


REVIEW = (
    "Best view ever 😍👩‍👩‍👧! We didn’t sleep — the bar (downstairs) was LOUD. "
    "Straße, İstanbul. 아침 식사는 비쌌어요. The end…"
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("We didn’t sleep", "We didn’t sleep"),
        ("we DIDN'T sleep", "We didn’t sleep"),
        ("the bar downstairs was loud", "the bar (downstairs) was LOUD."),
        (
            "best view ever … downstairs was loud",
            "Best view ever 😍👩‍👩‍👧! We didn’t sleep — the bar (downstairs) was LOUD.",
        ),
        (
            "Best view ever ... the bar downstairs …",
            "Best view ever 😍👩‍👩‍👧! We didn’t sleep — the bar (downstairs)",
        ),
        ("Best view … was loud", None),
        ("The end… of", None),
        ("Best view ever … loud", None),
        ("Best view ... sleep", None),
        ("… the bar …", "the bar"),
        ("view ever 😍", "view ever"),
        ("view ever 🙁 we", "view ever 😍👩‍👩‍👧! We"),
        ("STRASSE", "Straße,"),
        ("istanbul", None),
        ("아침 식사는", "아침 식사는"),
        ("아침 식사는 비쌌어요", "아침 식사는 비쌌어요."),
        ("아침 비쌌어요", None),
        ("was loud … Best view", None),
        ("the bar was loud", None),
        ("ba", None),
        ("iew ever", None),
        ("…", None),
        ("", None),
        ("😍", None),
        ("?!", None),
        ("The end", "The end…"),
    ],
)
def test_a_quote_is_found_word_for_word(quote: str, found: str | None) -> None:
    place = find_quote(quote, REVIEW)
    assert (place and REVIEW[place[0] : place[1]]) == found


def test_an_ellipsis_may_be_the_reviewers_own() -> None:
    text = "Drones, a boat, and he finds... a tent. Why?"
    assert find_quote("and he finds... a tent.", text) == (16, 39)
    assert find_quote("and he finds … tent", text) is None


@pytest.mark.parametrize("left_out", [0, 1, 15, 16, 40])
def test_few_words_may_be_left_out_at_an_ellipsis(left_out: int) -> None:
    text = f"The room was {'very ' * left_out}nice and quiet."
    place = find_quote("the room was … nice and quiet", text)
    assert place == ((0, len(text)) if left_out <= 15 else None)


def test_a_spliced_quote_may_begin_where_its_first_words_stand_again() -> None:
    text = f"We loved the pool. {'Nothing else here. ' * 8}We loved the pool and, oddly, its dark tiles."
    place = find_quote("we loved the pool … its dark tiles", text)
    assert (
        place is not None
        and text[place[0] : place[1]] == "We loved the pool and, oddly, its dark tiles."
    )


WORD = regex.compile(r"[\p{L}\p{N}]+")


@given(st.data(), st.text(max_size=60))
def test_any_run_of_words_is_found_where_its_words_stand(data: st.DataObject, text: str) -> None:
    words = list(regex.finditer(r"(?<!\S)[\p{L}\p{N}]+(?!\S)", text))
    if not words:
        return
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    quote = text[words[first].start() : words[last].end()]
    place = find_quote(quote, text)
    assert place is not None
    found = text[place[0] : place[1]]
    if "…" not in quote and "..." not in quote:
        assert [word.casefold() for word in WORD.findall(quote)] == [
            word.casefold() for word in WORD.findall(found)
        ]


@given(st.text(max_size=30), st.text(max_size=60))
def test_a_found_span_lies_in_the_text(quote: str, text: str) -> None:
    place = find_quote(quote, text)
    assert place is None or 0 <= place[0] < place[1] <= len(text)


# --- whatever a model writes

WORDS = st.sampled_from(
    [
        *" ".join(r.text for r in REVIEWS).split(),
        "[1]",
        "[2, 3]",
        "[1-9]",
        "[99]",
        "[4][5]",
        "【6】",
        "“",
        "”",
        '"',
        "…",
        "\n",
        "\n- ",
        "**",
        *prompt.HEADINGS,
        prompt.REFUSAL,
        "😭",
        "[",
        "]",
        "1.",
        "<b>",
        "\u2028",
    ]
)
QUOTES = st.builds(
    lambda r, a, b: "“" + r.text[min(a, b) : max(a, b)] + "”",
    st.sampled_from(REVIEWS),
    st.integers(0, 90),
    st.integers(0, 90),
)
ANSWERS = st.lists(st.one_of(WORDS, WORDS, QUOTES, st.text(max_size=8)), max_size=30).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(text=ANSWERS)
def test_a_citations_quote_is_always_the_reviews_own_text(
    index: ReviewIndex, retrieved: list[RetrievedChunk], text: str
) -> None:
    sentences, dropped = check(text, retrieved, index)
    by_id = {r.review_id: r for r in REVIEWS}
    by_number = {f.number: f for f in retrieved}
    for sentence in sentences:
        assert sentence.text.strip()
        numbers = [c.number for c in sentence.citations]
        assert len(numbers) == len(set(numbers))
        assert sentence.heading or sentence.supported <= any(c.supports for c in sentence.citations)
        if sentence.supported and not sentence.heading:
            assert sentence.score == max(c.score for c in sentence.citations if c.supports)
        for citation in sentence.citations:
            chunk = by_number[citation.number].chunk
            assert (
                citation.quote
                == by_id[citation.review_id].text[citation.start : citation.end]
                != ""
            )
            assert (
                chunk.start <= citation.start < citation.end <= chunk.end
                and citation.chunk_id == chunk.chunk_id
            )
            assert 0 <= citation.score <= 1 and citation.supports <= (citation.score >= THRESHOLD)
            if not set(sentence.text) & set('“”"«»„「」『』'):
                assert citation.supports == (citation.score >= THRESHOLD)
    assert dropped >= 0


@given(text=ANSWERS)
def test_no_word_of_an_answer_is_lost(text: str) -> None:
    kept = "".join(piece.text for piece in split_answer(text))
    clean = prompt.strip_markers(" ".join(text.splitlines()))[0]
    assert sorted(regex.findall(r"\p{L}", kept)) == sorted(regex.findall(r"\p{L}", clean))


# --- refusals


def said(text: str, *, cited: bool = False) -> list[AnswerSentence]:
    citation = Citation(1, "r", "r:0-1", 0, 1, "x", 0.9, True)
    return [
        AnswerSentence(text, supported=cited, score=0.0, citations=(citation,) if cited else ())
    ]


@pytest.mark.parametrize(
    "text",
    [prompt.REFUSAL, prompt.REFUSAL.upper(), prompt.REFUSAL.rstrip("."), f"“{prompt.REFUSAL}”"],
)
def test_the_refusal_is_recognised_however_it_is_dressed(text: str) -> None:
    assert is_refusal(said(text))


@pytest.mark.parametrize(
    "text",
    [
        "The provided reviews do not mention a sauna.",
        "There is no information in the reviews about a sauna.",
        "I'm sorry, but the reviews do not say anything about that.",
        "None of the reviews mentions a sauna.",
        "Nothing in the reviews answers this.",
        "The sauna is not mentioned in the reviews.",
        "I cannot answer this from the excerpts.",
        "Based on the given reviews, I could not find anything about a sauna.",
    ],
)
def test_a_refusal_in_other_words_is_a_refusal_when_nothing_is_cited(text: str) -> None:
    assert is_refusal(said(text))
    assert not is_refusal(said(text, cited=True))


@pytest.mark.parametrize(
    "text",
    ["The guests did not have hot water.", "No guest liked the pool.", "The desk tells nothing."],
)
def test_a_complaint_is_no_refusal(text: str) -> None:
    assert not is_refusal(said(text))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("<think>Review 1 is odd.</think>\n\nThe pool is warm [2].", ["The pool is warm."]),
        ("Review 1 is odd.\n</think>\n\nThe pool is warm [2].", ["The pool is warm."]),
        (
            "**Pool**: warm **[2]**.\n\n* The bar is loud *[1]*\n",
            ["Pool: warm.", "The bar is loud"],
        ),
        ("According to [2], the pool is warm.", ["According to review 2, the pool is warm."]),
    ],
)
def test_thoughts_and_emphasis_are_no_part_of_a_sentence(text: str, sentences: list[str]) -> None:
    pieces = split_answer(text)
    assert [piece.text for piece in pieces] == sentences
    assert all(piece.numbers for piece in pieces)


def test_what_cites_a_review_or_says_something_else_is_no_refusal() -> None:
    assert not is_refusal([])
    assert not is_refusal(said("The pool is warm."))
    assert is_refusal(said(prompt.REFUSAL, cited=True))  # nothing else is said, whatever it cites
    assert not is_refusal(
        [*said(prompt.REFUSAL, cited=True), *said("The pool is warm.", cited=True)]
    )
    assert not is_refusal([*said("The pool is warm."), *said(prompt.REFUSAL)])
