"""Claims made by rule from sentences of reviews: what a written claim teaches well, these teach
often. Above all additions: true of the evidence in one half, of another sentence in the other.

They only ever train; what is measured is written by hand.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from finetune.reader.words import ANTONYMS, INTENSIFIERS, NUMBER_WORDS, PRONOUNS, REPORTS, SYNONYMS

_CLAUSE_ENDS = re.compile(
    r",? but |,? although |,? though |; |, and |,? because |,? while |, which "
    r"| and (?=the |it |i |they |we |there |is |was )",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|will|would|can|could|should|\w+ed|\w+s|'s|got"
    r"|made|felt|went|came|took|gave)\b"
)
_JOINTS = (" and ", ", and ", ", although ", ", but ", " because ", ", while ", ", though ", "; ")
_NEGATED = (
    (
        re.compile(
            r"\b(is|was|are|were|does|did|do|could|would|should|has|have|had)(?:n't| not)\b"
        ),
        r"\1",
    ),
    (re.compile(r"\bcan(?:no|')t\b"), "can"),
    (re.compile(r"\bwon't\b"), "will"),
    (re.compile(r"\bno\b"), "a lot of"),
    (re.compile(r"\bnever\b"), "always"),
)
_AUXILIARY = re.compile(r"\b(?:is|was|are|were|can|could|will|would|should)\b")
_DIGITS = re.compile(r"\b\d{1,4}\b")
_WORDED = re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS[1:])})\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)?")
_DETERMINERS = frozenset(
    "the it this they there a an these that his her he she in at if one some all their".split()
)
_FEWEST_WORDS, _MOST_WORDS = 5, 40  # of a sentence that claims are made from

Pair = tuple[str, str, str, str]
"""(evidence, claim, label, kind)."""


def synthetic_pairs(
    groups: Sequence[Sequence[str]], draw: random.Random
) -> list[tuple[str, str, str, str]]:
    """Pairs from groups of sentences, each about one kind of thing."""
    pairs: list[Pair] = []
    for group in groups:
        sentences = [s for s in group if _FEWEST_WORDS <= len(s.split()) <= _MOST_WORDS]
        names = [match.group() for s in sentences for match in _NAME.finditer(s)]
        for place, sentence in enumerate(sentences):
            other = sentences[(place + draw.randrange(1, len(sentences))) % len(sentences)]
            pairs += _of_sentence(sentence, other, names, draw)
    return [pair for pair in pairs if pair[0] != pair[1] and 3 <= len(pair[1].split()) <= 45]


def _of_sentence(
    sentence: str, other: str, names: Sequence[str], draw: random.Random
) -> list[Pair]:
    pairs: list[Pair] = []
    evidence = sentence if draw.random() < 0.75 else f"{sentence} {other}"
    clauses = _clauses(sentence)
    if len(clauses) > 1:
        one, two = draw.sample(clauses, 2)
        worded = faithful(one, draw)
        pairs.append(
            (evidence, _joined(worded, faithful(two, draw), draw), "entailed", "two clauses")
        )
        if len(one.split()) >= _FEWEST_WORDS and len(two.split()) >= _FEWEST_WORDS:
            pairs.append((one, faithful(sentence, draw, whole=True), "not_stated", "addition"))
        if opposite := flipped(two, draw):
            joined = _joined(worded, faithful(opposite, draw), draw)
            pairs.append((evidence, joined, "contradicted", "flip"))
    if draw.random() < 0.5:
        pairs.append((evidence, faithful(sentence, draw), "entailed", "faithful"))
    if draw.random() < 0.5 and (opposite := flipped(sentence, draw)):
        pairs.append((sentence, faithful(opposite, draw), "contradicted", "flip"))
    if draw.random() < 0.6 and (altered := _altered(sentence, names, draw)) and altered != sentence:
        pairs.append((sentence, faithful(altered, draw, whole=True), "not_entailed", "alter"))
    if draw.random() < 0.5 and other not in evidence:
        added = draw.choice(_clauses(other) or [other])
        claim = _joined(faithful(sentence, draw), faithful(added, draw), draw)
        pairs.append((sentence, claim, "not_stated", "addition"))
    if draw.random() < 0.2:
        pairs.append((sentence, faithful(other, draw), "not_entailed", "topic"))
    return pairs


def _clauses(sentence: str) -> list[str]:
    parts = _CLAUSE_ENDS.split(sentence)
    return [part for part in parts if len(part.split()) >= 4 and _VERB.search(part)]


def faithful(sentence: str, draw: random.Random, *, whole: bool = False) -> str:
    """What follows from a sentence: a clause of it, or all, with other words for some; now and
    then as what a reviewer says.
    """
    text = sentence
    clauses = _clauses(sentence)
    if not whole and len(clauses) > 1 and draw.random() < 0.6:
        text = draw.choice(clauses)
    if draw.random() < 0.7:
        text = INTENSIFIERS.sub("", text)
    if draw.random() < 0.8:
        text = _with_synonyms(text, draw)
    if draw.random() < 0.6:
        for pronoun, reviewer in PRONOUNS:
            text = pronoun.sub(reviewer, text)
    text = _capital(text)
    if draw.random() < 0.25:
        text = draw.choice(REPORTS) + _lower(text)
    return _with_full_stop(text)


def flipped(sentence: str, draw: random.Random) -> str | None:
    """The opposite of a sentence, by an antonym or a negation; None where neither is found."""
    by_word, by_negation = _antonym(sentence, draw), _negation(sentence, draw)
    first, second = (by_word, by_negation) if draw.random() < 2 / 3 else (by_negation, by_word)
    return first or second


def _antonym(sentence: str, draw: random.Random) -> str | None:
    words = re.split(r"(\W+)", sentence)
    places = [place for place, word in enumerate(words) if word.lower() in ANTONYMS]
    if not places:
        return None
    place = draw.choice(places)
    opposite = ANTONYMS[words[place].lower()]
    words[place] = opposite if words[place].islower() else _capital(opposite)
    return "".join(words)


def _negation(sentence: str, draw: random.Random) -> str | None:
    for negated, plain in _NEGATED:
        if negated.search(sentence):
            return negated.sub(plain, sentence, count=1)
    auxiliaries = list(_AUXILIARY.finditer(sentence))
    if not auxiliaries:
        return None
    chosen = draw.choice(auxiliaries)
    return f"{sentence[: chosen.end()]} not{sentence[chosen.end() :]}"


def _altered(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    """The sentence with another number or name; None where it has neither."""
    numbers = [*_DIGITS.finditer(sentence), *_WORDED.finditer(sentence)]
    if numbers and draw.random() < 0.8:
        chosen = draw.choice(numbers)
        if chosen.group().isdigit():
            value = int(chosen.group())
            others = [n for n in (value + 1, 2 * value, value - 1, value // 2, value + 10) if n > 0]
            other = str(draw.choice([n for n in others if n != value]))
        else:
            other = draw.choice([word for word in NUMBER_WORDS[1:] if word != chosen.group()])
        return sentence[: chosen.start()] + other + sentence[chosen.end() :]
    found = list(_NAME.finditer(sentence))
    if not found or not names:
        return None
    chosen = draw.choice(found)
    return sentence[: chosen.start()] + draw.choice(names) + sentence[chosen.end() :]


def _with_synonyms(text: str, draw: random.Random) -> str:
    words = re.split(r"(\W+)", text)
    for place, word in enumerate(words):
        if word.lower() in SYNONYMS and draw.random() < 0.6:
            other = draw.choice(SYNONYMS[word.lower()])
            words[place] = other if word.islower() else _capital(other)
    return "".join(words)


def _joined(first: str, second: str, draw: random.Random) -> str:
    return first.rstrip(".") + draw.choice(_JOINTS) + _lower(second)


def _capital(text: str) -> str:
    text = text.strip(" ,;-")
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    """A sentence to go on with: in lower case where its first word is no name."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first.lower() in _DETERMINERS else text


def _with_full_stop(text: str) -> str:
    return text.rstrip(" ,;:.!?") + "."
