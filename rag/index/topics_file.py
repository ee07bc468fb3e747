"""The topics of an index as a file beside the others: what each is, and which sentences speak of it.

An index that is older than this file has none, and its topics are computed when they are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from rag.index import derived_file
from rag.index.manifest import TOPICS_FILE, Manifest
from rag.topics.definition import Definition, Kept, Sides

LARGEST = 256 * 2**20  # bytes; of ten million sentences that speak of something it has 110 million
RULES = 2  # one more whenever the same reviews would get other topics: kept ones are made again

_MOST_TOPICS = 100
_MOST_TERMS = 5000
_SIDES = "-0+"


def encoded(kept: Kept, reviews: int, sentences: int) -> bytes:
    """The content of the file."""
    topics = [
        {
            "name": definition.name,
            "called": definition.called,
            "terms": definition.terms,
            "rows": rows.tolist(),
            "sides": "".join(_SIDES[side + 1] for side in sides.tolist()),
        }
        for definition, rows, sides in zip(kept.definitions, kept.rows, kept.sides, strict=True)
    ]
    counts = {"reviews": reviews, "sentences": sentences, "changed": kept.changed}
    values = {**counts, "topics": topics}
    return derived_file.encoded(values, RULES)


def read_topics(generation: Path, manifest: Manifest) -> Kept | None:
    """The topics of a generation, None where it has none or those of other rules than today's.

    Raises `OSError`, `ValueError` for a file that this program does not write.
    """
    stored = derived_file.read(generation, manifest, TOPICS_FILE, _Stored, RULES, LARGEST)
    if stored is None:
        return None
    if (stored.reviews, stored.sentences) != (manifest.reviews, manifest.sentences):
        raise ValueError(
            f"{TOPICS_FILE} is of {stored.reviews} reviews and {stored.sentences} sentences, and "
            f"there are {manifest.reviews} and {manifest.sentences}"
        )
    if len({topic.name.casefold() for topic in stored.topics}) < len(stored.topics):
        raise ValueError(f"{TOPICS_FILE} has two topics of one name")
    for topic in stored.topics:
        _check(topic, manifest.sentences)
    return Kept(
        tuple(Definition(topic.name, topic.called, tuple(topic.terms)) for topic in stored.topics),
        tuple(np.array(topic.rows, dtype=np.int32) for topic in stored.topics),
        tuple(_sides(topic.sides) for topic in stored.topics),
        stored.changed,
    )


def _sides(text: str) -> Sides:
    marks = np.frombuffer(text.encode(), dtype=np.uint8)
    return np.asarray((marks == ord("+")).astype(np.int8) - (marks == ord("-")), dtype=np.int8)


_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class _Topic(BaseModel):
    """A topic, each value of the type and in the range that counting takes."""

    model_config = ConfigDict(strict=True)

    name: _Name
    called: _Name
    terms: Annotated[list[_Name], Field(min_length=1, max_length=_MOST_TERMS)]
    rows: list[NonNegativeInt]
    sides: Annotated[str, Field(pattern=r"^[-0+]*$")]


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True)

    reviews: PositiveInt
    sentences: PositiveInt
    changed: NonNegativeInt = 0  # a file without it was made anew
    topics: Annotated[list[_Topic], Field(max_length=_MOST_TOPICS)]


def _check(topic: _Topic, sentences: int) -> None:
    """Raise `ValueError` where the sentences of a topic are not those of an index."""
    if len(topic.rows) != len(topic.sides):
        raise ValueError(f"{TOPICS_FILE} has another number of sides than of sentences")
    rows = np.array([-1, *topic.rows, sentences])
    if not np.all(np.diff(rows) > 0):
        raise ValueError(f"{TOPICS_FILE} names sentences out of order, or that are not there")
