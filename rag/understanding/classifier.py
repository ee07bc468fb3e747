"""What a question wants and which side it asks for: two linear classifiers and a few rules.

They are logistic regressions on a question's vector and on its cues (`rag.understanding.cues`),
fitted on questions written for it (`intents.jsonl`, `sides.jsonl`). The weights for the bundled
embedder are stored; for another one they are fitted when first needed, which embeds the questions
once. ``python -m finetune.intents`` fits the stored ones anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rag.schema import Side
from rag.understanding.cues import cues_of
from rag.understanding.side import sides_named

Intent = Literal[
    "overview", "opinion", "yes_no", "fact", "count", "comparison", "why", "change", "statistic"
]
"""What a question wants: a summary or both sides of everything; what people think of an aspect;
whether something is so; a fact; how many say something; one thing against another; reasons; how it
changed over time; what can be read off the reviews' ratings and dates.
"""

INTENTS: tuple[Intent, ...] = get_args(Intent)
SIDES: tuple[Side, ...] = get_args(Side)
WEIGHTS_FILE = "weights.npz"
INVERSE_REGULARISATION = 3.0
_SURE = 0.5  # share of a side, from which a question counts as asking for it

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]
"""Questions -> (questions, dimension) unit vectors."""

_PEOPLE = (
    "reviews|reviewers?|people|viewers?|users|guests|customers|travell?ers|passengers|buyers|owners|"
    "fans|diners|visitors"
)
_RULES: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    (
        "statistic",
        re.compile(
            r"\b(?:average|mean|median|typical|overall) (?:\w+ )?(?:rating|score|stars?|mark|grade)\b"
            r"|\b(?:rating|score|star)s? (?:distribution|breakdown|spread|histogram)\b"
            r"|\bdistribution of (?:the )?(?:ratings?|scores?|stars?)\b"
            r"|\bhow many (?:\S+ )?(?:reviews|ratings) (?:are|were|do|does|did|have|has|is|in|exist|got)\b"
            r"|\bhow many (?:people |reviewers )?(?:rated|gave)\b"
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
    (
        "change",
        re.compile(
            r"^\W*(?:has|have|did|is|are) .{0,60}\b(?:got|gotten|getting|become|gone|grown) (?:\w+ )?"
            r"(?:better|worse|down|up|downhill|cheaper|slower|quieter|louder)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "opinion",  # "And the drinks?"
        re.compile(
            r"^\W*(?:and|but|what about|how about) (?:(?:the|its|their|his|her) )"
            r"(?:[\w'’-]+ )?[\w'’-]+\W*$",
            re.IGNORECASE,
        ),
    ),
)


_OVER_TIME = re.compile(
    r"\b(?:since|over|time|late|recent|now|still|any ?more|chang|g[eo]t|bec[oa]m|worse|better|before|after|than|"
    r"used to|new|old|earl|trend|improv|declin|shr[iua]nk|gr[eo]w|year|month|update|downhill|stop|differen|evol|"
    r"shift|drop|fall|fell|rise|ros|increas|decreas|progress|season|version|in (?:19|20)\d\d)",
    re.IGNORECASE,
)


def rule_intent(question: str) -> Intent | None:
    """The intent by the question's words, where they leave no doubt (English)."""
    return next((intent for intent, pattern in _RULES if pattern.search(question)), None)


def training_questions(kind: Literal["intent", "side"]) -> tuple[list[str], list[str]]:
    """The questions that a classifier is fitted on, and what each is."""
    file = resources.files("rag.understanding") / f"{kind}s.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [row["question"] for row in rows], [row[kind] for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A linear classifier over vectors and cues: `weights` (dimension + cues, labels) and `bias`
    (labels,).
    """

    weights: Floats
    bias: Floats

    @classmethod
    def fit(cls, inputs: Floats, labels: Sequence[str], order: Sequence[str]) -> Linear:
        """Logistic regression; `inputs` is (questions, dimension + cues), `order` that of the
        labels. Labels count alike, however many questions they have.
        """
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(
            C=INVERSE_REGULARISATION, max_iter=3000, class_weight="balanced"
        ).fit(inputs, labels)
        columns = [list(model.classes_).index(label) for label in order]
        weights = np.asarray(model.coef_[columns].T, dtype=np.float32)
        return cls(weights, np.asarray(model.intercept_[columns], dtype=np.float32))

    def scores(self, inputs: Floats) -> Floats:
        """(labels,) for one question."""
        return np.asarray(inputs @ self.weights + self.bias, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class QuestionClassifier:
    """Both classifiers for one embedder."""

    intents: Linear
    sides: Linear

    @classmethod
    def fit(cls, embed: Embed) -> QuestionClassifier:
        """Fitted on all training questions."""
        fitted = []
        for kind, order in (("intent", INTENTS), ("side", SIDES)):
            questions, labels = training_questions(kind)  # type: ignore[arg-type]
            fitted.append(Linear.fit(inputs_of(questions, embed(questions)), labels, order))
        return cls(*fitted)

    def intent(self, question: str, vector: Floats) -> Intent:
        """What the question with this unit vector wants."""
        by_rule = rule_intent(question)
        if by_rule is not None:
            return by_rule
        scores = self.intents.scores(inputs_of([question], vector[None, :])[0])
        if _OVER_TIME.search(question) is None:  # "Are the servers laggy?" asks for no change
            scores[INTENTS.index("change")] = -np.inf
        return INTENTS[int(scores.argmax())]

    def side(self, question: str, vector: Floats) -> Side:
        """The side that it asks for; neutral for both or neither. Where its words name both, that
        is so; the classifier must be fairly sure to say otherwise.
        """
        if len(sides_named(question)) == 2:
            return "neutral"
        scores = self.sides.scores(inputs_of([question], vector[None, :])[0])
        shares = np.exp(scores - scores.max())
        best = int(shares.argmax())
        return SIDES[best] if shares[best] / shares.sum() >= _SURE else "neutral"


def inputs_of(questions: Sequence[str], vectors: Floats) -> Floats:
    """(questions, dimension + cues) what the classifiers see."""
    return np.hstack([vectors, cues_of(questions)]).astype(np.float32)


@lru_cache(maxsize=4)
def classifier_for(identity: str, embed: Embed) -> QuestionClassifier:
    """The classifier for the embedder of this identity: stored, or fitted with `embed` now."""
    stored = resources.files("rag.understanding") / WEIGHTS_FILE
    if stored.is_file():
        with resources.as_file(stored) as file, np.load(file, allow_pickle=False) as arrays:
            if str(arrays["identity"]) == identity:
                intents, sides = (
                    Linear(*(arrays[f"{kind}_{part}"].astype(np.float32) for part in _PARTS))
                    for kind in ("intent", "side")
                )
                return QuestionClassifier(intents, sides)
    return QuestionClassifier.fit(embed)


_PARTS = ("weights", "bias")
