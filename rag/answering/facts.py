"""What the reviews tell of a fact that is asked for: each value, how many give it, and who says otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rapidfuzz.fuzz import partial_ratio

from rag.answering.counting import Count
from rag.answering.fact_kinds import Kind, kind_of_fact
from rag.answering.fact_values import Value
from rag.answering.headline import in_a_row, reviews
from rag.answering.naming import words_told
from rag.answering.opinions import Opinions, sentences_near
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.reader import Reader
from rag.understanding.cut import asking
from rag.understanding.plan import QuestionPlan

_ANSWERS = 0.75  # probability from which a sentence answers,
_ANSWERS_NAMING = 0.4  # and where it names what the fact is of
_ANSWERS_AMONG = 0.5  # or another sentence of its review does
_TOLD_AMONG = 0.25  # share of what its words tell, in a sentence
_SURE = 0.6  # that one of them needs, where no two agree
_SHOWN = 5  # values, each with a sentence that gives it
_SPREAD = 8  # reviews with a figure, from which half of them are told
_CLEAR = 0.5  # share that give one value, from which it is the answer
_ALIKE = 2.0  # times the smallest measure is the largest, of one thing
_SAME_NAME = 80  # of 100; names are misspelt


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and the places of the sentences that give it, the surest first, one a voice."""

    value: Value
    places: tuple[int, ...]

    @property
    def count(self) -> Count:
        """As a point is counted; each was read off its sentence, so nothing is estimated."""
        number = len(self.places)
        return Count(number, number, number, self.places, ())


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """What is told of a fact: the values, the most often given first, among `opinions`."""

    kind: Kind
    given: tuple[Given, ...]
    opinions: Opinions

    @property
    def voices(self) -> int:
        """How many give a value."""
        return sum(len(given.places) for given in self.given)

    @property
    def shown(self) -> tuple[Given, ...]:
        """The values that are shown with a sentence."""
        return self.given[:_SHOWN]


def fact_of(
    plan: QuestionPlan, index: ReviewIndex, reader: Reader, where: Mask | None = None
) -> Fact | None:
    """What is told of the fact that is asked for; None where it is of no kind that can be told from
    other words, or the reader reads none of the languages. There may be no values.
    """
    kind = kind_of_fact(asking(plan.question))
    if kind is None or not (plan.is_fact or plan.intent == "fact"):
        return None
    near = sentences_near(plan, index, reader, where)
    if not near.read_language.any():
        return None
    subject = " ".join(word for word in plan.aspect.split() if word.casefold() not in kind.own)
    floor = np.full(len(near), _ANSWERS if not subject else np.inf)
    if kind.noun == "a number":  # it stands before the word for what is counted
        floor[:] = _ANSWERS_NAMING
    elif subject:
        naming = words_told(subject, plan, index)
        among = words_told(subject, plan, index, share=_TOLD_AMONG)
        reviews_naming = np.isin(index.sentence_review, index.sentence_review[among])
        floor[reviews_naming[near.rows]] = _ANSWERS_AMONG
        floor[naming[near.rows]] = _ANSWERS_NAMING
    speaks = near.read_language & (near.relevance >= floor)
    told: dict[int, tuple[int, Value]] = {}  # of a voice, its surest sentence's value
    for place in np.flatnonzero(speaks)[
        np.argsort(-near.relevance[speaks], kind="stable")
    ].tolist():
        value = _nearest(
            list(kind.values(near.texts[place], plan.question)), near.texts[place], plan.aspect
        )
        if value is not None:
            told.setdefault(int(near.voices[place]), (place, value))
    given = _grouped(list(told.values()), names=kind.noun == "a name")
    if given and len(given[0].places) < 2:
        given = [one for one in given if near.relevance[one.places[0]] >= _SURE]
    if not (len(given) < 2 or _is_clear(given, kind) or _is_a_range(given, kind)):
        given = []  # they tell different things
    return Fact(kind, tuple(given), near)


def _nearest(values: Sequence[Value], text: str, asked: str) -> Value | None:
    """Of several in a sentence that which stands nearest to a word of what is asked."""
    if not values:
        return None
    at = [
        found.start()
        for word in asked.split()
        for found in re.finditer(re.escape(word[:5]), text, re.IGNORECASE)
    ]
    if not at:
        return values[0]
    return min(values, key=lambda value: min(abs(value.start - place) for place in at))


def _grouped(told: Sequence[tuple[int, Value]], *, names: bool) -> list[Given]:
    """The values with their places, the most often given first."""
    groups: dict[str, list[tuple[int, Value]]] = {}
    for place, value in told:
        key = value.key
        if names:
            key = next((known for known in groups if _same_name(known, key)), key)
        groups.setdefault(key, []).append((place, value))
    given = []
    for found in groups.values():
        labels = [value.label for _, value in found]
        label = max(labels, key=lambda label: (labels.count(label), len(label)))
        value = replace(found[0][1], label=label)
        given.append(Given(value, tuple(place for place, _ in found)))
    return sorted(given, key=lambda one: -len(one.places))


def _same_name(one: str, other: str) -> bool:
    return min(len(one), len(other)) > 4 and partial_ratio(one, other) >= _SAME_NAME


def fact_told(fact: Fact) -> str:
    """The answer itself, how many agree, and who says otherwise."""
    voices, noun = fact.voices, fact.kind.noun
    first, *others = fact.given
    agree, label = len(first.places), _capital(first.value.label)
    if voices == 1:
        return f"{label}, by the one review that gives {noun}."
    giving = f"{reviews(voices)} that give {noun}"
    if not others:
        return f"{label}, by {'both reviews' if voices == 2 else f'all {reviews(voices)}'} that give {noun}."
    if _is_clear(fact.given, fact.kind):
        return f"{label}, by {agree} of {giving}; {_others(others)}."
    sizes = sorted(
        (one.value.size or 0.0, one.value.label) for one in fact.given for _ in one.places
    )
    if voices < _SPREAD:
        return f"{sizes[0][1]} to {sizes[-1][1]}, by {giving}."
    low, high = (sizes[round(share * (voices - 1))][1] for share in (0.25, 0.75))
    return f"{low} to {high}, by half of the {giving}; all say between {sizes[0][1]} and {sizes[-1][1]}."


def _is_clear(given: Sequence[Given], kind: Kind) -> bool:
    """Whether one value is the answer: that of half of those who give one, or, but for prices, of
    twice as many as any other's.
    """
    numbers = [len(one.places) for one in given]
    most, second = numbers[0], max(numbers[1:], default=0)
    far_ahead = most >= 2 * second and kind.noun != "a price"
    return most > 1 and (most >= _CLEAR * sum(numbers) or far_ahead)


def _is_a_range(given: Sequence[Given], kind: Kind) -> bool:
    """Whether the values differ as those of one thing may: prices do, and what is measured does by a
    little.
    """
    if kind.noun == "a price":
        return True
    sizes = [one.value.size for one in given]
    measured = [size for size in sizes if size]
    return len(measured) == len(sizes) and max(measured) <= _ALIKE * min(measured)


def _others(given: Sequence[Given]) -> str:
    shown = [
        f"{len(one.places)} {'says' if len(one.places) == 1 else 'say'} {one.value.label}"
        for one in given[:3]
    ]
    left = sum(len(one.places) for one in given[3:])
    return in_a_row([*shown, *([f"{left} something else"] if left else [])])


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
