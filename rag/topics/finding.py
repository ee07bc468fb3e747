"""Finding the topics of some sentences: candidates, those that mean the same made one, names.

Everything is counted, and ties are settled by the words themselves, so the same sentences give the
same topics. No threshold is a rank but the last, so a few more sentences change little.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.topics.candidates import Use, uses_of
from rag.topics.definition import Definition
from rag.topics.groups import (
    TERM_SHARE,
    Group,
    by_form,
    english_terms,
    fewest,
    frequent_terms,
    of_table,
    phrases,
)
from rag.topics.naming import called, name_of
from rag.topics.persons import roles

MOST_TOPICS = 20

Vectors = NDArray[np.float32]

_ASPECT_SHARE = 0.01  # of the reviews that speak of a topic whose words the table has, at least
_FEWEST_JUDGE = 3  # reviews that praise or criticise it, by their sentences alone
_WEIGHT_OF_TERM = 0.75  # of what is in no table, where topics are many: persons, above all
_SAME = 0.66  # cosine of the uses of a term and a topic from which they are one
_RELATED = 0.4  # where they are of things that belong together
_SAME_NAME = 0.8  # of two names of persons
_SAME_ASPECT = 0.75  # and of two aspects
_SHARED = 0.5  # of the sentences of a topic, that another has, too, from which it is not told
_MOST_READ = 400  # sentences of a term whose vectors are read


def find_topics(
    sentences: Sequence[tuple[int, str]],
    vectors: Vectors,
    sided: Sequence[bool],
    language: str = "en",
    subjects: Collection[str] = (),
) -> tuple[Definition, ...]:
    """The topics of sentences, (voice, text) each, the most spoken of first.

    `vectors`, (sentences, dimension), are theirs, and `sided` says which praise or criticise.
    `language` is that of most of them; `subjects` are names, lower case, of what all is about.
    """
    voices = len({voice for voice, _ in sentences})
    english = language == "en"
    uses = uses_of(sentences, phrases() if english else ())
    if english:
        groups = of_table(uses, voices)
        in_table = {term for group in groups for term in group.terms}
        terms = english_terms(uses, voices, in_table, subjects)
    else:
        groups, terms = [], frequent_terms(uses, voices, language, subjects)
    others = by_form(terms, uses)
    space = _Space(vectors)
    topics = _merged(groups, others, space)
    for person, role in roles(topics, sentences):
        person.take(role)
        person.also = name_of(role.heads, None, uses)
        topics.remove(role)
    least = {True: fewest(_ASPECT_SHARE, voices), False: fewest(TERM_SHARE, voices)}
    speaking = {
        id(group): len({sentences[place][0] for place in group.sentences if sided[place]})
        for group in topics
    }
    topics = [
        group
        for group in topics
        if len(group.voices) >= least[group.aspect is not None]
        and speaking[id(group)] >= _FEWEST_JUDGE
    ]
    weights = {True: 1.0, False: _WEIGHT_OF_TERM}
    topics.sort(
        key=lambda group: (-weights[group.aspect is not None] * speaking[id(group)], group.terms)
    )
    return _defined(topics[:MOST_TOPICS], uses)


class _Space:
    """Where groups lie: the mean of their sentences, less that of all."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._mean = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1])

    def place(self, group: Group) -> Vectors:
        """The unit vector of a group."""
        rows = np.array(sorted(group.sentences), dtype=np.int64)
        rows = rows[:: max(1, -(-len(rows) // _MOST_READ))]
        mean = self._vectors[rows].mean(axis=0) - self._mean
        length = float(np.linalg.norm(mean))
        return np.asarray(mean / length if length > 1e-6 else mean, dtype=np.float32)


def _merged(groups: list[Group], others: list[Group], space: _Space) -> list[Group]:
    """The groups that are left: what is used alike is one, and of what is mostly said in the same
    sentences only the larger stays.
    """
    kept: list[Group] = []
    places: list[Vectors] = []
    ordered = sorted(groups, key=lambda group: (-len(group.voices), group.terms))
    for group in [*ordered, *others]:
        place = space.place(group)
        best, home, is_covered = 0.0, None, False
        for mine, its_place in zip(kept, places, strict=True):
            cosine = float(place @ its_place)
            shared = len(group.sentences & mine.sentences) / len(group.sentences)
            is_covered |= shared >= _SHARED and cosine >= _RELATED
            if cosine > best and _are_one(group, mine, cosine, shared):
                best, home = cosine, mine
        if home is not None:
            home.take(group)
        elif not is_covered:
            kept.append(group)
            places.append(place)
    return kept


def _are_one(smaller: Group, larger: Group, cosine: float, shared: float) -> bool:
    if smaller.aspect is not None and larger.aspect is not None:
        return cosine >= _SAME_ASPECT and shared >= _SHARED
    if len(smaller.voices) > len(larger.voices):
        return False
    return cosine >= (_SAME_NAME if smaller.is_name and larger.is_name else _SAME)


def _defined(groups: Sequence[Group], uses: dict[str, Use]) -> tuple[Definition, ...]:
    definitions: list[Definition] = []
    taken: set[str] = set()
    for group in groups:
        terms = sorted(group.terms, key=lambda term: (-uses[term].count, term))
        head = name_of(group.heads, group.aspect, uses)
        name, question_name = called(head, uses)
        if group.also:  # "Alan (Jon Cryer)"
            name = f"{name} ({called(group.also, uses)[0]})"
        if name.casefold() not in taken:
            taken.add(name.casefold())
            definitions.append(Definition(name, question_name, tuple(terms)))
    return tuple(definitions)
