"""Numbers and names of a claim that stand nowhere in its evidence (English number words).

What a network that reads meaning overlooks: "six episodes" and "nine episodes" mean nearly the
same to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import OSA

from rag.reader.base import Probabilities, Support

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_VALUES: dict[str, float] = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **{word: value for value, word in enumerate(_ORDINALS, 1)},
    "once": 1,
    "twice": 2,
    "half": 0.5,
    "quarter": 0.25,
    "dozen": 12,
    "hundred": 100,
    "thousand": 1000,
    "million": 1_000_000,
    "couple": 2,
    "pair": 2,
    "double": 2,
    "both": 2,
    "single": 1,
}
# that a claim uses without counting: "one reviewer", "at first", "both of them"
_LOOSE = frozenset("one first second once single couple pair double both half quarter".split())
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+(?:-[a-z]+)?")
_WORD = re.compile(r"[^\W\d_](?:[\w'’.-]*\w)?")
_POSSESSIVE = re.compile(r"['’]s?$")
_NO_NAMES = frozenset(
    """the a an it its this that these those reviewers reviewer viewers viewer people one some many
    customers guests users players readers i if in on at as and but or nobody everybody everyone no
    none even apart unlike though although after by who what how for with without most nearly almost
    all each every there they he she his her them their when while because both tv i'm i've i'd
    english""".split()
)
_SHORTEST_MISSPELT = 5


def supports(
    rows: Probabilities, evidence: Sequence[str], claims: Sequence[str], known: Sequence[str]
) -> list[Support]:
    """The records of (claims, 3) probabilities, with what each claim's evidence lacks."""
    return [
        Support(float(row[0]), float(row[1]), float(row[2]), missing(text, claim, known))
        for row, text, claim in zip(rows, evidence, claims, strict=True)
    ]


def missing(evidence: str, claim: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    """The numbers and names of `claim`, as it writes them, that `evidence` and `known` lack."""
    return (
        *_missing_numbers(evidence, claim),
        *_missing_names(" ".join((evidence, *known)), claim),
    )


def _missing_numbers(evidence: str, claim: str) -> Iterator[str]:
    there = {value for _, value in _numbers(evidence)}
    for word, value in _numbers(claim):
        if word not in _LOOSE and value not in there:
            yield word


def _numbers(text: str) -> Iterator[tuple[str, float]]:
    for match in _NUMBER.finditer(text.lower()):
        word = match.group()
        if word[0].isdigit():
            digits = word.replace(",", "")
            yield word, float(digits) if digits.count(".") <= 1 else float(digits.split(".")[0])
        elif word in _VALUES:
            yield word, _VALUES[word]
        else:
            tens, _, units = word.partition("-")
            if tens in _TENS and units in _VALUES:
                yield word, _VALUES[tens] + _VALUES[units]


def _missing_names(evidence: str, claim: str) -> Iterator[str]:
    words = {_POSSESSIVE.sub("", word.lower()) for word in _WORD.findall(evidence)}
    together = re.sub(r"\W", "", evidence.lower())
    initials = "".join(word[0] for word in _WORD.findall(evidence)).lower()
    for place, written in enumerate(_WORD.finditer(claim)):
        name = _POSSESSIVE.sub("", written.group())
        # what begins a sentence is capitalised anyway
        begins = place == 0 or claim[: written.start()].rstrip()[-1:] in (".", "!", "?")
        known = name.lower() in _NO_NAMES or name.lower() in words
        if begins or not name[0].isupper() or known:
            continue
        parts = [part.lower() for part in re.findall(r"\w+", name)]
        abbreviates = name.isupper() and len(name) <= 4 and name.lower() in initials
        if not abbreviates and not any(_stands(part, words, together) for part in parts):
            yield name


def _stands(part: str, words: set[str], together: str) -> bool:
    """Whether a part of a name is among the words: also in the plural, joined or misspelt."""
    if part in words or f"{part}s" in words or part.removesuffix("s") in words:
        return True
    if len(part) >= _SHORTEST_MISSPELT - 1 and part in together:
        return True
    return len(part) >= _SHORTEST_MISSPELT and any(
        word[0] == part[0] and OSA.distance(part, word, score_cutoff=1) <= 1
        for word in words
        if word
    )
