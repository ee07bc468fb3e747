"""What an answer puts in quotation marks: where it begins and ends, and whether a review says it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import regex

from rag.chunking import Span

_QUOTED = re.compile(
    r"“([^“”]{2,})”|\"([^\"\n]{2,})\"|«([^«»]{2,})»|»([^«»]{2,})«|„([^„“”]{2,})[“”]"
    r"|「([^「」]{2,})」|『([^『』]{2,})』"
)
_ELLIPSIS = re.compile(r"…|\.{3,}")
_SPLICED_WORDS = 3  # fewest words of each part of a quotation with an ellipsis in it
_MOST_LEFT_OUT = 15  # words, at one ellipsis
# Unlike \w, with combining marks and without what joins emoji.
_WORD = regex.compile(r"[\p{L}\p{N}_][\p{L}\p{N}\p{M}_]*")


def quoted_parts(text: str) -> list[str]:
    """What stands in quotation marks of any kind."""
    return ["".join(forms) for forms in _QUOTED.findall(text)]


def outside_quotes(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join spans whose common border lies inside quotation marks."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    joined: list[Span] = []
    for start, end in spans:
        if joined and any(low < start < high for low, high in quoted):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def is_bare_quotation(text: str) -> bool:
    """Whether a sentence is nothing but what it quotes."""
    return _QUOTED.search(text) is not None and plain_words(_QUOTED.sub(" ", text)) == ""


def is_quotation(quote: str) -> bool:
    """Whether words in quotation marks are claimed to be somebody's, and are not only a title or an
    odd word.
    """
    return (
        len(plain_words(quote).split()) >= 3
        or sum(not character.isascii() for character in quote) >= 6
    )


def find_quote(quote: str, text: str) -> Span | None:
    """Where `quote` stands in `text`, word for word, "…" standing for a few left-out words.

    Case, punctuation and blanks may differ. Each part around an ellipsis must have some length and
    follow soon after the one before: by leaving out enough, one can quote anybody as saying
    anything.
    """
    if not (whole := plain_words(quote).split()):
        return None
    parts = [wanted for part in _ELLIPSIS.split(quote) if (wanted := plain_words(part).split())]
    place = _find_parts([whole], text)  # "…" may be the reviewer's own
    if place is None and len(parts) > 1 and min(map(len, parts)) >= _SPLICED_WORDS:
        place = _find_parts(parts, text)
    return place or _find_unspaced(quote, text)


def _find_parts(parts: Sequence[Sequence[str]], text: str) -> Span | None:
    """Where the parts stand in `text`, one after another with few words between them."""
    words = [(match.group().casefold(), match.span()) for match in _WORD.finditer(text)]
    reached: dict[
        int, int
    ] = {}  # word after the parts so far: word they began at, for every place they stand
    for number, wanted in enumerate(parts):
        places = [
            i
            for i in range(len(words))
            if [word for word, _ in words[i : i + len(wanted)]] == wanted
        ]
        before = {i: i for i in places} if number == 0 else reached
        reached = {
            i + len(wanted): before[max(ends)]
            for i in places
            if (
                ends := [
                    e for e in range(i - (_MOST_LEFT_OUT if number else 0), i + 1) if e in before
                ]
            )
        }
    if not reached:
        return None
    last = min(reached)
    start, end = words[reached[last]][1][0], words[last - 1][1][1]
    while end < len(text) and not text[end].isspace() and not _WORD.match(text, end):
        end += 1  # take the closing punctuation along
    return start, end


def _find_unspaced(quote: str, text: str) -> Span | None:
    """The same for scripts that put no blanks between words, where a quotation is part of what
    looks like one word.
    """
    start = (
        text.find(quote) if any("\u3040" <= character <= "\u9fff" for character in quote) else -1
    )
    return None if start < 0 else (start, start + len(quote))


def plain_words(text: str) -> str:
    """Its words, lower case, with a blank between them."""
    return " ".join(word.casefold() for word in _WORD.findall(text))
