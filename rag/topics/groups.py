"""Candidates for topics: the aspects of the table that reviews speak of, and other terms with their
plurals and the parts of their names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rag.topics.aspects import Aspect, aspects, kinds_of
from rag.topics.candidates import Use, is_compound
from rag.topics.words import names_nothing, stop_words

FEWEST_REVIEWS = 5
"""Reviews that speak of a topic, at least."""

TERM_SHARE = 0.02  # of the reviews, at least, that have a term that is in no table
_MOST_COMMON = 0.25  # of the reviews that have a word that names something, where no tagger helps
_ALONE = 0.3  # of the uses of a name of two words, that one of them has alone, if it is a person's
_PART_OF_NAME = 0.25  # of the uses of a part of a name, that are in the whole name
_PART_OF_NAMES = 0.5  # of the uses of a name, that another one with the same part may have
_WITH_PEOPLE = frozenset({"story", "game"})  # kinds of things in which persons are topics
_SHORTEST = 4  # letters of such a word


@dataclass(slots=True)
class Group:
    """Terms that name one topic; `heads` are those that may name it, `aspect` its row of the table,
    if it has one; `also` is what a person is called as well.
    """

    terms: list[str]
    heads: list[str]
    voices: set[int]
    sentences: set[int]
    aspect: Aspect | None = None
    is_name: bool = False
    also: str = ""

    def take(self, other: Group) -> None:
        """Make another one part of it."""
        self.terms += [term for term in other.terms if term not in self.terms]
        self.voices |= other.voices
        self.sentences |= other.sentences


def fewest(share: float, voices: int) -> int:
    """How many reviews must speak of something that a share of them speaks of."""
    return max(FEWEST_REVIEWS, int(share * voices))


def phrases() -> frozenset[str]:
    """The terms of the table that are several words."""
    return frozenset(
        phrase
        for aspect in aspects()
        for term in (*aspect.names, *aspect.words)
        if " " in term
        for phrase in ((term[:-1], f"{term[:-1]}s") if term.endswith("*") else (term,))
    )


def of_table(uses: dict[str, Use], voices: int) -> list[Group]:
    """A group for each aspect of the table that these reviews may have, with its terms that they
    use.
    """
    words = sorted(term for term in uses if " " not in term)
    kinds = _kinds(uses, voices)
    groups = []
    for aspect in aspects():
        if not aspect.kinds & kinds:
            continue
        heads = [term for name in aspect.names for term in _used(name, words, uses)]
        describing = [term for word in aspect.words for term in _used(word, words, uses)]
        terms = list(dict.fromkeys([*heads, *describing]))
        if terms:
            groups.append(_group(terms, heads, uses, aspect))
    return groups


def _kinds(uses: dict[str, Use], voices: int) -> frozenset[str]:
    def voices_with(words: Iterable[str]) -> int:
        return len(set().union(*[uses[word].voices for word in words if word in uses]))

    return kinds_of(voices_with, voices)


def _used(term: str, words: Sequence[str], uses: dict[str, Use]) -> list[str]:
    """The terms in use that an entry of the table stands for."""
    if not term.endswith("*"):
        return [term] if term in uses else []
    start = term[:-1]
    if " " in term:
        return [phrase for phrase in (start, f"{start}s") if phrase in uses]
    return [word for word in words if word.startswith(start)]


def _group(
    terms: list[str], heads: list[str], uses: dict[str, Use], aspect: Aspect | None = None
) -> Group:
    return Group(
        terms,
        heads,
        set().union(*[uses[term].voices for term in terms]),
        set().union(*[uses[term].sentences for term in terms]),
        aspect,
        aspect is None and uses[heads[0]].is_name,
    )


def english_terms(
    uses: dict[str, Use], voices: int, in_table: Collection[str], subjects: Collection[str]
) -> list[str]:
    """Nouns, pairs of them, and names of persons, that are in use often enough."""
    people = bool(_kinds(uses, voices) & _WITH_PEOPLE)
    least = fewest(TERM_SHARE, voices)
    taken = {*in_table, *_subject_words(uses, subjects, people)}

    def may_name(term: str) -> bool:
        use = uses[term]
        if len(use.voices) < least or use.stands_for_all or term in taken:
            return False
        return (people and not use.is_place) if use.is_name else use.is_noun

    words = [
        term for term in uses if " " not in term and not names_nothing(term) and may_name(term)
    ]
    pairs = []
    for pair in [term for term in uses if " " in term]:
        parts = pair.split(" ")
        if len(parts) != 2 or min(map(len, parts)) < 2 or not may_name(pair):
            continue
        if pair in subjects and taken.issuperset(parts):
            continue
        plain = [_is_plain(part) and part not in taken for part in parts]
        # of a name one word may be any: "Hunger Games"
        if (any(plain) if uses[pair].is_name else all(plain)) and is_compound(pair, uses):
            pairs.append(pair)
    inside = {part for pair in pairs for part in pair.split(" ")}
    covered = {
        word
        for word in words
        if word in inside
        and any(
            word in pair.split(" ") and 2 * uses[pair].count >= uses[word].count for pair in pairs
        )
    }
    return sorted([*pairs, *(word for word in words if word not in covered)])


def _subject_words(uses: dict[str, Use], subjects: Collection[str], people: bool) -> set[str]:
    """The words of what all is about, but not those of persons that a story has: Charlie Sheen is
    also called Charlie.
    """
    words: set[str] = set()
    for subject in subjects:
        parts = subject.split()
        whole = sum(uses[form].count for form in (subject, f"{subject}s") if form in uses)
        is_person = people and any(
            part in uses
            and uses[part].is_name
            and not names_nothing(part)
            and uses[part].count - whole >= _ALONE * whole > 0
            for part in parts
        )
        if not (is_person and len(parts) == 2):
            words.update(parts)
    return words


def _is_plain(word: str) -> bool:
    return not names_nothing(word) and not word.endswith("ed")


def frequent_terms(
    uses: dict[str, Use], voices: int, language: str, subjects: Collection[str]
) -> list[str]:
    """Frequent words that are not too frequent; German nouns are told by their capitals."""
    stops = stop_words(language) | {word for subject in subjects for word in subject.split()}
    least = fewest(TERM_SHARE, voices)
    return sorted(
        term
        for term, use in uses.items()
        if " " not in term
        and len(term) >= _SHORTEST
        and term.isalpha()
        and term not in stops
        and least <= len(use.voices) <= _MOST_COMMON * voices
        and (language != "de" or use.is_name)
    )


def by_form(terms: Sequence[str], uses: dict[str, Use]) -> list[Group]:
    """A group for each term, with its plural; and for a person's names."""
    groups: dict[str, Group] = {}
    whole = _whole_names(terms, uses)
    for term in sorted(terms, key=lambda term: (-len(uses[term].voices), term)):
        first, _, last = term.rpartition(" ")
        variants = _variants(term, uses)
        if first and uses[term].is_name:  # "Charlie Sheen" is spoken of as Charlie and as Sheen
            variants += [part for part in (first, last) if whole.get(part) == term]
        mine = next((groups[variant] for variant in variants if variant in groups), None)
        forms = [form for form in (term, *variants) if form in uses and form not in groups]
        new = _group(list(dict.fromkeys(forms)), [term], uses)
        if mine is None:
            mine = new
        else:
            mine.take(new)
            mine.heads.append(term)
        groups.update(dict.fromkeys(new.terms, mine))
    unique = {id(group): group for group in groups.values()}
    return sorted(unique.values(), key=lambda group: (-len(group.voices), group.terms))


