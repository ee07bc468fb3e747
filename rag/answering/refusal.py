"""Do the retrieved reviews bear on the question at all? Decided before any generator is called.

The score is the best sentence's cosine plus a share of the question's own words that the retrieved
chunks contain: an embedding alone finds "Neither actor raises his voice" close to "How much was the
actor paid?", and only the missing word "paid" tells them apart. A question that asks for one fact
(who, when, where, how much) needs closer evidence than one that asks for opinions, since
near-misses are what it would be answered with.

Tried and left out, AUC of answerable against not on the sample's dev questions: best cosine alone
.61, mean of five .57, token-level coverage by MiniLM (MaxSim) .61, a logistic regression over nine
such numbers .61 (train .85: it overfits). The two floors, one for each type of question, are what
helped; `tests/benchmarks/choose_thresholds.py` prints the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.schema import RetrievedChunk

COVERAGE_WEIGHT = 0.2
_CHUNKS = 8
_STEM = 5  # characters; enough to let "directed" meet "director"


def evidence_score(aspect: str, retrieved: Sequence[RetrievedChunk]) -> float:
    """How closely the best chunks bear on what is asked about: about 0.3 (not at all) to 1.2; 0
    without chunks. `aspect` are the content words of the question.
    """
    if not retrieved:
        return 0.0
    wanted = {word[:_STEM] for word in _words(aspect)}
    said = {word[:_STEM] for chunk in retrieved[:_CHUNKS] for word in _words(chunk.chunk.text)}
    coverage = len(wanted & said) / len(wanted) if wanted else 1.0
    return max(chunk.cosine for chunk in retrieved) + COVERAGE_WEIGHT * coverage


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
