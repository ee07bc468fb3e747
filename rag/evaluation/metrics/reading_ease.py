"""How easily an answer reads."""

from __future__ import annotations

import re

from rag.evaluation.metrics.registry import AnswerCase, Metric

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE = re.compile(r"[.!?]+(?=\W|$)")
_VOWELS = re.compile(r"[aeiouy]+")


def reading_ease(texts: list[str]) -> float | None:
    """Flesch's formula (1948) over texts of one sentence or more, English: about 30 is hard, 60
    plain, 90 very easy; None without a word.
    """
    words = [word for text in texts for word in _WORD.findall(text)]
    if not words:
        return None
    sentences = sum(max(1, len(_SENTENCE.findall(text))) for text in texts if _WORD.search(text))
    syllables = sum(map(_syllables, words))
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)


def _syllables(word: str) -> int:
    """Runs of vowels, without a silent e at the end."""
    folded = word.casefold()
    number = len(_VOWELS.findall(folded))
    silent = folded.endswith(("e", "es", "ed")) and not folded.endswith(("le", "ted", "ded"))
    return max(1, number - silent)


def _measure(case: AnswerCase) -> float | None:
    points = [point.statement for claim in case.claims for point in claim.points]
    return reading_ease(points or [claim.text for claim in case.claims])


READING_EASE = Metric(
    name="reading_ease",
    title="reading ease",
    meaning="how easily an answer's points, or else its sentences, read, by Flesch's formula "
    "(English): about 30 is hard, 60 plain, 90 very easy",
    measure=_measure,
)
