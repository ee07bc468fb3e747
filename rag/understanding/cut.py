"""A question without some of its words, and without those that led to them (English)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""Where words begin and end in a question, in characters."""

_GAP = "\x00"  # where words stood
_LED_TO_GAP = re.compile(
    r"(?:\b(?:at|in|of|on|for|from|about|with|to|by|during|inside|near)\s+)?(?:\bthe\s+)?\x00"
    r"(?:['’]s?)?(?:,? (?:and|or|vs\.?|versus) \x00)?",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"\s{2,}")
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[?.!,;:])")
_LEFT_OVER = re.compile(r"[,\s]*(?:\b(?:or|and|vs\.?|versus)\s*)?(?=[?.!]*$)", re.IGNORECASE)
_LEADING = re.compile(r"^[\s,:;–—-]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")
_WORD = re.compile(r"\w")
_ASKS = re.compile(
    r"\?\W*$|^\(|^\W*(?:(?:so|and|but|or)\W+)?(?:what|which|who|whose|where|when|why|how|is|are|was|were|do|does|did|can|could"
    r"|will|would|should|has|have|had|any|tell|list|name|describe|explain|give|show|compare|summ?ar\w*|sum)\b",
    re.IGNORECASE,
)
_JOINT = r"(?:,?\s+(?:and|or|vs\.?|versus)\s+|,\s+)"
_JOINT_AFTER = re.compile(_JOINT, re.IGNORECASE)
_JOINT_BEFORE = re.compile(rf"{_JOINT}\Z", re.IGNORECASE)
_THAN_BEFORE = re.compile(r"\s+(?:than|compared\s+(?:to|with)|unlike)\s+\Z", re.IGNORECASE)


def cut(question: str, spans: Iterable[Span], words: Iterable[str]) -> str:
    """The question without what stands at `spans` and without `words`, each where it stands first,
    and without the prepositions that led to them.
    """
    kept, done = "", 0
    for start, end in sorted(spans):
        kept += question[done:start] + _GAP
        done = max(done, end)
    kept += question[done:]
    for stated in words:
        kept = kept.replace(stated, _GAP, 1)
    kept = _LED_TO_GAP.sub(" ", kept).replace(_GAP, " ")
    kept = _LEFT_OVER.sub("", _SPACE_BEFORE_MARK.sub("", _BLANKS.sub(" ", kept)))
    return _LEADING.sub("", kept).strip()


def asking(question: str) -> str:
    """Of several sentences those that ask: "I have a small dog. Are pets allowed? Thanks." is "Are
    pets allowed?"; all of them where none does.
    """
    sentences = [part for part in _SENTENCE_END.split(question.strip()) if _WORD.search(part)]
    if len(sentences) < 2:
        return question
    return " ".join(part for part in sentences if _ASKS.search(part)) or question


def with_joint(question: str, span: Span, others: Sequence[Span]) -> Span:
    """The span of a name with what joins it to one of the `others`, which stay: "or Hotel Bluebell",
    "than Hotel Bluebell".
    """
    start, end = span
    after = _JOINT_AFTER.match(question, end)
    if after and after.end() in [other[0] for other in others]:
        return start, after.end()
    before = _JOINT_BEFORE.search(question, 0, start)
    if before and before.start() in [other[1] for other in others]:
        return before.start(), end
    than = _THAN_BEFORE.search(question, 0, start)
    return (than.start() if than else start), end
