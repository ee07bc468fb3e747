"""Pairs without labels for a teacher to score, of the project's own texts that are trained on.

Each text stands with the statements, questions and aspects of its own thing that are nearest to it,
which are the hard ones, and with a few drawn at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.reader.examples import (
    HELD_OUT_EACH,
    HELD_OUT_POINTS,
    HELD_OUT_THINGS,
    Thing,
    read_contrasts,
    read_points,
    read_things,
)
from rag.progress import Progress, no_progress

Pair = tuple[str, str]
Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to (texts, dimension) unit vectors."""

_NEAR_STATEMENTS, _RANDOM_STATEMENTS = 7, 3
_NEAR_QUESTIONS = 2
_SHORT_SENTENCE = 14  # words: short enough to be a statement
_SHORT_TEXT = 9  # of the texts to points
_CONTRASTS_TOGETHER = 60
_CLAIMS = ("faithful", "flip", "alter", "addition", "topic")
_TO_POINTS = ("makes", "opposite", "hedged", "other")


@dataclass(frozen=True, slots=True)
class Group:
    """Texts of one thing, or of a few small ones, and what each may be paired with. `wholes`: there
    are texts whose stance as a whole was not labelled.
    """

    texts: Sequence[str]
    statements: Sequence[str]
    questions: Sequence[str]
    aspects: Sequence[str]
    wholes: bool = True


def read_groups() -> list[Group]:
    """The groups of all texts that are trained on, none of those held out. Raises `OSError`,
    `ValueError`.
    """
    contrasts = [row for at, row in enumerate(read_contrasts()) if at % HELD_OUT_EACH]
    return [
        *(_of_thing(thing) for thing in read_things() if thing.name not in HELD_OUT_THINGS),
        *(
            _of_contrasts(contrasts[start : start + _CONTRASTS_TOGETHER])
            for start in range(0, len(contrasts), _CONTRASTS_TOGETHER)
        ),
        *(_of_points(rows) for name, rows in read_points().items() if name not in HELD_OUT_POINTS),
    ]


def _of_thing(thing: Thing) -> Group:
    texts = [str(row["s"]) for row in thing.sentences.values()]
    short = [text for text in texts if len(text.split()) <= _SHORT_SENTENCE]
    return Group(
        texts,
        _unique([*(str(claim["claim"]) for claim in thing.claims), *short]),
        [str(row["question"]) for row in thing.questions],
        sorted({name for row in thing.sentences.values() for name in row["aspects"]}),
    )


def _of_contrasts(rows: Sequence[Mapping[str, Any]]) -> Group:
    return Group(
        [row["p"] for row in rows],
        _unique(claim for row in rows for kind in _CLAIMS for claim in row[kind]),
        [question for row in rows for question in (*row["ask"], *row["no"])],
        sorted({name for row in rows for name in row["aspects"]}),
        wholes=False,
    )


def _of_points(rows: Sequence[Mapping[str, Any]]) -> Group:
    texts = [text for row in rows for kind in _TO_POINTS for text in row[kind]]
    short = [text for text in texts if len(text.split()) <= _SHORT_TEXT]
    return Group(
        texts,
        _unique([*(wording for row in rows for wording in row["points"]), *short]),
        [row["question"] for row in rows],
        [row["aspect"] for row in rows],
    )


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def pairs_without_labels(
    groups: Sequence[Group], embed: Embed, seed: int, *, progress: Progress = no_progress
) -> dict[str, list[Pair]]:
    """The pairs of each head, the same for the same seed and vectors, in an order that it decides."""
    draw = random.Random(seed)
    pairs: dict[str, list[Pair]] = {"support": [], "answers": [], "stance": []}
    for number, group in enumerate(groups):
        vectors = embed(group.texts)
        pairs["support"] += _with_statements(group, vectors @ embed(group.statements).T, draw)
        pairs["answers"] += _with_questions(group, vectors @ embed(group.questions).T, draw)
        pairs["stance"] += _with_aspects(group, vectors, embed, draw)
        progress("pairs", number + 1, len(groups))
    for rows in pairs.values():
        draw.shuffle(rows)
    return pairs


def _with_statements(group: Group, similarity: Vectors, draw: random.Random) -> list[Pair]:
    pairs = []
    for text, row in zip(group.texts, similarity, strict=True):
        # a text that is a statement too is nearest to itself
        near = [at for at in _nearest(row, _NEAR_STATEMENTS + 1) if group.statements[at] != text]
        drawn = draw.sample(range(len(row)), min(_RANDOM_STATEMENTS, len(row)))
        pairs += [
            (text, group.statements[at])
            for at in dict.fromkeys([*near[:_NEAR_STATEMENTS], *drawn])
            if group.statements[at] != text
        ]
    return pairs


def _with_questions(group: Group, similarity: Vectors, draw: random.Random) -> list[Pair]:
    return [
        (group.questions[at], text)
        for text, row in zip(group.texts, similarity, strict=True)
        for at in dict.fromkeys([*_nearest(row, _NEAR_QUESTIONS), draw.randrange(len(row))])
    ]


def _with_aspects(group: Group, vectors: Vectors, embed: Embed, draw: random.Random) -> list[Pair]:
    pairs = [("", text) for text in group.texts] if group.wholes else []
    if group.aspects:
        similarity = vectors @ embed(group.aspects).T
        pairs += [
            (group.aspects[at].removeprefix("the "), text)
            for text, row in zip(group.texts, similarity, strict=True)
            for at in dict.fromkeys([*_nearest(row, 1), draw.randrange(len(row))])
        ]
    return pairs


def _nearest(similarity: Vectors, most: int) -> list[int]:
    order: list[int] = np.argsort(-similarity, kind="stable")[:most].tolist()
    return order
