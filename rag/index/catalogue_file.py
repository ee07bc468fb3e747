"""The catalogue of an index as a file beside the others, so that no question waits for it.

The index's name is left out: an index can be renamed and copied. An index that is older than this
file has none, and its catalogue is computed when it is needed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from rag.index import derived_file
from rag.index.manifest import CATALOGUE_FILE, Manifest
from rag.understanding.catalogue import MOST_ITEMS, RULES, Catalogue

LARGEST = 32 * 2**20  # bytes; with 60,000 different words it has one million


def encoded(catalogue: Catalogue) -> bytes:
    """The content of the file. The same catalogue has the same: sets have no order, the file has."""
    values = asdict(catalogue)
    for name in ("words", "aliases"):
        values[name] = dict(sorted(values[name].items()))
    return derived_file.encoded(values, RULES)


def read_catalogue(generation: Path, manifest: Manifest) -> Catalogue | None:
    """The catalogue of a generation, None where it has none or one of other rules than today's.

    Raises `OSError`, `ValueError` for a file that this program does not write.
    """
    stored = derived_file.read(generation, manifest, CATALOGUE_FILE, _Stored, RULES, LARGEST)
    if stored is None:
        return None
    if stored.reviews != manifest.reviews:
        raise ValueError(
            f"{CATALOGUE_FILE} is of {stored.reviews} reviews, and there are {manifest.reviews}"
        )
    return Catalogue(**{**dict(stored), "name": ""})


class _Stored(BaseModel):
    """A `Catalogue`, each value of the type and in the range that questions are read with."""

    model_config = ConfigDict(strict=True)

    reviews: PositiveInt
    items: dict[str, PositiveInt]
    aliases: dict[str, tuple[str, ...]]
    subjects: tuple[str, ...]
    words: dict[str, PositiveInt]
    dates: tuple[str, str] | None
    scale: tuple[float, float] | None

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        most = max([*self.items.values(), *self.words.values()], default=0)
        if most > self.reviews or len(self.items) > MOST_ITEMS:
            raise ValueError("More items, or more reviews of something, than there can be")
        if self.dates and not date.fromisoformat(self.dates[0]) <= date.fromisoformat(
            self.dates[1]
        ):
            raise ValueError("The first day is after the last")
        if self.scale and not self.scale[0] < self.scale[1]:
            raise ValueError("The lowest mark is not below the highest")
        return self
