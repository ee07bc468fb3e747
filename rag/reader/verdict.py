"""From what the reader says of a claim to what people are told."""

from __future__ import annotations

from dataclasses import dataclass

from rag.reader.base import Support

READ_LANGUAGES = ("", "en")  # of reviews; "" is not known, mostly of a few words

_BORNE_OUT = 0.5
_UNSURE = 0.25
_OPPOSITE = 0.6  # probability of contradiction


@dataclass(frozen=True, slots=True)
class Verdict:
    """`probability` that a claim is borne out, and what that comes to."""

    probability: float
    borne_out: bool
    unsure: bool
    opposite: bool


def verdict_of(support: Support, similarity: float) -> Verdict:
    """The verdict on a claim, given also the cosine to the nearest sentence of its evidence."""
    if support.missing:
        return Verdict(min(support.entailed, _UNSURE), False, False, False)
    probability = support.entailed
    opposite = support.contradicted >= _OPPOSITE
    return Verdict(
        probability,
        probability >= _BORNE_OUT,
        _UNSURE <= probability < _BORNE_OUT and not opposite,
        opposite,
    )
