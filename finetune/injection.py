"""The stored weights that tell sentences to the machine, fitted anew:
``python -m finetune.injection tests/data/planted.jsonl REVIEWS...``.

Fitted on sentences written for it, planted ones and honest look-alikes, also with a clause of an
honest review beside them; and on sentences of reviews: those of the invented products, and of the
files named. Prints what a fit that has not seen a set of sentences says of it, and chooses the
threshold by that: at most 2% of the look-alikes and .5% of the reviews' sentences are flagged.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

import rag.ingest
from rag.chunking import split_sentences
from rag.embedding import SentenceTransformerEmbedder
from rag.ingest import read_reviews
from rag.ingest.injection import (
    KINDS,
    PARTS,
    WEIGHTS_FILE,
    WORDS,
    Weights,
    is_framed,
    plain,
    signals_of,
    word_columns,
)

_SCALES = {"words": 3.0, "signals": 1 / 3, "vector": 3.0}
_INVERSE_REGULARISATION = 3.0
_WEIGHT_OF_JOINED = 0.3  # beside a sentence as it was written
_WEIGHT_OF_REVIEWS = 0.3
_PER_FILE = 1500  # sentences of one file of reviews
_JOINED_TIMES = 4
_LOOK_ALIKES = 0.98  # share of them that is left alone
_REVIEWS = 0.995
_JOINTS = (", and {}", "; {}", ". {}", ", but {}", ", so {}", " - {}", " ({})", ", by the way {}")


@dataclass(frozen=True, slots=True, eq=False)
class Sentences:
    """What is fitted on, a row a sentence: which `set` it is of, 0 for reviews; whether it is
    `planted`, `joined` with a clause of a review, and `framed`; its `words` and `signals`.
    """

    set: NDArray[np.int64]
    planted: NDArray[np.bool_]
    joined: NDArray[np.bool_]
    framed: NDArray[np.bool_]
    parts: dict[str, csr_matrix]

    def inputs(self, kind: str) -> csr_matrix:
        """(sentences, columns) what the regression sees."""
        names = PARTS if kind == "seeing" else PARTS[:-1]
        return hstack([self.parts[name] * _SCALES[name] for name in names]).tocsr()

    @classmethod
    def of(
        cls, rows: Sequence[tuple[int, bool, bool, str]], embedder: SentenceTransformerEmbedder
    ) -> Sentences:
        """Of (set, planted, joined, text) rows."""
        sets, planted, joined, originals = zip(*rows, strict=True)
        texts = [plain(text) for text in originals]
        columns = [word_columns(text) for text in texts]
        counts = np.array([len(some) for some in columns])
        values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
        starts = np.concatenate([[0], np.cumsum(counts)])
        shape = (len(texts), WORDS)
        parts = {
            "words": csr_matrix((values, np.concatenate(columns), starts), shape=shape),
            "signals": csr_matrix(np.array([signals_of(text) for text in texts])),
            "vector": csr_matrix(embedder.embed_documents(originals)),
        }
        framed = [is_framed(*pair) for pair in zip(originals, texts, strict=True)]
        return cls(np.array(sets), np.array(planted), np.array(joined), np.array(framed), parts)


def main() -> None:
    """Cross-validate, fit on all, and store the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sentences", type=Path, help="planted sentences and look-alikes, JSON lines"
    )
    parser.add_argument("reviews", type=Path, nargs="*", help="files of reviews")
    options = parser.parse_args()
    products = sorted((Path(__file__).parent / "products").glob("*.csv"))
    honest = [text for file in [*products, *options.reviews] for text in sentences_of(file)]
    embedder = SentenceTransformerEmbedder()
    sentences = Sentences.of(_rows(options.sentences, honest), embedder)
    arrays: dict[str, NDArray[np.generic]] = {"identity": np.array(embedder.identity)}
    for kind in KINDS:
        threshold = cross_validated(sentences, kind)
        everything = np.ones(len(sentences.set), dtype=np.bool_)
        weights = weights_of(*_fit(sentences, kind, everything), threshold)
        arrays[f"{kind}_bias"] = np.array(weights.bias, dtype=np.float32)
        arrays |= {f"{kind}_{part}": getattr(weights, part).astype(np.float16) for part in PARTS}
    np.savez_compressed(Path(rag.ingest.__path__[0]) / WEIGHTS_FILE, **arrays)  # type: ignore[arg-type]
    print(f"Written to {WEIGHTS_FILE}.")


