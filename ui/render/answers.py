"""Answers as markup. Pure: an `Answer` in, a string of HTML out, and everything written by others
is escaped.

The markup needs no script: a citation is a link to the card of its review on the same page, the
browser scrolls there, and the style sheet lights up the card that is the link's target.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from datetime import date

from rag.answer import Answer, AnswerSentence, Citation
from rag.schema import RetrievedChunk, Review, fraction_of_scale, rating_words

UNSUPPORTED = "not supported by the reviews it cites"
UNCITED = "cites no review"
STOPPED = "Stopped. What was written so far has not been checked against the reviews."
WAITING = "Reading the reviews …"

Span = tuple[int, int]


def escape(text: str) -> str:
    """`text` safe between tags and inside a quoted attribute."""
    return html.escape(text, quote=True)


def plain_markdown(text: str) -> str:
    """`text` such that Streamlit's Markdown shows it as it is, on one line: for labels and error
    messages.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def marked(text: str, spans: Iterable[Span]) -> str:
    """`text` escaped, with `spans` of it (which may overlap, touch or reach outside) inside
    ``<mark>``.
    """
    parts: list[str] = []
    done = 0
    for start, end in _merged(spans, len(text)):
        parts += [escape(text[done:start]), "<mark>", escape(text[start:end]), "</mark>"]
        done = end
    return "".join([*parts, escape(text[done:])])


def progress_html(question: str, text: str) -> str:
    """What has been written of an answer that is still coming."""
    body = (
        f'<p class="qa-raw" dir="auto">{escape(text)}</p>'
        if text
        else f'<p role="status">{WAITING}</p>'
    )
    return _page(_heading(question), f'<div aria-busy="true">{body}</div>')


def stopped_html(question: str, text: str) -> str:
    """What was written of an answer before the user stopped it."""
    body = f'<p class="qa-raw" dir="auto">{escape(text)}</p>' if text else ""
    return _page(_heading(question), f'{body}<p class="qa-note" role="status">{STOPPED}</p>')


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
    body = (
        f'<p class="qa-refusal" dir="auto">{escape(answer.text)}</p>'
        if answer.refused
        else _body(answer, prefix)
    )
    above = _heading(answer.question, answer.searched_for, asked_of) if heading else ""
    about = _about(answer, index_line) if told_by_whom else ""
    return _page(above, body + _notes(answer) + about, _panel(answer, prefix))


def heading_html(answer: Answer, asked_of: str = "") -> str:
    """The question, what was searched for in its place, and which reviews were asked."""
    return f'<div class="qa qa-head"><div>{_heading(answer.question, answer.searched_for, asked_of)}</div></div>'


def _heading(question: str, searched_for: str = "", asked_of: str = "") -> str:
    lines = [
        f'<p class="qa-how" dir="auto">{escape(line)}</p>'
        for line, said in (
            (f"Searched for: “{searched_for}”", searched_for),
            (f"Asked of {asked_of}", asked_of),
        )
        if said
    ]
    return f'<h2 class="qa-question" dir="auto">{escape(question)}</h2>{"".join(lines)}'


def _page(heading: str, body: str, panel: str = "") -> str:
    return f'<div class="qa"><section class="qa-answer" aria-label="Answer">{heading}{body}</section>{panel}</div>'


def _body(answer: Answer, prefix: str) -> str:
    """Headings with lists under them where the answer has headings, a paragraph where it has none."""
    shown = [(number, sentence) for number, sentence in enumerate(answer.sentences, start=1)]
    if not any(sentence.heading for _, sentence in shown):
        return (
            "<p>"
            + " ".join(_sentence(sentence, prefix, number) for number, sentence in shown)
            + "</p>"
        )
    parts: list[str] = []
    items: list[str] = []
    for number, sentence in shown:
        if sentence.heading:
            parts += [_list(items), f'<h3 dir="auto">{escape(sentence.text.rstrip(": "))}</h3>']
            items = []
        else:
            items.append(f"<li>{_sentence(sentence, prefix, number)}</li>")
    return "".join([*parts, _list(items)])


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _sentence(sentence: AnswerSentence, prefix: str, number: int) -> str:
    chips = "".join(_chip(citation, prefix) for citation in sentence.citations)
    kind, flag = "qa-sentence", ""
    if not sentence.supported:
        kind += " qa-unsupported"
        flag = f' <span class="qa-flag">{UNSUPPORTED if sentence.citations else UNCITED}</span>'
    words = f'<span class="{kind}" dir="auto">{escape(sentence.text)}</span>'
    return (
        f'<span id="{prefix}-s{number}" class="qa-claim" tabindex="-1">{words}{chips}{flag}</span>'
    )


def _chip(citation: Citation, prefix: str) -> str:
    kind = "qa-chip" if citation.supports else "qa-chip qa-weak"
    lead = (
        "" if citation.supports else "The nearest words, which do not bear the sentence out alone: "
    )
    return (
        f'<a class="{kind}" href="#{prefix}-r{citation.number}" '
        f'title="{escape(lead + citation.quote)}">'
        f'<span class="qa-hidden">review </span>{citation.number}</a>'
    )


