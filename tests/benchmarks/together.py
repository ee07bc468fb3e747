"""Would it pay to compute what several askers want at once? ``python -m tests.benchmarks.together
--index NAME [--indexes FOLDER]`` prints, for the three things that threads take turns at, the time of
eight one after another beside that of one that does the work of all: embedding a question, searching
the vectors, reading a batch of pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from rag.config import load_settings
from rag.embedding import make_embedder
from rag.reader import load
from tests.benchmarks.measuring import chosen_index, milliseconds, options, sample_questions, show

ASKERS = 8
ROUNDS = 9
PAIRS = 24  # that counting reads at once
NEAREST = 200


def main() -> None:
    """Print the table."""
    arguments = options(__doc__, index="").parse_args()
    index, embedder, reader = chosen_index(arguments), make_embedder(load_settings()), load()
    questions = sample_questions()[:ASKERS]
    queries = embedder.embed_queries(questions)
    texts = [sentence.text for sentence in index.sentences(range(PAIRS * ASKERS))]
    shares = [texts[start::ASKERS] for start in range(ASKERS)]

    def embed_each() -> None:
        for question in questions:
            embedder.embed_queries([question, question.lower()])

    def search_each() -> None:
        for row in range(ASKERS):
            index.search(queries[row : row + 1], NEAREST)

    def read_each() -> None:
        for question, share in zip(questions, shares, strict=True):
            reader.support([((text,), question) for text in share])

    def read_together() -> None:
        reader.support(
            [
                ((text,), question)
                for question, share in zip(questions, shares, strict=True)
                for text in share
            ]
        )

    works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "embedding a question and its words": (
            embed_each,
            lambda: embedder.embed_queries([*questions, *map(str.lower, questions)]),
        ),
        "searching all vectors": (search_each, lambda: index.search(queries, NEAREST)),
        f"reading {PAIRS} pairs": (read_each, read_together),
    }
    rows = []
    for name, (each, together) in works.items():
        times = milliseconds(lambda work: work(), [each, together] * ROUNDS)[2:]
        apart, at_once = median(times[::2]), median(times[1::2])
        rows.append([name, f"{apart:.1f}", f"{at_once:.1f}", f"{apart / at_once:.2f}"])
    show(f"{ASKERS} askers, ms", ["work", "in turn", "at once", "times"], rows)


if __name__ == "__main__":
    main()
