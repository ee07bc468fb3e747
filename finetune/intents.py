"""The intent classifier's stored weights, fitted anew: ``python -m finetune.intents``.

Prints what five-fold cross-validation says of the training questions; the weights are for the
bundled embedder and stand beside the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import rag.understanding
from rag.embedding import SentenceTransformerEmbedder
from rag.understanding.classifier import (
    INTENTS,
    WEIGHTS_FILE,
    Floats,
    Intent,
    IntentClassifier,
    rule_intent,
    training_questions,
)

FOLDS = 5


def main() -> None:
    """Fit on all training questions and store the weights."""
    embedder = SentenceTransformerEmbedder()
    questions, intents = zip(*training_questions(), strict=True)
    vectors = embedder.embed_queries(questions)
    for intent, share in cross_validated(questions, vectors, intents).items():
        print(f"{intent:12} {share:.3f}")
    weights = IntentClassifier.fit(vectors, intents).weights.astype(np.float16)
    target = Path(rag.understanding.__path__[0]) / WEIGHTS_FILE
    np.savez(target, weights=weights, identity=np.array(embedder.identity))
    print(f"Written to {target.name}: {weights.shape[0]} x {weights.shape[1]}.")


def cross_validated(
    questions: Sequence[str], vectors: Floats, intents: Sequence[Intent]
) -> dict[str, float]:
    """Share of each intent's questions that are told rightly, rules included, each by a classifier
    that has not seen it.
    """
    fold = np.random.default_rng(0).permutation(len(questions)) % FOLDS
    told: list[Intent] = list(intents)
    for number in range(FOLDS):
        seen = np.flatnonzero(fold != number).tolist()
        classifier = IntentClassifier.fit(vectors[seen], [intents[row] for row in seen])
        for row in np.flatnonzero(fold == number).tolist():
            told[row] = rule_intent(questions[row]) or classifier.intent(vectors[row])
    right = np.array([mine == own for mine, own in zip(told, intents, strict=True)])
    shares = {"all": float(right.mean())}
    for intent in INTENTS:
        shares[intent] = float(right[[own == intent for own in intents]].mean())
    return shares


if __name__ == "__main__":
    main()
