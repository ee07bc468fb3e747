"""Answers as markup: everything from outside is escaped, and the marks cover what was quoted."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer import Answer, AnswerSentence, Citation, plain_markdown
from rag.answering import prompt
from rag.schema import Chunk, RetrievedChunk, Review
from tests.ui_fakes import XSS
from ui.render import answers as render
from ui.render import fragment

HOSTILE = (
    XSS,
    '"><b onclick=x>',
    "' onmouseover='x",
    "javascript:alert(1)",
    "</title></style><svg/onload=x>",
    "&lt;i&gt;",
    "<!--",
)
TAGS = set("div section h2 h3 h4 p ul li span a article mark details summary bdi".split())
ATTRIBUTES = set(
    "class id href title tabindex dir role style aria-label aria-hidden aria-busy".split()
)
UNSUPPORTED, UNCITED = "not borne out by the reviews it cites", "cites no review"
TEXT = "I loved it. The ending 😭 was rushed. I would watch it again."


class Markup(HTMLParser):
    """Tags, attributes, text, and the text inside each <mark>."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.marks: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "mark":
            self.marks[-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parsed(markup: str) -> Markup:
    """The markup, after checking that it holds nothing but what the app itself writes."""
    page = Markup(markup)
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES
        assert (attributes.get("href") or "#").startswith(("#", "browse?"))
        assert (attributes.get("style") or "width:").startswith("width:")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {
        str(attributes["href"])[1:]
        for _, attributes in page.tags
        if str(attributes.get("href")).startswith("#")
    } <= set(ids)
    return page


def citation(
    start: int, end: int, number: int = 1, supports: bool = True, text: str = TEXT
) -> Citation:
    return Citation(
        number, f"r{number}", f"r{number}#0", start, end, text[start:end], 0.9, supports
    )


def found(
    number: int, text: str = TEXT, start: int = 0, end: int | None = None, **review: object
) -> RetrievedChunk:
    end = len(text) if end is None else end
    whole = dataclasses.replace(Review(f"r{number}", text), **review)  # type: ignore[arg-type]
    return RetrievedChunk(
        number, Chunk(f"r{number}#0", f"r{number}", start, end, text[start:end]), whole, 0.8, ()
    )


def answer(
    *sentences: AnswerSentence, retrieved: tuple[RetrievedChunk, ...] = (), **fields: object
) -> Answer:
    made = Answer("Why?", sentences, False, "fake", "a test asked", retrieved)
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def show(shown: Answer) -> Markup:
    return parsed(
        render.answer_html(shown, prefix="a1", index="x", index_line="Index x: 2 reviews.")
        + render.reviews_html(shown, prefix="a1", index="x")
    )


def hostile_answer(text: str) -> Answer:
    retrieved = dataclasses.replace(
        found(1, f"{text} {TEXT} {text}", 1, 4, title=text, author=text, date=text, item=text),
        also_in=(text, text),
    )
    cited = (Citation(1, "r1", "c", 0, len(text), text, 0.1, False),)
    sentences = (
        AnswerSentence(text, True, 1, heading=True),
        AnswerSentence(text, False, 0, cited),
        AnswerSentence(text, False, 0),
    )
    shown = answer(
        *sentences,
        retrieved=(retrieved,),
        question=text,
        generator=text,
        generator_reason=text,
        notes=(text,),
    )
    return dataclasses.replace(
        shown, dropped_markers=2, timings={"total_s": 1.0, "retrieve_s": 0.5}
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_field_stays_text(text: str) -> None:
    assert show(hostile_answer(text)).text.count(text) >= 8
    show(
        dataclasses.replace(
            hostile_answer(text), refused=True, sentences=(AnswerSentence(text, True, 1),)
        )
    )
    assert text in parsed(render.progress_html(text, text)).text
    assert text in parsed(render.stopped_html(text, text)).text


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))), st.sampled_from(HOSTILE))
def test_no_tag_of_any_text_survives(text: str, hostile: str) -> None:
    show(hostile_answer(text + hostile + text))


@given(
    st.text(st.sampled_from("ab <&\"'>😭é\n")),
    st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40)), max_size=6),
)
def test_marks_cover_exactly_the_spans(text: str, spans: list[tuple[int, int]]) -> None:
    markup = fragment("answer.html", "marked", text, spans)
    page = Markup(markup)
    covered = sorted({i for start, end in spans for i in range(max(0, start), min(end, len(text)))})
    assert page.text == text
    assert "".join(page.marks) == "".join(text[i] for i in covered)
    assert len(page.marks) == sum(1 for i in covered if i - 1 not in covered)


def test_a_quote_is_marked_in_the_chunk_and_in_the_whole_review() -> None:
    start, end = TEXT.index("The ending"), TEXT.index(" I would")
    shown = show(
        answer(
            AnswerSentence("It rushes.", True, 1, (citation(start, end),)),
            retrieved=(found(1, TEXT, start),),
        )
    )
    assert shown.marks == [TEXT[start:end]] * 2
    assert TEXT in shown.text


def test_a_quote_that_runs_out_of_the_chunk_is_marked_as_far_as_the_chunk_goes() -> None:
    shown = show(
        answer(
            AnswerSentence("It rushes.", True, 1, (citation(0, 20),)),
            retrieved=(found(1, TEXT, 12, 34),),
        )
    )
    assert shown.marks == [TEXT[12:20], TEXT[0:20]]


def test_headings_group_sentences_into_lists() -> None:
    sentences = (
        AnswerSentence(prompt.PRAISE_HEADING, True, 1, heading=True),
        AnswerSentence("Good.", True, 1, (citation(0, 11),)),
        AnswerSentence(prompt.CRITICISM_HEADING, True, 1, heading=True),
        AnswerSentence("Bad.", True, 1, (citation(0, 11),)),
    )
    tags = [tag for tag, _ in show(answer(*sentences, retrieved=(found(1),))).tags]
    assert tags.count("ul") == tags.count("li") == 2
    assert "ul" not in [
        tag for tag, _ in show(answer(sentences[1], sentences[3], retrieved=(found(1),))).tags
    ]


def test_an_unsupported_sentence_is_said_to_be_so_in_words() -> None:
    good, bad = (
        AnswerSentence("Yes.", True, 1, (citation(0, 11),)),
        AnswerSentence("No.", False, 0, (citation(0, 11),)),
    )
    assert UNSUPPORTED not in show(answer(good, retrieved=(found(1),))).text
    assert show(answer(good, bad, retrieved=(found(1),))).text.count(UNSUPPORTED) == 1
    assert UNCITED in show(answer(AnswerSentence("No.", False, 0))).text


def test_a_chip_links_to_its_card_and_shows_the_quote() -> None:
    weak = citation(0, 11, number=2, supports=False)
    shown = show(
        answer(
            AnswerSentence("Yes.", True, 1, (citation(0, 11), weak)),
            retrieved=(found(1), found(2), found(3)),
        )
    )
    chips = [
        attributes
        for tag, attributes in shown.tags
        if tag == "a" and "qa-chip" in (attributes.get("class") or "")
    ]
    assert [chip["href"] for chip in chips] == ["#a1-r1", "#a1-r2"]
    assert chips[0]["title"] == TEXT[:11]
    assert "qa-weak" in (chips[1]["class"] or "")
    assert "Reviews cited" in shown.text and "Also found, not cited" in shown.text


def test_a_card_says_what_is_known_of_its_review() -> None:
    shown = show(
        answer(
            retrieved=(
                found(
                    1, rating=8.0, date="2021-10-03", author="ann", helpful_votes=5, title="Fine"
                ),
            )
        )
    )
    for fact in ("8/10", "3 Oct 2021", "ann", "5 found this helpful", "Fine"):
        assert fact in shown.text
    assert "details" not in [tag for tag, _ in shown.tags]  # the chunk is the whole review
    assert "no rating" in show(answer(retrieved=(found(1),))).text


@pytest.mark.parametrize(
    ("rating", "lowest", "highest", "width"),
    [(1, 1, 5, 20), (5, 1, 5, 100), (0, -1, 1, 50), (7, 0, 10, 70)],
)
def test_stars_are_filled_as_far_as_the_rating_goes(
    rating: float, lowest: float, highest: float, width: int
) -> None:
    shown = show(
        answer(retrieved=(found(1, rating=rating, rating_min=lowest, rating_max=highest),))
    )
    assert [attributes["style"] for _, attributes in shown.tags if "style" in attributes] == [
        f"width:{width}%"
    ]


def test_a_refusal_shows_the_closest_reviews() -> None:
    shown = show(
        answer(
            AnswerSentence(prompt.REFUSAL, True, 1),
            retrieved=(found(1),),
            refused=True,
            notes=("None fits.",),
        )
    )
    assert (
        prompt.REFUSAL in shown.text
        and "None fits." in shown.text
        and "The closest reviews" in shown.text
    )
    assert "cited" not in shown.text


def test_the_foot_says_who_answered_and_what_was_dropped() -> None:
    shown = show(
        answer(
            AnswerSentence("Yes.", False, 0),
            dropped_markers=1,
            timings={"retrieve_s": 0.1, "total_s": 2.04},
        )
    )
    assert (
        "Answered by fake because a test asked. Index x: 2 reviews. 2.0 s (finding 0.1)."
        in shown.text
    )
    assert "1 citation that named no retrieved review was removed." in shown.text


@given(st.text())
def test_plain_markdown_leaves_nothing_that_means_something_unescaped(text: str) -> None:
    escaped = plain_markdown(text)
    assert "\n" not in escaped
    rest = escaped
    for mark in "!#$%&()*+-./:<=>@[]^_`{|}~":
        rest = rest.replace("\\" + mark, "")
    assert not set(rest.replace("\\\\", "")) & set("!#$%&()*+-./:<=>@[]^_`{|}~")


def test_what_was_searched_for_and_which_reviews_were_asked_stand_under_the_question() -> None:
    shown = Answer(
        "And <b>?",
        (AnswerSentence("It is.", True, 1.0),),
        False,
        "x",
        "y",
        (),
        searched_for=f"How {XSS}?",
    )
    markup = render.answer_html(
        shown, prefix="a1", index="x", index_line="", asked_of=f"1 of 2 reviews: item = {XSS}"
    )
    for made in (markup, render.heading_html(shown, f"1 of 2 reviews: item = {XSS}")):
        whole = Markup(made)
        assert {tag for tag, _ in whole.tags} <= TAGS
        assert (
            f"Searched for: “How {XSS}?”" in whole.text
            and f"Asked of 1 of 2 reviews: item = {XSS}" in whole.text
        )
    below = Markup(
        render.answer_html(shown, prefix="a1", index="x", index_line="", heading=False)
    ).text
    assert "Searched for" not in below and "It is." in below
    plain = dataclasses.replace(shown, searched_for="")
    assert "qa-how" not in render.answer_html(plain, prefix="a1", index="x", index_line="")
