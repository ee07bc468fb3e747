"""The stored weights that tell what a question wants, fitted anew: ``python -m finetune.intents``.

Prints what five-fold cross-validation says of the training questions, rules included; the weights
are for the bundled embedder and stand beside the questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

import rag.understanding
from rag.embedding import SentenceTransformerEmbedder
from rag.understanding.classifier import (
    INTENTS,
    SIDES,
    WEIGHTS_FILE,
    Embed,
    Linear,
    QuestionClassifier,
    inputs_of,
    rule_intent,
    training_questions,
)

FOLDS = 5


def main() -> None:
    """Fit on all training questions and store the weights."""
    embedder = SentenceTransformerEmbedder()
    for kind in ("intent", "side"):
        for label, share in cross_validated(kind, embedder.embed_queries).items():
            print(f"{kind} {label:12} {share:.3f}")
    classifier = QuestionClassifier.fit(embedder.embed_queries)
    arrays = {
        f"{kind}_{part}": getattr(linear, part).astype(np.float16)
        for kind, linear in (("intent", classifier.intents), ("side", classifier.sides))
        for part in ("weights", "bias")
    }
    target = Path(rag.understanding.__path__[0]) / WEIGHTS_FILE
    np.savez_compressed(target, identity=np.array(embedder.identity), **arrays)
    print(f"Written to {target.name}.")


def cross_validated(kind: Literal["intent", "side"], embed: Embed) -> dict[str, float]:
    """Share of each label's questions that are told rightly by a classifier that has not seen them."""
    questions, labels = training_questions(kind)
    order = INTENTS if kind == "intent" else SIDES
    inputs = inputs_of(questions, embed(questions))
    fold = np.random.default_rng(0).permutation(len(questions)) % FOLDS
    right = np.zeros(len(questions), dtype=np.bool_)
    for number in range(FOLDS):
        seen = np.flatnonzero(fold != number).tolist()
        linear = Linear.fit(inputs[seen], [labels[row] for row in seen], order)
        for row in np.flatnonzero(fold == number).tolist():
            by_rule = rule_intent(questions[row]) if kind == "intent" else None
            told = by_rule or order[int(linear.scores(inputs[row]).argmax())]
            right[row] = told == labels[row]
    shares = {"all": float(right.mean())}
    for label in order:
        shares[label] = float(right[np.array(labels) == label].mean())
    return shares


if __name__ == "__main__":
    main()
