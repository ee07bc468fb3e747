"""Which sentences have the words of what is asked about."""

from __future__ import annotations

import math
import re

import numpy as np

from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.understanding.aspect import proper_names
from rag.understanding.plan import QuestionPlan
from rag.understanding.side import without_judgement

_MOST_TELLING = 0.4  # of what the words of an aspect tell,
_ANY_TELLING = 0.3  # and where the question names one thing or another
_SOME_TELLING = 0.25  # or asks which is best for several things
_ROUNDING = 1e-6
_STANDS_FOR_ALL = 0.3  # share of the reviews with a word of a name that have the whole name
_LOOKED_AT = 50  # sentences with a name, for its capitals
_PLACE = re.compile(r"\b(?:in|at|from|near) (?:the )?([A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*)")


def with_words(plan: QuestionPlan, index: ReviewIndex) -> tuple[Mask, bool]:
    """(sentences of the index,) which have the words of what the plan asks about; and whether that is
    a name, so that no others can speak of it.
    """
    if name := _name_asked(plan, index):
        return _naming(name, index), True
    return words_told(without_judgement(plan.aspect), plan, index), False


def words_told(
    subject: str, plan: QuestionPlan, index: ReviewIndex, share: float | None = None
) -> Mask:
    """(sentences of the index,) which have the words of a subject: those that tell much of it, or
    this share, rare words telling more ("hunger", and not "games", of "The Hunger Games").
    """
    places = {word.casefold() for word in places_asked(plan)}
    words = set(subject.casefold().split())
    words = words - places or words
    has = [index.word_scores(word)[0] > 0 for word in sorted(words)]
    size = index.manifest.sentences
    tells = [math.log1p(size / max(int(mask.sum()), 1)) if mask.any() else 0.0 for mask in has]
    told = np.zeros(size, dtype=np.float32)
    for mask, value in zip(has, tells, strict=True):
        told += value * mask
    if share is None:
        ranked = plan.split is not None and plan.split.ranked
        either = re.search(r"\bor\b", plan.query) is not None
        share = _SOME_TELLING if ranked else _ANY_TELLING if either else _MOST_TELLING
    return np.asarray(told >= (share - _ROUNDING) * sum(tells)) & (told > 0)


def places_asked(plan: QuestionPlan) -> list[str]:
    """Words of names of places in the question: who reviews the one in Dubai says so once, and not in
    every sentence.
    """
    told = without_judgement(plan.aspect).split()
    found = [word for match in _PLACE.findall(plan.query) for word in match.split() if word in told]
    return found if len(found) < len(told) else []


def without_places(plan: QuestionPlan, text: str) -> str:
    """A text without "in Dubai", where just the reviews that name it are asked."""
    places = set(places_asked(plan))
    return _PLACE.sub(lambda found: "" if places.issuperset(found[1].split()) else found[0], text)


def _name_asked(plan: QuestionPlan, index: ReviewIndex) -> tuple[str, ...]:
    """The words of the name that the question is about, if that is one of several words ("the Front
    Man") and nothing else: what is only near to its vector is of somebody else. What reviewers write
    without capitals is no name ("Room Service").
    """
    told = without_judgement(plan.aspect).casefold().split()
    names = [name for name in proper_names(plan.query) if name.casefold().split() == told]
    if not names:
        return ()
    whole = np.logical_and.reduce([index.word_scores(word)[0] > 0 for word in told])
    texts = [sentence.text for sentence in index.sentences(np.flatnonzero(whole)[:_LOOKED_AT])]
    written = [text for text in texts if names[0].casefold() in text.casefold()]
    capitals = sum(names[0] in text for text in written)
    return tuple(told) if capitals >= len(written) / 2 else ()


def _naming(name: tuple[str, ...], index: ReviewIndex) -> Mask:
    """(sentences,) with the whole name, or a word that stands for it here: of the reviews with
    "Hanks" most have "Tom Hanks", of those with "Tom" few.
    """
    scores = [index.word_scores(word) for word in name]
    whole = np.logical_and.reduce([reviews > 0 for _, reviews in scores])
    told = np.logical_and.reduce([sentences > 0 for sentences, _ in scores])
    for sentences, reviews in scores:
        if whole.sum() >= _STANDS_FOR_ALL * max(1, int((reviews > 0).sum())):
            told |= sentences > 0
    return np.asarray(told)