def _notes(answer: Answer) -> str:
    notes = list(answer.notes)
    if answer.dropped_markers:
        plural = answer.dropped_markers > 1
        notes.append(
            f"{answer.dropped_markers} citation{'s' if plural else ''} that named no retrieved "
            "review "
            f"{'were' if plural else 'was'} removed."
        )
    return "".join(f'<p class="qa-note">{escape(note)}</p>' for note in notes)


def _about(answer: Answer, index_line: str) -> str:
    times = {"retrieve_s": "finding", "generate_s": "writing", "check_s": "checking"}
    steps = ", ".join(
        f"{label} {answer.timings[key]:.1f}"
        for key, label in times.items()
        if key in answer.timings
    )
    took = f" {answer.timings['total_s']:.1f} s ({steps})." if "total_s" in answer.timings else ""
    by = f"Answered by {answer.generator} because {answer.generator_reason.rstrip('.')}. {index_line}"
    return f'<p class="qa-about">{escape(by)}<span class="qa-times">{took}</span></p>'


def _panel(answer: Answer, prefix: str) -> str:
    spans: dict[str, list[Span]] = {}
    cited_in: dict[int, int] = {}
    for number, sentence in enumerate(answer.sentences, start=1):
        for citation in sentence.citations:
            spans.setdefault(citation.review_id, []).append((citation.start, citation.end))
            cited_in.setdefault(citation.number, number)
    cited = [found for found in answer.retrieved if found.number in cited_in]
    rest = [found for found in answer.retrieved if found.number not in cited_in]
    body = ""
    for title, group in (
        ("Reviews cited", cited),
        ("The closest reviews" if answer.refused else "Also retrieved, not cited", rest),
    ):
        cards = [
            _card(f, spans.get(f.review.review_id, ()), prefix, cited_in.get(f.number))
            for f in group
        ]
        body += f"<h3>{title}</h3>{''.join(cards)}" if cards else ""
    # tabindex: a box that scrolls must be reachable by keyboard
    return (
        f'<section class="qa-panel" aria-label="Reviews" tabindex="0">{body}</section>'
        if body
        else ""
    )


def _card(found: RetrievedChunk, spans: Sequence[Span], prefix: str, cited_in: int | None) -> str:
    review, chunk = found.review, found.chunk
    before = "…\u00a0" if chunk.start > 0 else ""
    after = "\u00a0…" if chunk.end < len(review.text) else ""
    text = marked(chunk.text, [(start - chunk.start, end - chunk.start) for start, end in spans])
    parts = [
        '<p class="qa-top"><span class="qa-number"><span class="qa-hidden">Review '
        f"</span>{found.number}</span>"
        f"{_rating(review)}</p>",
        f'<h4 dir="auto">{escape(review.title)}</h4>' if review.title else "",
        f'<p class="qa-meta">{_meta(review)}</p>',
        f'<p class="qa-text" dir="auto">{before}{text}{after}</p>',
    ]
    if found.also_in:
        others = f"review{'s' if len(found.also_in) > 1 else ''} {', '.join(found.also_in)}"
        parts.append(f'<p class="qa-meta">Much the same also in {escape(others)}.</p>')
    if before or after:
        whole = f'<div class="qa-text" dir="auto">{marked(review.text, spans)}</div>'
        parts.append(f"<details><summary>Show whole review</summary>{whole}</details>")
    if cited_in is not None:
        parts.append(
            f'<p class="qa-back"><a href="#{prefix}-s{cited_in}">Back to the answer</a></p>'
        )
    return f'<article class="qa-card" id="{prefix}-r{found.number}" tabindex="-1">{"".join(parts)}</article>'


def _rating(review: Review) -> str:
    # From zero, so that the lowest mark of a scale of 1 to 5 shows one star, as the reviewer saw
    # it.
    share = fraction_of_scale(review.rating, min(0.0, review.rating_min), review.rating_max)
    if share is None:
        return '<span class="qa-meta">no rating</span>'
    stars = f'<span class="qa-stars" aria-hidden="true"><span style="width:{share * 100:.0f}%">★★★★★</span>★★★★★</span>'
    return f'{stars}<span class="qa-rating"><span class="qa-hidden">Rated </span>{escape(rating_words(review))}</span>'


def _meta(review: Review) -> str:
    votes = review.helpful_votes
    facts = [
        review.item,
        review.author,
        _written(review.date),
        f"{votes} found this helpful" if votes else "",
        review.review_id,
    ]
    # stays with the fact before it where the line breaks
    dot = '<span aria-hidden="true">\u00a0·</span>'
    shown = [f"<bdi>{escape(fact)}</bdi>" for fact in facts if fact]
    shown[:-1] = [fact + dot for fact in shown[:-1]]
    return " ".join(f'<span class="qa-fact">{fact}</span>' for fact in shown)


def _written(iso: str) -> str:
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{day.day} {day:%b %Y}"


def _merged(spans: Iterable[Span], length: int) -> list[Span]:
    """The spans clipped to 0..length, in order, overlapping and touching ones joined, empty ones
    left out.
    """
    merged: list[Span] = []
    for start, end in sorted((max(0, start), min(length, end)) for start, end in spans):
        if merged and start <= merged[-1][1] and start < end:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged
