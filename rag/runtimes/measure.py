"""Which runtime is fastest here, of those that give the same vectors and the same judgements: on the
sample's own reviews, a round of each in turn, the first of which only warms up.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from statistics import median
from typing import Any

import numpy as np

from rag.embedding import SentenceTransformerEmbedder, Vectors
from rag.progress import Progress, no_progress
from rag.reader import load
from rag.runtimes.base import Runtime
from rag.runtimes.choice import best_precision, may_have_gpu, openvino_installed
from rag.schema import ModelError, first_line

REFERENCE = Runtime("torch", "float32")
LEAST_COSINE = 0.99  # of each vector to the reference's
MOST_FLIPPED = 0.01  # of the reader's decisions
_REVIEWS = 96
_ROUNDS = 4
_QUESTION = "Is the acting any good?"


@dataclass(frozen=True, slots=True)
class Measured:
    """`reviews_per_second` is 0 where the runtime could not be used, and `problem` says why."""

    runtime: Runtime
    reviews_per_second: float = 0.0
    least_cosine: float = 0.0
    flipped: float = 0.0
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether it gives what the reference gives."""
        same = self.least_cosine >= LEAST_COSINE and self.flipped <= MOST_FLIPPED
        return same and not self.problem

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "runtime": str(self.runtime),
            "reviews_per_second": round(self.reviews_per_second, 1),
            "least_cosine": round(self.least_cosine, 5),
            "flipped": round(self.flipped, 4),
            "usable": self.usable,
            "problem": self.problem,
        }


def candidates() -> tuple[Runtime, ...]:
    """The runtimes that this machine may use; the reference first."""
    runtimes = [REFERENCE, Runtime("torch", best_precision("torch"))]
    if openvino_installed() and not may_have_gpu():
        runtimes += [Runtime("openvino", best_precision("openvino")), Runtime("openvino", "int8")]
    return tuple(dict.fromkeys(runtimes))


def measure(
    runtimes: Sequence[Runtime] | None = None, *, progress: Progress = no_progress
) -> list[Measured]:
    """Every runtime's speed and how it differs from the reference, in the order given. Raises
    `ModelError` where the reference itself cannot be used.
    """
    runtimes = candidates() if runtimes is None else runtimes
    texts = list(_texts())
    reference = _Subject(REFERENCE)
    expected = reference.embedder.embed_documents(texts), reference.decisions(texts)
    subjects: list[_Subject] = []
    problems: dict[Runtime, str] = {}
    for runtime in runtimes:
        try:
            subject = reference if runtime == REFERENCE else _Subject(runtime)
            subject.compare(texts, *expected)
            subjects.append(subject)
        except (ModelError, RuntimeError) as error:
            problems[runtime] = first_line(error)
    for number in range(_ROUNDS):
        for subject in subjects:
            subject.time(texts)
        progress("measuring", number + 1, _ROUNDS)
    done = {subject.runtime: subject.measured(len(texts)) for subject in subjects}
    return [done.get(each) or Measured(each, problem=problems[each]) for each in runtimes]


def fastest(measured: Sequence[Measured]) -> Runtime:
    """The fastest of those that give the same; the reference where none does."""
    usable = [each for each in measured if each.usable]
    return max(usable, key=lambda each: each.reviews_per_second).runtime if usable else REFERENCE


class _Subject:
    """A runtime that is measured."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.embedder = SentenceTransformerEmbedder(runtime=lambda: runtime)
        self._reader = load("bundled", runtime)
        self._seconds: list[float] = []
        self._least_cosine = self._flipped = 0.0

    def decisions(self, texts: Sequence[str]) -> np.ndarray:
        """(2, texts) the side that each takes, and whether it answers a question."""
        sentences = [text[:300] for text in texts]
        sides = self._reader.stance([("", sentence) for sentence in sentences]).argmax(axis=1)
        return np.stack([sides, self._reader.answers(_QUESTION, sentences) >= 0.5])

    def compare(self, texts: Sequence[str], vectors: Vectors, decisions: np.ndarray) -> None:
        """How it differs from the reference."""
        cosines = np.sum(self.embedder.embed_documents(texts) * vectors, axis=1)
        self._least_cosine = float(cosines.min())
        self._flipped = float(np.mean(self.decisions(texts) != decisions))

    def time(self, texts: Sequence[str]) -> None:
        """A round."""
        begun = time.perf_counter()
        self.embedder.embed_documents(texts)
        self._seconds.append(time.perf_counter() - begun)

    def measured(self, texts: int) -> Measured:
        """What came of the rounds."""
        speed = texts / median(self._seconds)
        return Measured(self.runtime, speed, self._least_cosine, self._flipped)


def _texts() -> Iterator[str]:
    """Some reviews of the sample, evenly spread."""
    file = resources.files("rag.sample") / "reviews.csv"
    lines = io.StringIO(file.read_text(encoding="utf-8"), newline="")
    rows = [row["text"] for row in csv.DictReader(lines)]
    yield from rows[:: max(1, len(rows) // _REVIEWS)][:_REVIEWS]