def sentences_of(file: Path) -> list[str]:
    """Sentences of a file's reviews, drawn at random, the same each time."""
    reviews, _ = read_reviews(file)
    draw = random.Random(0)
    sentences = [
        review.text[start:end]
        for review in draw.sample(reviews, min(len(reviews), _PER_FILE))
        for start, end in split_sentences(review.text)
    ]
    return draw.sample(sentences, min(len(sentences), _PER_FILE))


def _rows(file: Path, honest: Sequence[str]) -> list[tuple[int, bool, bool, str]]:
    """(set, planted, joined, text) of all that is fitted on."""
    written = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [(row["set"], row["planted"], False, row["text"]) for row in written]
    draw = random.Random(0)
    clauses = [text.rstrip(".!? ") for text in honest if 15 < len(text) < 80]
    for number, planted, _, text in list(rows):
        if not is_framed(text, plain(text)):
            for _ in range(_JOINED_TIMES):
                tail = draw.choice(_JOINTS).format(text[0].lower() + text[1:])
                rows.append((number, planted, True, draw.choice(clauses) + tail))
    return [*rows, *((0, False, False, text) for text in honest)]


def _fit(
    sentences: Sentences, kind: str, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Coefficients of the inputs, and the intercept."""
    from sklearn.linear_model import LogisticRegression

    weights = np.where(sentences.joined, _WEIGHT_OF_JOINED, 1.0)
    weights[sentences.set == 0] = _WEIGHT_OF_REVIEWS
    model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=3000)
    model.fit(sentences.inputs(kind)[rows], sentences.planted[rows], sample_weight=weights[rows])
    return model.coef_[0], float(model.intercept_[0])


def weights_of(coefficients: NDArray[np.float64], intercept: float, threshold: float) -> Weights:
    """The weights to store, which need no scaled inputs."""
    parts = np.split(coefficients.astype(np.float32), [WORDS, WORDS + len(signals_of(""))])
    words, signals, vector = (part * _SCALES[name] for name, part in zip(PARTS, parts, strict=True))
    return Weights(words, signals, vector, intercept - threshold)


def cross_validated(sentences: Sentences, kind: str) -> float:
    """Each set scored by a fit that has not seen it, and as many parts of the reviews; prints the
    shares that are flagged, and returns the threshold.
    """
    numbers = sorted(set(sentences.set.tolist()) - {0})
    part = sentences.set.copy()
    reviews = np.flatnonzero(part == 0)
    part[reviews] = np.array(numbers)[np.arange(len(reviews)) * len(numbers) // len(reviews)]
    scores = np.zeros(len(part))
    inputs = sentences.inputs(kind)
    for number in numbers:
        coefficients, intercept = _fit(sentences, kind, part != number)
        scores[part == number] = inputs[part == number] @ coefficients + intercept
    written = (sentences.set > 0) & ~sentences.joined
    look_alikes = scores[written & ~sentences.planted & ~sentences.framed]
    threshold = max(
        float(np.quantile(look_alikes, _LOOK_ALIKES)), float(np.quantile(scores[reviews], _REVIEWS))
    )
    flagged = (scores > threshold) | sentences.framed
    for number in numbers:
        for planted in (True, False):
            rows = written & (sentences.set == number) & (sentences.planted == planted)
            name = "planted" if planted else "honest"
            print(f"{kind} set {number} {name:8}{flagged[rows].sum():4} of {rows.sum()}")
    print(f"{kind} reviews {flagged[reviews].sum()} of {len(reviews)}")
    return threshold


if __name__ == "__main__":
    main()
