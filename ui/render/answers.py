"""Answers as markup: an `Answer` in, a string of HTML out."""

from __future__ import annotations

from collections.abc import Iterable

from rag.answer import Answer, AnswerSentence
from ui.render import fragment
from ui.render.words import Span, plural

_STEPS = {"retrieve_s": "finding", "generate_s": "writing", "check_s": "checking"}


def marked(text: str, spans: Iterable[Span]) -> str:
    """`text` escaped, with `spans` of it (which may overlap, touch or reach outside) inside
    ``<mark>``.
    """
    return fragment("answer.html", "marked", text, spans)


def progress_html(question: str, text: str) -> str:
    """What has been written of an answer that is still coming."""
    return fragment("answer.html", "progress", question, text)


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
    index_line: str,
    asked_of: str = "",
    heading: bool = True,
    told_by_whom: bool = True,
) -> str:
    """A checked answer beside the reviews it rests on. `prefix` begins every id, and must be unique
    on the page.

    `asked_of` says which reviews were asked, if not all. Without `heading` it begins below what
    `heading_html` gives. Without `told_by_whom` nothing says which generator answered, nor how long
    it took.
    """
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
        "asked_of": asked_of,
        "heading": heading,
        "sections": _sections(answer),
        "notes": _notes(answer),
        "answered_by": _answered_by(answer, index_line) if told_by_whom else "",
        "times": _times(answer),
        "spans": spans,
        "cited_in": cited_in,
        "groups": (
            ("Reviews cited", cited),
            ("The closest reviews" if answer.refused else "Also found, not cited", others),
        ),
    }
    return fragment("answer.html", "answer", answer, view)


def _sections(answer: Answer) -> list[tuple[str, list[tuple[int, AnswerSentence]]]]:
    """The headings of an answer with the numbered sentences below each; first those below none."""
    sections: list[tuple[str, list[tuple[int, AnswerSentence]]]] = [("", [])]
    for number, sentence in enumerate(answer.sentences, start=1):
        if sentence.heading:
            sections.append((sentence.text.rstrip(": "), []))
        else:
            sections[-1][1].append((number, sentence))
    return sections


def _notes(answer: Answer) -> list[str]:
    notes = list(answer.notes)
    if answer.dropped_markers:
        were = "were" if answer.dropped_markers > 1 else "was"
        citations = plural(answer.dropped_markers, "citation")
        notes.append(f"{citations} that named no retrieved review {were} removed.")
    return notes


def _answered_by(answer: Answer, index_line: str) -> str:
    reason = answer.generator_reason.rstrip(".")
    return f"Answered by {answer.generator} because {reason}. {index_line}"


def _times(answer: Answer) -> str:
    """How long the answer took, and its steps; empty where nobody measured."""
    if "total_s" not in answer.timings:
        return ""
    measured = [
        f"{step} {answer.timings[key]:.1f}" for key, step in _STEPS.items() if key in answer.timings
    ]
    return f" {answer.timings['total_s']:.1f} s ({', '.join(measured)})."
