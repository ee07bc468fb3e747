"""From the shell to an answer: `python -m tests.benchmarks.cold_start --indexes FOLDER --index NAME`
prints, for each runtime that is installed, seconds (and of them, processor seconds) to the help, to
the whole answer of a fresh process, and to first words and whole answer of one that has answered
before; and which heavy packages the fresh process loaded. The runtimes take turns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rag.config import load_settings
from rag.runtimes import Runtime
from rag.runtimes.measure import candidates

QUESTION = "What do people complain about?"
HEADER = ("runtime", "help", "cold", "cold cpu", "warm first", "warm whole", "warm cpu", "loads")
HEAVY = ("torch", "transformers", "scipy", "sklearn", "pandas", "pyarrow.dataset")


def command(runtime: Runtime, indexes: Path, *arguments: str) -> tuple[float, float]:
    """Seconds, and processor seconds, that the command takes in a process of its own."""
    environ = environment(runtime, indexes)
    before, begun = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "ui.cli.main", *arguments],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds, after = time.perf_counter() - begun, os.times()
    children = after.children_user + after.children_system
    return seconds, children - before.children_user - before.children_system


def environment(runtime: Runtime, indexes: Path) -> dict[str, str]:
    """The environment that makes the command use this runtime."""
    return {
        **os.environ,
        "REVIEWQA_RUNTIME__BACKEND": runtime.name,
        "REVIEWQA_RUNTIME__PRECISION": runtime.precision,
        "REVIEWQA_PATHS__INDEXES_DIR": str(indexes),
        "REVIEWQA_GENERATOR__NAME": "extractive",
    }


def warm(index: str, question: str) -> tuple[float, float, float]:
    """Seconds to first words and whole answer, and processor seconds, of an index that is open."""
    import rag

    opened = rag.open(index, settings=load_settings())
    opened.ask(question)
    begun, cpu = time.perf_counter(), time.process_time()
    pieces = opened.stream(question)
    next(pieces)
    first = time.perf_counter() - begun
    for _ in pieces:
        pass
    return first, time.perf_counter() - begun, time.process_time() - cpu


def loaded(runtime: Runtime, indexes: Path, index: str, question: str) -> str:
    """Which heavy packages an answer loads; and the warm figures, from the same process."""
    code = (
        "import sys; from tests.benchmarks.cold_start import HEAVY, warm; "
        f"print(*warm({index!r}, {question!r})); "
        "print(*[name for name in HEAVY if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(runtime, indexes),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indexes", type=Path, required=True)
    parser.add_argument("--index", required=True)
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ask = ("ask", options.question, "--index", options.index)
    runtimes = candidates()
    rows: dict[Runtime, list[tuple[float, ...]]] = {each: [] for each in runtimes}
    packages: dict[Runtime, str] = {}
    for _ in range(options.rounds):
        for runtime in runtimes:
            helped, _ = command(runtime, options.indexes, "--help")
            cold, cold_cpu = command(runtime, options.indexes, *ask)
            figures, names = loaded(
                runtime, options.indexes, options.index, options.question
            ).split("\n")[:2]
            rows[runtime].append((helped, cold, cold_cpu, *map(float, figures.split())))
            packages[runtime] = names or "none"
    print(" | ".join(HEADER))
    for runtime in runtimes:
        medians = (f"{median(column):.2f}" for column in zip(*rows[runtime], strict=True))
        print(" | ".join([str(runtime), *medians, packages[runtime]]))


if __name__ == "__main__":
    main()
