"""Beside other systems: ``python -m tests.benchmarks.peers --environments FOLDER [REVIEWS.jsonl]``
prints a table of builds (reviews per second), questions to passages (p50 and p95) and largest memory.

Each system runs in a virtual environment under FOLDER, made by pip on the first run, with the same
weights (the bundled all-MiniLM-L6-v2), one thread, and the whole of each text: the others get passages
that the model reads whole, cut beforehand, whose making is not counted; ours gets the reviews, and its
time is for everything that it keeps. The systems take turns build by build and question by question.
Seconds are the processor's beside the clock's, which other programs disturb. With --questions-only the
passages get vectors that no model made (`made_up`), which builds in seconds what would take minutes, and
what is told of the builds means nothing.

REVIEWS has an object with a "text" or "review" a line; without it, the sample's reviews are taken.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rag.config import Settings
from rag.runtimes.bundled import bundled_embedder_folder
from rag.runtimes.tokenizer import Tokenizer
from rag.understanding.intent import wants_overview
from tests.benchmarks.measuring import REVIEWS, options, sample_questions, show
from tests.benchmarks.peers.environments import PACKAGES, python_of
from tests.benchmarks.peers.systems import SYSTEMS

MOST_TOKENS = 254  # that the model reads of a text, beside the two it puts around it
HEADER = (
    "system",
    "reviews/s",
    "per processor second",
    "times langchain",
    "p50 ms",
    "p95 ms",
    "p50 processor ms",
    "memory MB",
)
_ALONE = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
}


class Worker:
    """A system in its process; a context manager that ends it."""

    def __init__(self, system: str, python: Path, model: Path, folder: Path, *options: str) -> None:
        folder.mkdir()
        self._log = (folder.parent / f"{system}.log").open("w+")
        self.system = system
        self._process = subprocess.Popen(
            [
                *(str(python), "-m", "tests.benchmarks.peers.worker"),
                *(system, str(model), str(folder), *options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **_ALONE},
        )

    def tell(self, **order: Any) -> dict[str, Any]:
        """Let it do something, and what it answers. Raises `RuntimeError` where it died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError) as error:
            self._log.seek(0)
            raise RuntimeError(f"{self.system} died: {self._log.read()[-2000:]}") from error
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._log.close()


def passages(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[str]:
    """The whole of each text, in pieces that the model reads whole."""
    for text in texts:
        spans = tokenizer.spans(text)
        for start in range(0, len(spans), MOST_TOKENS):
            yield text[spans[start][0] : spans[min(start + MOST_TOKENS, len(spans)) - 1][1]]


def read_texts(file: Path, most: int) -> list[str]:
    """The first texts of a file."""
    with file.open(encoding="utf-8") as lines:
        if file.suffix == ".csv":
            return [row["text"] for row, _ in zip(csv.DictReader(lines), range(most), strict=False)]
        rows = [json.loads(line) for line, _ in zip(lines, range(most), strict=False)]
    return [row.get("text") or row["review"] for row in rows]


def measure(
    systems: Sequence[str],
    pythons: dict[str, Path],
    texts: Sequence[str],
    questions: Sequence[str],
    rounds: int,
    *worker_options: str,
) -> list[list[object]]:
    """The table's lines for these texts."""
    model = bundled_embedder_folder()
    pieces = list(passages(texts, Tokenizer(model, 256)))
    most = Settings().retrieval.top_k
    builds: dict[str, list[tuple[float, float]]] = {system: [] for system in systems}
    asked: dict[str, list[tuple[float, float]]] = {system: [] for system in systems}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        workers = [
            running.enter_context(
                Worker(
                    name,
                    pythons[name],
                    model,
                    Path(folder, name.replace(", ", "-")),
                    *worker_options,
                )
            )
            for name in systems
        ]
        for worker in workers:  # the first answer is no sooner there than the system is warm
            worker.tell(ask="Is it good?", most=most)
        for _ in range(rounds):
            for worker in workers:
                given = texts if worker.system.startswith("reviewqa") else pieces
                answer = worker.tell(build=list(given))
                builds[worker.system].append((answer["seconds"], answer["processor"]))
                print(worker.system, answer, file=sys.stderr, flush=True)
        for number, question in enumerate([*questions[:5], *questions]):
            for worker in workers:
                answer = worker.tell(ask=question, most=most)
                if not answer["passages"]:
                    raise RuntimeError(f"{worker.system} finds nothing for {question!r}")
                if number >= 5:  # the first ones warm up
                    asked[worker.system].append((answer["seconds"], answer["processor"]))
                memory[worker.system] = answer["memory"]
    reference = "langchain" if "langchain" in systems else systems[0]
    each = {
        name: [len(texts) / median(column) for column in zip(*builds[name], strict=True)]
        for name in systems
    }
    rows: list[list[object]] = []
    for name in systems:
        seconds, processor = 1000 * np.array(asked[name]).T
        spent = [*np.percentile(seconds, [50, 95]), np.median(processor)]
        ratio = each[name][1] / each[reference][1]
        rows.append([name, *(f"{speed:.1f}" for speed in each[name]), f"{ratio:.2f}"])
        rows[-1] += [*(f"{time:.1f}" for time in spent), f"{memory[name]:.0f}"]
    return rows


def main() -> None:
    """Print a table for each number of reviews."""
    parser = options(__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=REVIEWS)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--reviews", nargs="+", type=int, default=[200, 1000])
    parser.add_argument("--rounds", type=int, default=3, help="builds of each system")
    parser.add_argument("--questions-only", action="store_true")
    parser.add_argument("--constraints", type=Path, default=Path("constraints.txt"))
    arguments = parser.parse_args()
    pythons = {
        name: python_of(name, arguments.environments, arguments.constraints)
        if name in PACKAGES
        else Path(sys.executable)
        for name in arguments.systems
    }
    made_up = ["--made-up"] if arguments.questions_only else []
    questions = [question for question in sample_questions() if not wants_overview(question)]
    for most in arguments.reviews:
        texts = read_texts(arguments.file, most)
        rows = measure(arguments.systems, pythons, texts, questions, arguments.rounds, *made_up)
        show(
            f"{len(texts)} reviews of {arguments.file.name}, {len(questions)} questions",
            HEADER,
            rows,
        )


if __name__ == "__main__":
    main()
