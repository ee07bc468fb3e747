"""From what the reader says of a claim to what people are told.

The reader's own probability is put beside two things that it takes too little notice of: evidence
and claim that take opposite sides, and the length of a claim (of two clauses it trusts too few).
The weights were fitted on the claims held out of its training, the bounds chosen on the even
premises of 554 claims over real reviews of films and series. On the odd ones: 84% of true claims
are taken for borne out and 86% of false ones are not (`docs/checking.md` has them by kind).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.reader.base import Reader

READ_LANGUAGES = ("", "en")  # of reviews; "" is not known, mostly of a few words

_ENTAILED_WEIGHT = 0.999  # of the log-odds
_OPPOSITE_SIDES_WEIGHT = 0.449
_LENGTH_WEIGHT = 0.0236  # a word
_MOST_WORDS = 25
_INTERCEPT = 0.312
_BORNE_OUT = 0.3  # passes 92% of the true claims of the even premises, and stops 80% of the false
_UNSURE = 0.15
_OPPOSITE = 0.5  # probability of contradiction, and
_OPPOSITE_SIDES = 0.3  # how far apart the sides are; both together are said of none of 85 true claims not chosen on
_CERTAIN = 1e-4


@dataclass(frozen=True, slots=True)
class Verdict:
    """`probability` that a claim is borne out, and what that comes to. `missing` are its numbers
    and names that stand nowhere in the evidence: with any, it is not borne out.
    """

    probability: float
    borne_out: bool
    unsure: bool
    opposite: bool
    missing: tuple[str, ...] = ()


def verdicts(
    reader: Reader, pairs: Sequence[tuple[Sequence[str], str]], known: Sequence[str] = ()
) -> list[Verdict]:
    """The verdict on each claim by its evidence; `known` are names that need not stand in it."""
    supports = reader.support(pairs, known)
    of_evidence = reader.stance([("", " ".join(sentences)) for sentences, _ in pairs])
    of_claim = reader.stance([("", claim) for _, claim in pairs])
    judged = []
    for (_, claim), support, evidence_side, claim_side in zip(
        pairs, supports, of_evidence, of_claim, strict=True
    ):
        entailed = min(max(support.entailed, _CERTAIN), 1 - _CERTAIN)
        agreement = float((evidence_side[0] - evidence_side[1]) * (claim_side[0] - claim_side[1]))
        score = (
            _INTERCEPT
            + _ENTAILED_WEIGHT * math.log(entailed / (1 - entailed))
            - _OPPOSITE_SIDES_WEIGHT * max(0.0, -agreement)
            + _LENGTH_WEIGHT * min(len(claim.split()), _MOST_WORDS)
        )
        probability = 1 / (1 + math.exp(-score))
        borne_out = probability >= _BORNE_OUT and not support.missing
        opposite = (
            support.contradicted >= _OPPOSITE
            and agreement <= -_OPPOSITE_SIDES
            and not (borne_out or support.missing)
        )
        unsure = probability >= _UNSURE and not (borne_out or opposite or support.missing)
        judged.append(Verdict(probability, borne_out, unsure, opposite, support.missing))
    return judged
