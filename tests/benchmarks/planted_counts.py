"""How near is the count of a point to the truth? ``python -m tests.benchmarks.planted_counts FILE...``

Each line of a file is a point, texts that make it, and others on the same aspect and beside it that
do not: denials, hedged ones, other remarks (`tests/data/points_*.jsonl`, written by hand). Of these,
populations are drawn in which a known share, from none to 60%, makes the point; each is counted, and
beside it what the twelve nearest passages would say if a person read them. Prints the mean error in
points of the share, how often the interval holds the truth (where somebody makes the point), and the
quantiles of the true number over that counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.counting import Reading, count, read
from rag.answering.opinions import Opinions
from rag.config import load_settings
from rag.embedding import Embedder, make_embedder
from rag.reader import Reader, load

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
DRAWS = 20
SIZE = 36
NEAREST = 12


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A point with all its texts as opinions, read; (texts,) which of them make it."""

    name: str
    opinions: Opinions
    reading: Reading
    cosine: np.ndarray
    makes: np.ndarray


def points_of(files: Sequence[Path], embedder: Embedder, reader: Reader) -> list[Point]:
    """Every point of the files, read."""
    points = []
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            points.append(_point(json.loads(line), embedder, reader))
    return points


def _point(row: dict[str, Any], embedder: Embedder, reader: Reader) -> Point:
    others = row.get("does_not") or [*row["opposite"], *row["hedged"], *row["other"]]
    statement = row["point"] if "point" in row else row["points"][0]
    texts = [*row["makes"], *others]
    sides = reader.stance([(row["aspect"], text) for text in [*texts, statement]])
    stances = (sides[:, 0] - sides[:, 1]).astype(np.float32)
    size = len(texts)
    opinions = Opinions(
        rows=np.arange(size),
        texts=tuple(texts),
        vectors=embedder.embed_documents(texts),
        stances=stances[:-1],
        voices=np.arange(size),
        relevance=np.ones(size, dtype=np.float32),
        focus=np.ones(size, dtype=np.float32),
        read_language=np.ones(size, dtype=bool),
        asked=size,
    )
    vector = embedder.embed_documents([statement])[0]
    reading = _whole(statement, vector, float(stances[-1]), opinions, reader)
    makes = np.arange(size) < len(row["makes"])
    return Point(statement, opinions, reading, opinions.vectors @ vector, makes)


def _whole(
    statement: str, vector: np.ndarray, stance: float, opinions: Opinions, reader: Reader
) -> Reading:
    """Every text read, a few at a time: of a population of 36 all are read, too."""
    size = len(opinions)
    parts = [
        read(statement, vector, stance, opinions.only(places), reader, size)
        for places in np.array_split(np.arange(size), -(-size // 20))
    ]
    return Reading(
        np.concatenate([part.makes for part in parts]),
        np.concatenate([part.opposes for part in parts]),
    )


def measured(
    points: Sequence[Point],
) -> tuple[float, float, float, list[float], dict[float, float]]:
    """Mean error of the count and of the nearest twelve, both in points of the share; the share of
    intervals that hold the truth; quantiles of the ratio; and the mean error at each share.
    """
    draw = np.random.default_rng(0)
    errors: list[float] = []
    nearest: list[float] = []
    held: list[bool] = []
    ratios: list[float] = []
    by_share: dict[float, list[float]] = {share: [] for share in SHARES}
    for point in points:
        making, other = np.flatnonzero(point.makes), np.flatnonzero(~point.makes)
        for share in SHARES:
            for _ in range(DRAWS):
                true = min(round(share * SIZE), len(making))
                places = np.concatenate(
                    [draw.choice(making, true, False), draw.choice(other, SIZE - true, False)]
                )
                reading = Reading(
                    point.reading.makes[places],
                    point.reading.opposes[places],
                )
                counted = count(reading, point.opinions.only(places))
                errors.append(100 * abs(counted.number - true) / SIZE)
                by_share[share].append(errors[-1])
                if true:
                    held.append(counted.low <= true <= counted.high)
                    ratios.append(true / max(counted.number, 1))
                top = places[np.argsort(-point.cosine[places])[:NEAREST]]
                nearest.append(100 * abs(point.makes[top].mean() - true / SIZE))
    quantiles = [round(float(q), 2) for q in np.quantile(ratios, [0.05, 0.25, 0.5, 0.75, 0.95])]
    means = {share: float(np.mean(values)) for share, values in by_share.items()}
    return float(np.mean(errors)), float(np.mean(nearest)), float(np.mean(held)), quantiles, means


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    points = points_of(arguments.files, make_embedder(load_settings(environ={})), load())
    error, nearest, held, ratios, by_share = measured(points)
    print(f"{len(points)} points, populations of {SIZE}, {DRAWS} a share")
    print(f"mean error {error:.1f} points; of the nearest {NEAREST} alone {nearest:.1f}")
    print(f"the interval holds {held:.0%}; true over counted, 5% to 95%: {ratios}")
    for share, value in by_share.items():
        print(f"  true share {share:.0%}: mean error {value:.1f}")


if __name__ == "__main__":
    main()