def _whole_names(terms: Sequence[str], uses: dict[str, Use]) -> dict[str, str]:
    """The name of two words that each word of a name mostly stands for."""
    whole: dict[str, str] = {}
    pairs = [term for term in uses if term.count(" ") == 1 and uses[term].is_name]
    parts = {part for pair in pairs if pair in terms for part in pair.split(" ")}
    for part in sorted(parts):
        names = sorted(
            (pair for pair in pairs if part in pair.split(" ")),
            key=lambda pair: (-uses[pair].count, pair),
        )
        first, second = uses[names[0]].count, uses[names[1]].count if len(names) > 1 else 0
        is_clear = second <= _PART_OF_NAMES * first  # not the "Lee" of several persons
        if (
            names[0] in terms
            and uses[part].is_name
            and is_clear
            and first >= _PART_OF_NAME * uses[part].count
        ):
            whole[part] = names[0]
    return whole


def _variants(term: str, uses: dict[str, Use]) -> list[str]:
    """Its plural and its singular, by their letters."""
    if uses[term].is_name:
        return [f"{term}s"]
    shorter = [term.removesuffix("s"), term.removesuffix("es")]
    if term.endswith("ies"):
        shorter.append(f"{term[:-3]}y")
    longer = [f"{term[:-1]}ies" if term.endswith("y") else f"{term}s", f"{term}es"]
    return [*longer, *(word for word in shorter if word in uses and uses[word].is_noun)]
