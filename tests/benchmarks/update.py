"""What does 1% of new reviews cost, against building anew? ``python -m tests.benchmarks.update
[REVIEW_FILE]``

Builds an index from the file, removes every hundredth review, adds these again, reads them once
more with nothing to do, and prints seconds by stage, sentences embedded and carried over, and the
process's largest memory. With ``--work FOLDER`` the index is kept there; if it is there already, it
is not built again and the build's row is left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.embedding import Embedder, make_embedder
from rag.index import ReviewIndex, index_folder, list_indexes
from rag.index.ingest import Mode, rebuild

SAMPLE = Path(__file__).parents[2] / "rag" / "sample" / "reviews.csv"
STAGES = ("reading", "comparing", "chunking", "embedding", "writing", "checking")


def row(
    what: str,
    settings: Settings,
    embedder: Embedder,
    files: Sequence[Path],
    mode: Mode,
    **more: Any,
) -> None:
    """Change the index and print what each stage took."""
    times: dict[str, list[float]] = {}

    def mark(stage: str, done: int, total: int) -> None:
        times.setdefault(stage, [time.perf_counter()]).append(time.perf_counter())

    made = rebuild(settings, "measured", files, mode=mode, progress=mark, embedder=embedder, **more)
    stages = " | ".join(
        f"{times[stage][-1] - times[stage][0]:.1f}" if stage in times else "" for stage in STAGES
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| {what} | {stages} | {made.seconds:.1f} | {made.embedded} | {made.carried} | "
        f"{memory:.2f} |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--work", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings().changed({"paths.indexes_dir": chosen.work or Path(folder)})
        embedder = make_embedder(settings)
        embedder.embed_queries(["warm up"])
        print(
            f"| | {' s | '.join(STAGES)} s | in all s | sentences embedded | carried over | most "
            "memory so far, GB |"
        )
        print("|---" * (len(STAGES) + 5) + "|")
        if "measured" not in list_indexes(settings.paths.indexes_dir):
            row("build", settings, embedder, [chosen.file], "new")
        live = ReviewIndex.open(index_folder(settings.paths.indexes_dir, "measured"))
        part = [review for number, review in enumerate(live.reviews()) if number % 100 == 0]
        del live
        file = Path(folder) / "part.jsonl"
        names = (
            "review_id",
            "text",
            "title",
            "rating",
            "date",
            "author",
            "item",
            "helpful_votes",
            "language",
        )
        file.write_text(
            "\n".join(json.dumps({name: asdict(one)[name] for name in names}) for one in part),
            encoding="utf-8",
        )
        ids = [review.review_id for review in part]
        row("remove 1%", settings, embedder, [], "update", delete=ids)
        row("add 1%", settings, embedder, [file], "update")
        row("the same again", settings, embedder, [file], "update")


if __name__ == "__main__":
    main()
