"""A role and who plays it are one person: reviewers write "Alan (Jon Cryer)", "Jon Cryer as Alan"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rag.topics.groups import Group
from rag.topics.words import folded_words

_FEWEST = 4  # reviewers who write so
_BETWEEN = 4  # words and marks at most, between the two names
_SAYING_SO = frozenset("( as aka a.k.a played plays playing /".split())
_BESIDE = frozenset("by the a an his her character role of part )".split())


def roles(
    groups: Sequence[Group], sentences: Sequence[tuple[int, str]]
) -> Iterable[tuple[Group, Group]]:
    """Pairs of persons, the more spoken of first, that reviewers name as one; each in one pair at
    most. `sentences` are (voice, text).
    """
    persons = [group for group in groups if group.is_name]
    of_word = {
        part: number
        for number, group in enumerate(persons)
        for term in group.terms
        for part in term.split(" ")
    }
    said: dict[tuple[int, int], set[int]] = defaultdict(set)
    for place in sorted(set().union(*(group.sentences for group in persons))):
        voice, text = sentences[place]
        for pair in _named_as_one(folded_words(text), of_word):
            said[pair].add(voice)
    taken: set[int] = set()
    for pair in sorted(said, key=lambda pair: (-len(said[pair]), pair)):
        if len(said[pair]) >= _FEWEST and taken.isdisjoint(pair):
            taken.update(pair)
            first, second = sorted(pair, key=lambda n: (-len(persons[n].voices), persons[n].terms))
            yield persons[first], persons[second]


def _named_as_one(words: Sequence[str], of_word: dict[str, int]) -> Iterable[tuple[int, int]]:
    """The two persons of each place where a name stands beside another as its role."""
    before, since = -1, 0
    for place, word in enumerate(words):
        person = of_word.get(word)
        if person is None:
            continue
        between = words[since:place]
        if (
            before not in (-1, person)
            and len(between) <= _BETWEEN
            and not _SAYING_SO.isdisjoint(between)
            and (_SAYING_SO | _BESIDE).issuperset(between)
        ):
            yield (min(before, person), max(before, person))
        before, since = person, place + 1
