"""Do the retrieved reviews bear on the question at all? Decided before anything answers.

Where the reader can read both, one logistic regression decides (`answerable`): over the largest
probability that a sentence answers, the evidence score below, and whether one fact is asked for.
Fitted on the sample's train and dev questions and those to three corpora of series, flats and films
(116 answered, 34 not); `docs/evaluation.md` has what it refuses at each threshold, on these and on
others (`tests/benchmarks/refusals.py`). Elsewhere the evidence score alone decides, by two floors.

The score is the best sentence's cosine plus a share of the aspect's words that the retrieved chunks
contain, rare words counting more: an embedding alone finds "Neither actor raises his voice" close
to "How much was the actor paid?", and only the missing word "paid" tells them apart. A question
that asks for one fact (who, when, where, how much) needs closer evidence than one that asks for
opinions, since near-misses are what it would be answered with; there the rarest word counts once
more.

AUC of answerable against not, on questions of fact of the sample's train and dev splits and of
three real corpora: cosine and a plain share of the words .68, rare words counting more .70, the
rarest once more .76; on the other questions .84, .84 and .82. The floors were chosen on the train
and dev questions; `tests/benchmarks/choose_thresholds.py` prints the table. Tried and left out: mean
of the best three or five cosines, token-level coverage (MaxSim), cosine and words of one sentence, a
logistic regression over nine such numbers (it overfits).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from rag.schema import RetrievedChunk
from rag.understanding.catalogue import Catalogue
from rag.understanding.side import judges

COVERAGE_WEIGHT = 0.2
RAREST_WEIGHT = 0.1  # of the rarest word, for a question of fact
_CHUNKS = 8
_BEST_WEIGHT, _SCORE_WEIGHT, _FACT_WEIGHT, _INTERCEPT = 1.38, 1.31, -1.52, -1.72
_CERTAIN = 0.01
SURELY_ANSWERS = 0.75
"""Probability that a sentence answers, from which it may name what is asked about by another word
("elevator" for "lift").
"""

_OF_ANYTHING = re.compile(
    r"(?:use|work|take|make|need|want|try|allow|support|offer|serve|suit|fit|mean|happen|ok|okay|safe|possible|suitable)"
    r"(?:s|d|ed|ing)?",
    re.IGNORECASE,
)
_STEM = 5  # characters; enough to let "directed" meet "director"

Rarity = Mapping[str, float]
"""Beginnings of words and how much one tells: log(1 + reviews / reviews with it)."""


def rarity_of(catalogue: Catalogue) -> Rarity:
    """How rare the beginnings of words are in the reviews."""
    counts: dict[str, int] = {}
    for word, reviews in catalogue.words.items():
        stem = word[:_STEM]
        counts[stem] = max(counts.get(stem, 0), reviews)
    return {stem: math.log1p(catalogue.reviews / count) for stem, count in counts.items()}


def evidence_score(
    aspect: str,
    retrieved: Sequence[RetrievedChunk],
    rarity: Rarity | None = None,
    *,
    is_fact: bool = False,
) -> float:
    """How closely the best chunks bear on what is asked about: about 0.3 (not at all) to 1.3; 0
    without chunks. `aspect` are the content words of the question; without `rarity` they count
    alike.
    """
    if not retrieved:
        return 0.0
    score = max(chunk.cosine for chunk in retrieved)
    unseen = max(rarity.values(), default=1.0) if rarity else 1.0
    weights = {stem: (rarity or {}).get(stem, unseen) for stem in _stems(aspect)}
    if not weights:
        return score + COVERAGE_WEIGHT
    said = {stem for chunk in retrieved[:_CHUNKS] for stem in _stems(chunk.chunk.text)}
    covered = sum(weight for stem, weight in weights.items() if stem in said)
    score += COVERAGE_WEIGHT * covered / sum(weights.values())
    if is_fact and max(weights, key=lambda stem: weights[stem]) in said:
        score += RAREST_WEIGHT
    return score


def answerable(best: float, score: float, *, is_fact: bool) -> float:
    """How probably the reviews answer a question, 0..1: `best` is the largest of the probabilities
    that a sentence answers, `score` the evidence score.
    """
    best = min(max(best, _CERTAIN), 1 - _CERTAIN)
    log_odds = math.log(best / (1 - best))
    value = _INTERCEPT + _BEST_WEIGHT * log_odds + _SCORE_WEIGHT * score + _FACT_WEIGHT * is_fact
    return 1 / (1 + math.exp(-value))


def unsaid_words(aspect: str, catalogue: Catalogue, rarity: Rarity) -> list[str]:
    """The words that say what is asked about and that no review has, in no form that begins alike;
    `rarity` has the beginnings that there are.
    """
    return [
        word
        for word in aspect.split()
        if len(word) >= _STEM - 1
        and word.isalpha()
        and not judges(word)
        and not catalogue.reviews_with(word)
        and word.casefold()[:_STEM] not in rarity
    ]


def speaks_of_nothing_else(aspect: str, catalogue: Catalogue, rarity: Rarity) -> bool:
    """Whether what is asked about is told by words alone that no review has, beside verbs that go with
    anything: "ok to use when pregnant", where nobody writes of that.
    """
    unsaid = unsaid_words(aspect, catalogue, rarity)
    others = [word for word in aspect.split() if word not in unsaid]
    return bool(unsaid) and all(judges(word) or _OF_ANYTHING.fullmatch(word) for word in others)


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in re.findall(r"\w+", text.casefold())}
