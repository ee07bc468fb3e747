"""What does 1% of new reviews cost, against building anew? ``python -m tests.benchmarks.update
[REVIEW_FILE]``

Builds an index from the file, removes every hundredth review, adds these again, reads them once
more with nothing to do, and prints seconds by stage, sentences embedded and carried over, and the
process's largest memory. With ``--work FOLDER`` the index is kept there; if it is there already, it
is not built again and the build's row is left out.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.embedding import Embedder, make_embedder
from rag.index import Mode, ReviewIndex, index_folder, list_indexes
from rag.index.ingest import rebuild
from rag.schema import Review
from tests.benchmarks.measuring import REVIEWS, options, show, temporary_settings

STAGES = ("reading", "comparing", "chunking", "embedding", "writing", "checking")
FIELDS = ("review_id", "text", "title", "rating", "date", "author", "item", "helpful_votes")
NAME = "measured"


def row(
    settings: Settings, embedder: Embedder, files: Sequence[Path], mode: Mode, **more: Any
) -> list[object]:
    """Change the index, and what each stage took."""
    times: dict[str, list[float]] = {}

    def mark(stage: str, done: int, total: int) -> None:
        times.setdefault(stage, [time.perf_counter()]).append(time.perf_counter())

    built = rebuild(settings, NAME, files, mode=mode, progress=mark, embedder=embedder, **more)
    seconds = {stage: marks[-1] - marks[0] for stage, marks in times.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    stages = [f"{seconds[stage]:.1f}" if stage in seconds else "" for stage in STAGES]
    return [*stages, f"{built.seconds:.1f}", built.embedded, built.carried, memory]


def write(reviews: Sequence[Review], file: Path) -> None:
    """The reviews as JSON Lines."""
    lines = []
    for review in reviews:
        fields = {name: getattr(review, name) for name in (*FIELDS, "language")}
        lines.append(json.dumps(fields))
    file.write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=REVIEWS)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with temporary_settings() as temporary:
        settings = temporary.changed(
            {"paths.indexes_dir": arguments.work or temporary.paths.indexes_dir}
        )
        embedder = make_embedder(settings)
        embedder.embed_queries(["warm up"])
        rows: list[list[object]] = []
        if NAME not in list_indexes(settings.paths.indexes_dir):
            rows.append(["build", *row(settings, embedder, [arguments.file], "new")])
        live = ReviewIndex.open(index_folder(settings.paths.indexes_dir, NAME))
        part = list(islice(live.reviews(), 0, None, 100))
        del live
        file = temporary.paths.indexes_dir / "part.jsonl"
        write(part, file)
        ids = [review.review_id for review in part]
        rows.append(["remove 1%", *row(settings, embedder, [], "update", delete=ids)])
        for title in ("add 1%", "the same again"):
            rows.append([title, *row(settings, embedder, [file], "update")])
    header = [f"{stage} s" for stage in STAGES]
    header += ["in all s", "sentences embedded", "carried over", "most memory so far, GB"]
    show("What changing 1% costs", ["", *header], rows)


if __name__ == "__main__":
    main()
