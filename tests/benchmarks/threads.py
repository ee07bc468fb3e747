"""May threads share an embedder? `python -m tests.benchmarks.threads [--threads 20] [--seconds 120]`
prints calls, errors, answers that differ from a single thread's, and memory; exit 1 if any do.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from rag.embedding import Embedder, SentenceTransformerEmbedder

TEXTS = (
    "The room was quiet.",
    "How is the breakfast?",
    "The staff were kind, the lift was slow, and nobody minded the rain on the terrace. " * 12,
    "Taxi",
)


@dataclass(slots=True)
class Shared:
    """What came of sharing; `memory_mb` is resident memory at the start and at the end."""

    calls: int = 0
    different: int = 0
    errors: list[str] = field(default_factory=list)
    memory_mb: tuple[float, float] = (0.0, 0.0)


def share_embedder(embedder: Embedder, *, threads: int, seconds: float) -> Shared:
    """Embed questions and reviews and count tokens from `threads` threads for `seconds`."""
    vectors = {text: embedder.embed_queries([text])[0] for text in TEXTS}
    lengths = dict(zip(TEXTS, embedder.count_tokens(TEXTS), strict=True))
    result, counting = Shared(), threading.Lock()
    end = time.monotonic() + seconds
    before = resident_mb()

    def work(number: int) -> None:
        for text in islice(cycle(TEXTS), number % len(TEXTS), None):
            if time.monotonic() > end:
                return
            try:
                same = embedder.count_tokens([text]) == [lengths[text]]
                same &= np.allclose(embedder.embed_queries([text])[0], vectors[text], atol=1e-5)
                same &= embedder.embed_documents(list(TEXTS)).shape[0] == len(TEXTS)
                with counting:
                    result.calls += 1
                    result.different += not same
            except Exception as error:  # any error at all is what is looked for
                with counting:
                    result.errors.append(f"{type(error).__name__}: {error}")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    result.memory_mb = (before, resident_mb())
    return result


def resident_mb(process: int | str = "self") -> float:
    """Memory of a process in MB now, of this one without an id; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    share_embedder(embedder, threads=options.threads, seconds=min(10, options.seconds))  # warm up
    result = share_embedder(embedder, threads=options.threads, seconds=options.seconds)
    before, after = result.memory_mb
    print(f"{options.threads} threads, {result.calls} rounds, {len(result.errors)} errors,")
    print(f"{result.different} different, memory {before:.0f} -> {after:.0f} MB")
    print(*sorted(set(result.errors)), sep="\n")
    return bool(result.errors or result.different or after > 1.1 * before)


if __name__ == "__main__":
    sys.exit(main())
