"""How many reviews make a point: the count is put right for the reader's errors, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag.answering.counting import Reading, count, read
from rag.answering.opinions import Opinions
from rag.reader.base import Support
from tests.fakes import FakeEmbedder, FakeReader

EMBEDDER = FakeEmbedder()


def opinions(
    texts: list[str], voices: list[int] | None = None, *, stances: float = 0.0, sampled: float = 1.0
) -> Opinions:
    size = len(texts)
    return Opinions(
        rows=np.arange(size),
        texts=tuple(texts),
        vectors=EMBEDDER.embed_documents(texts),
        stances=np.full(size, stances, dtype=np.float32),
        voices=np.array(voices if voices is not None else range(size)),
        relevance=np.ones(size, dtype=np.float32),
        focus=np.ones(size, dtype=np.float32),
        read_language=np.ones(size, dtype=bool),
        asked=size,
        sampled=sampled,
    )


def reading(makes: list[float], opposes: list[float] | None = None) -> Reading:
    values = np.array(makes, dtype=np.float32)
    against = np.array(opposes or [0.0] * len(makes), dtype=np.float32)
    return Reading(values, against)


def test_what_was_found_is_counted_with_an_interval() -> None:
    counted = count(reading([0.9] * 10 + [0.1] * 30), opinions(["a"] * 40))
    assert (counted.number, counted.low, counted.high) == (10, 6, 23)
    assert counted.places == tuple(range(10))


def test_of_one_person_one_sentence_counts() -> None:
    said = opinions(["a"] * 6, [0, 0, 0, 1, 1, 2])
    counted = count(reading([0.6, 0.9, 0.7, 0.8, 0.0, 0.0]), said)
    assert counted.number == 2 and counted.places == (1, 3)


def test_who_makes_the_point_is_not_counted_against_it() -> None:
    said = opinions(["a"] * 3, [0, 0, 1])
    counted = count(reading([0.9, 0.0, 0.0], [0.0, 0.9, 0.9]), said)
    assert counted.places == (0,) and counted.opposed == (2,)


def test_a_sample_stands_for_all_and_widens_the_interval() -> None:
    makes = [0.9] * 40 + [0.0] * 60
    whole = count(reading(makes), opinions(["a"] * 100))
    half = count(reading(makes), opinions(["a"] * 100, sampled=0.5))
    assert abs(half.number - 2 * whole.number) <= 1
    assert half.high - half.low > 2 * (whole.high - whole.low) - 2


def test_nobody_is_counted_twice_in_the_same_way() -> None:
    said = opinions(["a"] * 100)
    assert count(reading([0.9] * 100), said) == count(reading([0.9] * 100), said)


@pytest.mark.parametrize("found", [0, 1, 5, 50])
def test_an_interval_holds_its_estimate_and_stays_within_what_there_is(found: int) -> None:
    counted = count(reading([0.9] * found + [0.0] * (50 - found)), opinions(["a"] * 50))
    assert 0 <= counted.low <= counted.number <= counted.high <= 50


class Watched(FakeReader):
    """Keeps what it was asked to read."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def support(
        self, pairs: Sequence[tuple[Sequence[str], str]], known: Sequence[str] = ()
    ) -> list[Support]:
        self.seen += [" ".join(sentences) for sentences, _ in pairs]
        return super().support(pairs, known)


def test_what_is_far_from_a_point_of_an_overview_is_not_read() -> None:
    said = opinions(["the pool was good", "the pool was good in june", "zebra quantum"])
    statement, reader = "the pool was good", Watched()
    vector = EMBEDDER.embed_documents([statement])[0]
    made = read(statement, vector, 0.9, replace(said, floor=0.3), reader, 50)
    assert reader.seen == ["the pool was good", "the pool was good in june"]
    assert made.makes.tolist() == [1, 1, 0]


def test_no_more_are_read_than_may_be() -> None:
    said = opinions(["the pool was good"] * 30 + ["the pool is there"] * 70)
    statement, reader = "the pool was good", Watched()
    vector = EMBEDDER.embed_documents([statement])[0]
    made = read(statement, vector, 0.9, said, reader, 20)
    assert len(reader.seen) == 20 and count(made, said).number == 20


def test_of_what_is_less_near_a_sample_is_read_and_stands_for_the_rest() -> None:
    said = opinions(["the pool was good"] * 300)
    statement, reader = "the pool was good", Watched()
    vector = EMBEDDER.embed_documents([statement])[0]
    made = read(statement, vector, 0.9, said, reader, 100)
    counted = count(made, said)
    assert len(reader.seen) < 100 and len(counted.places) == len(reader.seen)
    assert counted.number == 300 and counted == count(
        read(statement, vector, 0.9, said, reader, 100), said
    )


def test_what_the_reader_cannot_read_is_told_by_similarity() -> None:
    said = opinions(["basen był dobry", "zebra quantum"])
    said = replace(said, read_language=np.zeros(2, dtype=bool))
    reader = Watched()
    made = read("basen był dobry", said.vectors[0], 0.9, said, reader, 40)
    assert not reader.seen and made.makes[0] > 0.5 > made.makes[1]
