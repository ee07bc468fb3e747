"""Do the retrieved reviews bear on the question at all? Decided before any generator is called.

The score is the best sentence's cosine plus a share of the question's own words that the retrieved chunks
contain: an embedding alone finds "Neither actor raises his voice" close to "How much was the actor paid?", and
only the missing word "paid" tells them apart. A question that asks for one fact (who, when, where, how much)
needs closer evidence than one that asks for opinions, since near-misses are what it would be answered with.

Tried and left out, AUC of answerable against not on the sample's dev questions: best cosine alone .61, mean of
five .57, token-level coverage by MiniLM (MaxSim) .61, a logistic regression over nine such numbers .61 (train .85:
it overfits). The two floors, one for each type of question, are what helped;
`tests/benchmarks/choose_thresholds.py` prints the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.schema import RetrievedChunk

COVERAGE_WEIGHT = 0.2
_CHUNKS = 8
_STEM = 5  # characters; enough to let "directed" meet "director"

# Words that say nothing about the subject of a question put to reviews.
_EMPTY_WORDS = frozenset(
    """a about actually all an and any anybody anyone are as ask at be been by can could did do does doing else ever
    exactly for from get got had has have how i if in is it its long lot many me mention mentioned mentions more
    most much my no not of on one or other our people please really review reviewer reviewers reviews said say says
    share show series so some somebody someone tell than that the their them there they think thinks this to two us
    viewer viewers was we were what when where which who whom whose why will with would you your""".split()
)
_ASKS_FOR_A_FACT = re.compile(
    r"""^\W*(?:(?:exactly|so|and|in|on|at|for|about|do(?:es)?\ (?:any|the)\ reviews?\ (?:say|explain|mention))\s+)*
    (?:who|whom|whose|when|where|which|did|was|has|have|is\ there
      |how\ (?:long|much|old|far|big|tall|large|high|often)
      |how\ many\ (?!reviews|reviewers|people|viewers|of|say|complain|mention|users|guests|customers)
      |what\ (?:year|date|time|day|did|had|happens|happened|language|country|city|kind|other)
      |what\ (?:is|was|are|were)\ the\ (?:name|title|price|cost|address|budget)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)


_ASKS_FOR_A_VIEW = re.compile(
    r"\b(?:good|bad|best|worst|better|worse|worth|right|wrong|fair|enough|too|like|likes|loves?|hates?|enjoy\w*|idea|think|"
    r"feel|opinions?|overrated|underrated|complain\w*|prais\w*|critici\w*|defend\w*|work|works)\b",
    re.IGNORECASE,
)


_ASKS_FOR_A_COUNT = re.compile(
    r"\bhow many (?:of the )?(?:reviews|reviewers|people|viewers|users|guests|customers)\b"
    r"|\b(?:what|which) (?:share|percentage|proportion|fraction|part) of\b",
    re.IGNORECASE,
)


def asks_for_count(question: str) -> bool:
    """Whether the question asks how many reviews say something (English)."""
    return _ASKS_FOR_A_COUNT.search(question) is not None


def asks_for_fact(question: str) -> bool:
    """Whether the question asks for one fact, by how it begins and that it asks for no view (English)."""
    return _ASKS_FOR_A_FACT.search(question) is not None and _ASKS_FOR_A_VIEW.search(question) is None


def evidence_score(question: str, retrieved: Sequence[RetrievedChunk]) -> float:
    """How closely the best chunks bear on the question: about 0.3 (not at all) to 1.2; 0 without chunks."""
    if not retrieved:
        return 0.0
    wanted = {word[:_STEM] for word in _words(question) if word not in _EMPTY_WORDS}
    found = {word[:_STEM] for chunk in retrieved[:_CHUNKS] for word in _words(chunk.chunk.text)}
    coverage = len(wanted & found) / len(wanted) if wanted else 1.0
    return max(chunk.score for chunk in retrieved) + COVERAGE_WEIGHT * coverage


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
