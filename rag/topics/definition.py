"""What a topic is, as an index keeps it, and which sentences speak of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.topics.sides import DARK, GONE, clause_side, is_dark, misses
from rag.topics.words import LONGEST, folded_words

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
    which side each of them is (`sides`: 1 praise, -1 criticism, 0 neither). `changed` reviews came
    or went since the definitions were found.
    """

    definitions: tuple[Definition, ...]
    rows: tuple[Rows, ...]
    sides: tuple[Sides, ...]
    changed: int = 0


class Matcher:
    """Finds the topics that a sentence has a term of."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self.definitions = tuple(definitions)
        self._topics: dict[str, list[int]] = {}
        self._starts: set[str] = set()  # first words of terms of several
        self._first: set[str] = set()  # of all
        self._persons = {
            number for number, definition in enumerate(definitions) if definition.name[0].isupper()
        }
        self._dark = {
            number for number, definition in enumerate(definitions) if is_dark(definition.terms[0])
        }
        for number, definition in enumerate(definitions):
            for term in definition.terms:
                self._topics.setdefault(term, []).append(number)
                start = term.partition(" ")[0]
                self._first.add(start)
                if start != term:
                    self._starts.add(start)

    def topics_of(self, sentence: str) -> dict[int, int]:
        """Places of the topics that it speaks of, each with the side of its clauses on it."""
        words = folded_words(sentence)
        found: dict[int, int] = {}
        if self._first.isdisjoint(words):
            return found
        topics, starts = self._topics, self._starts
        for first in [place for place, word in enumerate(words) if word in self._first]:
            word = words[first]
            longest = LONGEST if word in starts else 1
            for last in range(first, min(first + longest, len(words))):
                term = word if last == first else " ".join(words[first : last + 1])
                for topic in topics.get(term, ()):
                    # blame for what came after is praise of who left
                    gone = topic in self._persons and misses(words, first, last)
                    side = GONE if gone else clause_side(words, first, last)
                    found[topic] = found.get(topic, 0) + side
        return found

    def clause_of(self, topic: int, side: int) -> int:
        """What is kept of the sides of a sentence's clauses on a topic: 1, 0, -1, or what `sides_of`
        reads in another way.
        """
        if side >= GONE // 2:
            return GONE
        return (side > 0) - (side < 0) or (DARK if topic in self._dark else 0)


def rows_of(
    definitions: Sequence[Definition], sentences: Iterable[str]
) -> list[tuple[Rows, Sides]]:
    """For each topic the places of the sentences that have a term of it, in order, and the sides of
    their clauses on it.
    """
    matcher = Matcher(definitions)
    rows: list[list[int]] = [[] for _ in definitions]
    clauses: list[list[int]] = [[] for _ in definitions]
    for place, sentence in enumerate(sentences):
        for topic, side in matcher.topics_of(sentence).items():
            rows[topic].append(place)
            clauses[topic].append(matcher.clause_of(topic, side))
    return [
        (np.array(places, dtype=np.int32), np.array(sides, dtype=np.int8))
        for places, sides in zip(rows, clauses, strict=True)
    ]
