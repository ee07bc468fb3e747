"""How fast are texts encoded, beside sentence-transformers, and how near the machine's arithmetic?
``python -m tests.benchmarks.encoding [REVIEWS.jsonl]``

One thread, the same weights and passages (of 254 tokens at most, the whole of each text), round by round
in turn; the first round warms up. sentence-transformers is what LangChain and most others call, as it
comes: float32, 32 texts at once, sorted by length. The seconds are the processor's, of this process
alone. The bound is the seconds that the model's multiplications take at the speed at which large square
matrices are multiplied in the same run, in the same precision. Medians of the rounds.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from rag.embedding import SentenceTransformerEmbedder
from rag.runtimes.bundled import bundled_embedder_folder
from rag.runtimes.measure import candidates
from rag.runtimes.tokenizer import Tokenizer
from tests.benchmarks.measuring import REVIEWS, options, show
from tests.benchmarks.peers.__main__ import passages, read_texts

THEIRS = "sentence-transformers float32"
LAYERS, WIDTH, INNER = 6, 384, 1536  # of all-MiniLM-L6-v2
SQUARE = 2048  # of the matrices that are multiplied
_MULTIPLYING = (
    0.7  # seconds: as long as a round of texts, so that other programs disturb both alike
)


def operations(lengths: np.ndarray) -> float:
    """Multiplications and additions for texts of so many tokens, padding left out."""
    each_token = 4 * WIDTH**2 + 2 * WIDTH * INNER  # query, key, value and output; in and out
    attention = 2 * lengths * WIDTH  # of each token to all, and back
    return float(np.sum(2 * LAYERS * lengths * (each_token + attention)))


def processor_seconds(work: Callable[[], object]) -> float:
    """What it takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def multiplied(precision: str) -> Callable[[], object]:
    """Multiplies two square matrices in "float32", "bfloat16" or "int8"."""
    import torch

    if precision == "int8":
        left, right = (torch.randint(-9, 9, (SQUARE, SQUARE)).to(torch.int8) for _ in range(2))
        return partial(torch._int_mm, left, right)
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    one, other = (torch.randn(SQUARE, SQUARE).to(kind) for _ in range(2))
    return partial(torch.mm, one, other)


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=REVIEWS)
    parser.add_argument("--reviews", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    folder = bundled_embedder_folder()
    tokenizer = Tokenizer(folder, 256)
    texts = list(passages(read_texts(given.file, given.reviews), tokenizer))
    lengths = np.array(tokenizer.count(texts)) + 2
    model = SentenceTransformer(str(folder), device="cpu")
    works: dict[str, Callable[[], object]] = {THEIRS: partial(model.encode, texts, batch_size=32)}
    precisions = {THEIRS: "float32"}
    for runtime in candidates():
        embedder = SentenceTransformerEmbedder(runtime=partial(replace, runtime))
        works[str(runtime)] = partial(embedder.embed_documents, texts)
        precisions[str(runtime)] = runtime.precision
    squares = {kind: multiplied(kind) for kind in dict.fromkeys(precisions.values())}
    spent: dict[str, list[float]] = {name: [] for name in works}
    square: dict[str, list[float]] = {kind: [] for kind in squares}
    for number in range(given.rounds + 1):
        for name, work in works.items():
            seconds = processor_seconds(work)
            if number:
                spent[name].append(seconds)
        for kind, work in squares.items():
            times = math.ceil(_MULTIPLYING / max(processor_seconds(work), 1e-3))
            seconds = processor_seconds(partial(deque, (work() for _ in range(times)), 0)) / times
            if number:
                square[kind].append(seconds)
    reference = median(spent[THEIRS])
    rows: list[list[object]] = []
    for name in works:
        seconds = median(spent[name])
        peak = 2 * SQUARE**3 / median(square[precisions[name]])
        share = operations(lengths) / peak / seconds
        rows.append([name, f"{seconds:.2f}", f"{lengths.sum() / seconds:,.0f}"])
        rows[-1] += [f"{reference / seconds:.2f}", f"{peak / 1e9:,.0f}", f"{share:.2f}"]
    show(
        f"{given.reviews} reviews of {given.file.name}: {len(texts)} passages, {lengths.sum():,} "
        f"tokens, {operations(lengths) / 1e12:.2f} TFLOP; {given.rounds} rounds",
        ["", "seconds", "tokens/s", "times theirs", "peak, GFLOP/s", "share of the bound"],
        rows,
    )


if __name__ == "__main__":
    main()
