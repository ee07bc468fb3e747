"""What a topic is, as an index keeps it, and which sentences speak of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.topics.words import LONGEST, folded, tokens_of

Rows = NDArray[np.int32]
Sides = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Definition:
    """A topic's `name`, what it is `called` in a question ("the ending"), and its `terms`, lower
    case, one to three words joined by blanks, the commonest first.
    """

    name: str
    called: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The topics of an index: for each of the `definitions` its sentences (`rows`, rising), and on
    which side each of them is (`sides`: 1 praise, -1 criticism, 0 neither).
    """

    definitions: tuple[Definition, ...]
    rows: tuple[Rows, ...]
    sides: tuple[Sides, ...]


class Matcher:
    """Finds the topics that a sentence has a term of."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._topics: dict[str, list[int]] = {}
        self._starts: set[str] = set()  # first words of terms of several
        for number, definition in enumerate(definitions):
            for term in definition.terms:
                self._topics.setdefault(term, []).append(number)
                if " " in term:
                    self._starts.add(term.partition(" ")[0])

    def topics_of(self, sentence: str) -> set[int]:
        """Places of the topics that it speaks of."""
        words = [folded(token) for token in tokens_of(sentence)]
        found: set[int] = set()
        topics, starts = self._topics, self._starts
        for place, word in enumerate(words):
            if word in topics:
                found.update(topics[word])
            if word in starts:
                for end in range(place + 2, min(place + LONGEST, len(words)) + 1):
                    found.update(topics.get(" ".join(words[place:end]), ()))
        return found


def rows_of(definitions: Sequence[Definition], sentences: Iterable[str]) -> list[Rows]:
    """For each topic the places of the sentences that have a term of it, in order."""
    matcher = Matcher(definitions)
    rows: list[list[int]] = [[] for _ in definitions]
    for place, sentence in enumerate(sentences):
        for topic in matcher.topics_of(sentence):
            rows[topic].append(place)
    return [np.array(places, dtype=np.int32) for places in rows]
