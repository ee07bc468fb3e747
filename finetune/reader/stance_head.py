"""The linear head that gives every sentence of an index its stance, fitted anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from finetune.reader.examples import CONTRASTS, Example
from rag.embedding import SentenceTransformerEmbedder
from rag.reader.stance import HEAD, Floats, StanceModel

FILE = HEAD.name

_RIDGE = 20.0  # chosen on the 80 sentences of the development set, among 1, 5, 20 and 60
_SCALE = 1.6  # such that what is clear reaches the band of `side_of`
_VALUES = {"praise": 1.0, "criticism": -1.0, "mixed": 0.0, "neutral": 0.0}


def fit(vectors: Floats, labels: Sequence[str]) -> StanceModel:
    """A ridge regression from (sentences, dimension) unit vectors to 1 for praise, -1 for
    criticism, and 0.
    """
    columns = np.hstack([vectors, np.ones((len(vectors), 1), dtype=np.float32)])
    values = np.array([_VALUES[label] for label in labels], dtype=np.float32)
    penalty = _RIDGE * np.eye(columns.shape[1], dtype=np.float32)
    penalty[-1, -1] = 0.0
    weights = _SCALE * np.linalg.solve(columns.T @ columns + penalty, columns.T @ values)
    return StanceModel(weights[:-1].astype(np.float32), float(weights[-1]))


def write(examples: Sequence[Example], path: Path = HEAD) -> None:
    """Fit on the sentences that were judged as a whole, and store the head in `path`. Not on the
    contrasts: what is hard to judge is no better judged by a line, and the rest is worse.
    """
    whole = [row for row in examples if not row.first and row.source != CONTRASTS]
    embedder = SentenceTransformerEmbedder()
    vectors = embedder.embed_documents([example.second for example in whole])
    model = fit(vectors, [example.label for example in whole])
    np.savez_compressed(
        path,
        identity=np.array(embedder.identity),
        weights=model.weights,
        offset=np.array(model.offset, dtype=np.float32),
    )
