"""The intent of a question: a linear classifier on the embedder's vectors, and a few rules.

The classifier is a ridge regression, one against the rest, fitted on questions written for it
(`intents.jsonl`). The weights for the bundled embedder are stored; for another one they are fitted
when first needed, which embeds those questions once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Intent = Literal[
    "overview", "opinion", "yes_no", "fact", "count", "comparison", "why", "change", "statistic"
]
"""What a question wants: a summary or both sides of everything; what people think of an aspect;
whether something is so; a fact; how many say something; one thing against another; reasons; how it
changed over time; what can be read off the reviews' ratings and dates.
"""

INTENTS: tuple[Intent, ...] = get_args(Intent)
QUESTIONS_FILE = "intents.jsonl"
WEIGHTS_FILE = "intents.npz"
RIDGE = 3.0

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]
"""Questions -> (questions, dimension) unit vectors."""

_PEOPLE = (
    "reviews|reviewers?|people|viewers?|users|guests|customers|travell?ers|passengers|buyers|owners|"
    "fans|players|diners|visitors"
)
_RULES: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    (
        "statistic",
        re.compile(
            r"\b(?:average|mean|median|typical|overall) (?:\w+ )?(?:rating|score|stars?|mark|grade)\b"
            r"|\b(?:rating|score|star)s? (?:distribution|breakdown|spread|histogram)\b"
            r"|\bdistribution of (?:the )?(?:ratings?|scores?|stars?)\b"
            r"|\bhow many (?:\S+ )?(?:reviews|ratings) (?:are|were|do|does|did|have|has|is|in|exist|got)\b"
            r"|\b(?:first|oldest|earliest|latest|newest|most recent|last) review\b",
            re.IGNORECASE,
        ),
    ),
    (
        "count",
        re.compile(
            rf"\bhow many (?:of (?:the |these |them )?)?(?:\w+ )?(?:{_PEOPLE})\b"
            r"|\b(?:what|which) (?:share|percentage|proportion|fraction|part|percent) of\b"
            rf"|\bhow (?:often|common|frequently) (?:do|is it for) (?:{_PEOPLE})\b",
            re.IGNORECASE,
        ),
    ),
)


def rule_intent(question: str) -> Intent | None:
    """The intent by the question's words, where they leave no doubt (English)."""
    return next((intent for intent, pattern in _RULES if pattern.search(question)), None)


def training_questions() -> list[tuple[str, Intent]]:
    """The questions that the classifier is fitted on, each with its intent."""
    text = (resources.files("rag.understanding") / QUESTIONS_FILE).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [(row["question"], row["intent"]) for row in rows]


class IntentClassifier:
    """(dimension + 1, intents) weights; the last row is added to every score."""

    def __init__(self, weights: Floats) -> None:
        self.weights = weights

    @classmethod
    def fit(cls, vectors: Floats, intents: Sequence[Intent]) -> IntentClassifier:
        """Ridge regression to 1 for a question's intent and -1 for the others; `vectors` is
        (questions, dimension). Intents count alike, however many questions they have.
        """
        targets = np.full((len(intents), len(INTENTS)), -1.0, dtype=np.float64)
        places = np.array([INTENTS.index(intent) for intent in intents])
        targets[np.arange(len(intents)), places] = 1.0
        inputs = np.hstack([vectors, np.ones((len(vectors), 1))]).astype(np.float64)
        share = 1.0 / np.bincount(places, minlength=len(INTENTS))[places]
        weighted = inputs * (share / share.mean())[:, None]
        gram = weighted.T @ inputs + RIDGE * np.eye(inputs.shape[1])
        return cls(np.linalg.solve(gram, weighted.T @ targets).astype(np.float32))

    def scores(self, vector: Floats) -> Floats:
        """(intents,) about -1 to 1, in the order of `INTENTS`."""
        return np.asarray(vector @ self.weights[:-1] + self.weights[-1], dtype=np.float32)

    def intent(self, vector: Floats) -> Intent:
        """The likeliest intent of a question with this unit vector."""
        return INTENTS[int(self.scores(vector).argmax())]


@lru_cache(maxsize=4)
def classifier_for(identity: str, embed: Embed) -> IntentClassifier:
    """The classifier for the embedder of this identity: stored, or fitted with `embed` now."""
    stored = resources.files("rag.understanding") / WEIGHTS_FILE
    if stored.is_file():
        with resources.as_file(stored) as file, np.load(file, allow_pickle=False) as arrays:
            if str(arrays["identity"]) == identity:
                return IntentClassifier(arrays["weights"].astype(np.float32))
    questions = training_questions()
    vectors = embed([question for question, _ in questions])
    return IntentClassifier.fit(vectors, [intent for _, intent in questions])
