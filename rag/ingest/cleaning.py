"""A review's text as it is stored: HTML to text, the page's furniture cut off, Unicode and blanks
in one form.

Each step can be switched off; what was done is counted. Cleaning cleaned text changes nothing, but
for markup that was written about: "&amp;lt;" is read as "&lt;" the first time.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

import regex

from rag.ingest.values import parse_votes

STEPS = ("html", "invisible", "furniture", "unicode", "spaces", "language")

_BREAK = re.compile(r"<\s*(?:br|/?p|/?div|/?li|/?tr|/?h[1-6]|/?ul|/?ol)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_COMMENT = re.compile(
    r"<!--.{0,2000}?-->|<(script|style)\b.{0,20000}?</\1\s*>", re.IGNORECASE | re.DOTALL
)
_INVISIBLE = (
    "\u200b\u2060\ufeff\u00ad"  # zero-width space, word joiner, byte order mark, soft hyphen
)
_ONLY_PLAIN = re.compile(r"[\t\n\x0b\x0c\x1c-\x1f -~]*")  # ASCII's visible characters and blanks

# What no reader sees, but a model reads: formatting characters, fillers, stacked variation selectors.
# Arabic number signs are of the same category, but are seen.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]+"
)
# What is kept of it: a flag's tags, a joiner between emoji or between letters that join, one
# variation selector.
_FLAG = regex.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,8}\U000e007f")
_JOINED = regex.compile(
    r"(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})"
    r"|(?<=[\p{Arabic}\p{Syriac}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}"
    r"\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Khmer}\p{Myanmar}])[\u200c\u200d]"
    r"(?=[\p{L}\p{M}]|\Z|\s)"
    r"|(?<=[^\s\ufe00-\ufe0f])[\ufe00-\ufe0f](?![\ufe00-\ufe0f])"
    r"|(?<=\p{Han})[\U000e0100-\U000e01ef](?![\U000e0100-\U000e01ef])"
)

_COUNT = r"(?:\d[\d,.]*|one|no)"
_VOTES = re.compile(
    rf"{_COUNT}\s+(?:out\s+of|of)\s+{_COUNT}\s+(?:people\s+|users\s+)?found\s+this\s+(?:review\s+)?(?:helpful|useful)"
    rf"|{_COUNT}\s+(?:people|person|users?)\s+found\s+this\s+(?:review\s+)?(?:helpful|useful)",
    re.IGNORECASE,
)
# Whole phrases that only a web page says; they go where a text ends (or begins) with them, again
# and again.
_AT_THE_END = re.compile(
    r"(?:^|(?<=[\s.!?\"”)…*]))(?:"
    + "|".join(
        (
            _VOTES.pattern,
            r"was this (?:review )?(?:helpful|useful)(?: to you)?\?(?:\s*(?:yes|no|sign in to "
            r"vote)\b[\s|/]*)*",
            r"sign in to vote",
            r"permalink",
            r"helpful\s*(?:\||·)?\s*report(?: abuse)?",
            r"report(?: this)? (?:review|abuse)",
            r"(?:\.{3}|…)?\s*(?:read|show|see) (?:more|less)(?: of this review)?",
            r"full review\s*(?:»|>>|\|)?",
            r"(?:posted|sent) (?:via mobile|from my \w+)",
            r"review collected by and hosted on \w+(?:\.com)?",
            r"(?:more|read more) reviews by \S{1,40}",
            r"comment\s*\|\s*permalink",
        )
    )
    + r")\s*[.|·]*\s*$",
    re.IGNORECASE,
)
_AT_THE_START = re.compile(
    r"^\s*(?:warning:?\s+spoilers?!?|\*{3}\s*this review may contain spoilers\s*\*{3}|"
    r"\(?translated by google\)?|this review contains spoilers\.?)\s*[:\n]?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text, the steps that changed it, and the helpful votes that stood in the page's
    furniture.
    """

    text: str
    changed: tuple[str, ...] = ()
    votes: int | None = None


def clean(text: str, steps: Collection[str] = STEPS) -> Cleaned:
    """Apply the steps. Whatever the steps, a text has no surrogates and no surrounding blanks."""
    text = text.encode("utf-8", "ignore").decode()  # half an emoji cannot be stored
    changed: list[str] = []
    votes: int | None = None
    for step, change in (
        ("html", _without_html),
        ("invisible", without_invisible),
        ("unicode", _plain_unicode),
        ("spaces", _plain_spaces),
    ):
        if step in steps:
            before, text = text, change(text)
            if text.strip() != before.strip():
                changed.append(step)
    if "furniture" in steps:
        before = text
        text, votes = _without_furniture(text)
        if text.strip() != before.strip():
            changed.append("furniture")
    return Cleaned(text.strip(), tuple(step for step in STEPS if step in changed), votes)


def clean_text(text: str) -> str:
    """`text` with all steps applied."""
    return clean(text).text


def _without_html(text: str) -> str:
    """Entities and tags turned to text. Only what looks like a tag (``<b>``, ``<br />``) goes: "I
    <3 this" stays.
    """
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _COMMENT.sub(" ", text)))
    return text


def without_invisible(text: str) -> str:
    """Without what no reader sees. Emoji sequences and flags stay whole, and so do the joiners that
    Persian or Hindi need.
    """
    if text.isascii() or not _UNSEEN.search(text):
        return text
    kept = {
        place
        for pattern in (_FLAG, _JOINED)
        for match in pattern.finditer(text)
        for place in range(*match.span())
    }
    return "".join(
        character
        for place, character in enumerate(text)
        if place in kept or not _UNSEEN.match(character)
    )


def _plain_unicode(text: str) -> str:
    """NFC, without control characters and what is invisible."""
    text = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n\n")
    )
    if _ONLY_PLAIN.fullmatch(text):
        return text  # most texts, and looking at each character takes as long as all other steps
    if not text.isascii() or not text.isprintable():
        text = "".join(
            c
            for c in text
            if c.isspace() or (c not in _INVISIBLE and unicodedata.category(c) not in ("Cc", "Cs"))
        )
    return unicodedata.normalize("NFC", text)


def _plain_spaces(text: str) -> str:
    """One blank between words, and a line or an empty line where paragraphs end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(
        r" ?\n ?(?:\n ?)*", lambda gap: "\n\n" if gap.group().count("\n") > 1 else "\n", text
    ).strip()


def _without_furniture(text: str) -> tuple[str, int | None]:
    """Cut what a web page wrote around the review, and read the votes from it. A text that is
    nothing else stays.
    """
    votes: int | None = None
    left = text.strip()
    while match := _AT_THE_END.search(left, max(0, len(left) - 300)):
        found = _VOTES.search(match.group())
        votes = parse_votes(found.group()) if found else votes
        left = left[: match.start()].rstrip(" \t\n|·-")
    while match := _AT_THE_START.match(left):
        left = left[match.end() :]
    return (left, votes) if left.strip() else (text, None)
