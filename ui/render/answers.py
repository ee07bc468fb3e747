"""Answers as markup: an `Answer` in, a string of HTML out."""

from __future__ import annotations

from rag.answer import NO_GENERATOR, QUOTING, Answer, AnswerSentence
from ui.render import fragment
from ui.render.words import Span


def progress_html(question: str, text: str, before: int = 0) -> str:
    """What has been written of an answer that is still coming; how many ask `before` it begins."""
    return fragment("answer.html", "progress", question, text, before)


def wording_html() -> str:
    """That an answer stands, and some of it is still being put into plainer words."""
    return fragment("answer.html", "wording")


def stopped_html(question: str, text: str) -> str:
    """What was written of an answer before the user stopped it."""
    return fragment("answer.html", "stopped", question, text)


def heading_html(answer: Answer, asked_of: str = "") -> str:
    """The question, what was searched for in its place, and which reviews were asked."""
    return fragment("answer.html", "heading", answer, asked_of)


def answer_html(
    answer: Answer,
    *,
    prefix: str,
    index: str,
    index_line: str,
    asked_of: str = "",
    heading: bool = True,
    told_by_whom: bool = True,
    side: str = "",
) -> str:
    """A checked answer. `prefix` begins every id, and must be unique on the page.

    In `index` the reviews' own page finds them. `asked_of` says which reviews were asked, if not
    all. Without `heading` it begins below what `heading_html` gives. Without `told_by_whom` nothing
    says which generator answered, nor how long it took. `side` tells it from another answer that
    stands beside it: "left".
    """
    view = {
        "prefix": prefix,
        "asked_of": asked_of,
        "heading": heading,
        "sections": _sections(answer),
        "listed": _is_list(answer),
        "told_by_whom": told_by_whom,
        "by_whom": _by_whom(answer),
        "index": index,
        "index_line": index_line,
        "side": side,
    }
    return fragment("answer.html", "answer", answer, view)


def reviews_html(answer: Answer, *, prefix: str, index: str, side: str = "") -> str:
    """The reviews that an answer rests on, to stand beside what `answer_html` gives for the same
    `prefix`; "" where there are none.
    """
    if not answer.retrieved:
        return ""
    spans: dict[str, list[Span]] = {}
    cited_in: dict[int, int] = {}
    for number, sentence in enumerate(answer.sentences, start=1):
        for citation in sentence.citations:
            spans.setdefault(citation.review_id, []).append((citation.start, citation.end))
            cited_in.setdefault(citation.number, number)
    cited = [chunk for chunk in answer.retrieved if chunk.number in cited_in]
    others = [chunk for chunk in answer.retrieved if chunk.number not in cited_in]
    view = {
        "prefix": prefix,
        "index": index,
        "side": side,
        "spans": spans,
        "cited_in": cited_in,
        "groups": (
            ("Reviews cited", cited),
            ("The closest reviews" if answer.refused else "Also found, not cited", others),
        ),
    }
    return fragment("answer.html", "reviews", view)


def copy_html(markdown: str) -> str:
    """A button that copies this text; the page's script does it."""
    return fragment("answer.html", "copy", markdown)


def _by_whom(answer: Answer) -> str:
    """Which model answered and why, or that none did."""
    reason = answer.generator_reason.rstrip(".")
    if answer.generator == NO_GENERATOR:
        return f"No model was asked: {reason}."
    if answer.generator == QUOTING:
        return f"Quoted and counted without a language model because {reason}."
    return f"Answered by {answer.generator} because {reason}."


def _is_list(answer: Answer) -> bool:
    """Whether it has no headings and every sentence, but for what was counted, is one point, which a
    paragraph would say twice; or several quotations, which would run into each other there.
    """
    told = [sentence for sentence in answer.sentences if not sentence.counted]
    if not told or any(each.heading for each in told):
        return False
    return all(len(each.points) == 1 for each in told) or (
        len(told) > 1 and all(each.text.startswith("“") and not each.points for each in told)
    )


def _sections(answer: Answer) -> list[tuple[str, list[tuple[int, AnswerSentence]]]]:
    """The headings of an answer with the numbered sentences below each; first those below none."""
    sections: list[tuple[str, list[tuple[int, AnswerSentence]]]] = [("", [])]
    for number, sentence in enumerate(answer.sentences, start=1):
        if sentence.heading:
            sections.append((sentence.text.rstrip(": "), []))
        else:
            sections[-1][1].append((number, sentence))
    return sections
