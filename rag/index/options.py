"""How an index is made, and what is to be done to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rag.config import Settings, index_fingerprint

Mode = Literal["new", "update", "replace"]
"""new: the reviews are all there will be, and every sentence is embedded; update: they are added to
what is there, and a review with a known id takes that one's place; replace: as update, and reviews
that are not among them are removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What decides an index's rows and vectors, how it is searched, and how many earlier
    generations are kept. `chunk_tokens` are of the embedder's tokenizer.
    """

    chunking: str = "sentences"
    chunk_tokens: int = 64
    vector_index: str = "auto"
    keep_generations: int = 2

    @classmethod
    def from_settings(cls, settings: Settings) -> BuildOptions:
        """What the settings say."""
        return cls(
            chunking=settings.index.chunking,
            chunk_tokens=settings.index.chunk_tokens,
            vector_index=settings.index.vector_index,
            keep_generations=settings.index.keep_generations,
        )

    def fingerprint(self, embedder: str) -> str:
        """The fingerprint of an index made so by the embedder of this identity."""
        return index_fingerprint(embedder, self.chunking, self.chunk_tokens)


@dataclass(slots=True, kw_only=True)
class Counts:
    """What a change did: counts of reviews, and for `embedded`, `carried` and `resumed` of
    sentences.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    embedded: int = 0  # by this run
    carried: int = 0  # from the generation before
    resumed: int = 0  # from a run that was interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be done to an index besides taking reviews in.

    `delete` names reviews to remove, also where they come in. `imports` describes the files that
    the reviews came from, for the manifest.
    """

    mode: Mode = "new"
    delete: Collection[str] = ()
    imports: Sequence[Mapping[str, Any]] = ()
