"""What an index holds, as far as understanding a question needs it: a plain record."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import regex

from rag.schema import Review

MOST_ITEMS = 5000
RULES = (
    2  # one more whenever the same reviews would get another catalogue: kept ones are made again
)
_PHRASE = regex.compile(r"\b\p{Lu}[\w’'-]+(?: \p{Lu}[\w’'-]+){1,3}")  # Ł and Ś, too
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_PARTS = re.compile(r"\w+")  # "Gi-hun" is spoken of as Gi-hun, and counted as gi and hun, too
_POSSESSIVE = re.compile(r"['’]s?$")
_FEWEST_MENTIONS = 5  # of a name, to be an alias or a subject
_ALIAS_SHARE = 0.9  # of the reviews that have the name, in the reviews of the alias's items
_ALIAS_OF_ITEM = 0.15  # of an item's reviews that must have the name
_ALIAS_ITEMS = 3  # at most; and no more than a third of all items
_LOWER_CASE = 0.1  # of a word's reviews, in which a name may stand without its capital
_ALONE = 0.4  # of the mentions of a person's whole name, in which one of its words stands alone
_SUBJECT_SHARE = 0.12  # of the reviews, in which a name stands for the whole corpus


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the reviews of an index are about.

    `items` are the names of what is reviewed with their numbers of reviews, the commonest first;
    `aliases` the names that reviewers use for some of them (a host's, lower case) with the items;
    `subjects` the names, lower case, that stand for all that is reviewed. `words` are the words of
    the reviews, lower case, with the number of reviews that have them. `dates` are the first and
    the last day, `scale` the lowest and the highest mark, None where there are none.
    """

    name: str
    reviews: int
    items: Mapping[str, int] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    words: Mapping[str, int] = field(default_factory=dict)
    dates: tuple[str, str] | None = None
    scale: tuple[float, float] | None = None

    def reviews_with(self, word: str) -> int:
        """The number of reviews that have a word, in the singular or the plural (English)."""
        folded = word.casefold()
        forms = {folded, folded.removesuffix("s"), f"{folded}s"}
        return max(self.words.get(form, 0) for form in forms)

    def called(self, name: str) -> Catalogue:
        """The same of an index that is called `name`, which is a name of its subject, too."""
        subjects = {*self.subjects, re.sub(r"[-_.]+", " ", name).casefold()}
        return replace(self, name=name, subjects=_longest_first(subjects))


def catalogue_of(name: str, reviews: Iterable[Review], about: str = "") -> Catalogue:
    """The catalogue of some reviews; `about` states their subject, where it is known."""
    items: Counter[str] = Counter()
    words: Counter[str] = Counter()
    capitalised: Counter[str] = Counter()
    phrases: Counter[str] = Counter()
    items_of_word: dict[str, Counter[str]] = defaultdict(Counter)
    dates: list[str] = []
    scales: set[tuple[float, float]] = set()
    total = 0
    for review in reviews:
        total += 1
        if review.item:
            items[review.item] += 1
        if review.date:
            dates.append(review.date)
        if review.rating is not None:
            scales.add((review.rating_min, review.rating_max))
        tokens = {_POSSESSIVE.sub("", word) for word in _WORD.findall(review.text)}
        words.update(
            {token.casefold() for token in tokens} | set(_PARTS.findall(review.text.casefold()))
        )
        with_capital = {token.casefold() for token in tokens if token[:1].isupper()}
        capitalised.update(with_capital - {token for token in tokens if token[:1].islower()})
        phrases.update({match.casefold() for match in _PHRASE.findall(review.text)})
        if review.item:
            for word in with_capital:
                items_of_word[word][review.item] += 1
    names = {
        word: count
        for word, count in capitalised.items()
        if count >= _FEWEST_MENTIONS and words[word] - count <= _LOWER_CASE * count
    }
    found = Catalogue(
        name="",
        reviews=total,
        items=dict(items.most_common(MOST_ITEMS)),
        aliases=_aliases(names, items_of_word, items),
        subjects=_subjects(about, phrases, names, items, total),
        words=dict(words),
        dates=(min(dates), max(dates)) if dates else None,
        scale=next(iter(scales)) if len(scales) == 1 else None,
    )
    return found.called(name)


def _aliases(
    names: Mapping[str, int], items_of_word: Mapping[str, Counter[str]], items: Mapping[str, int]
) -> dict[str, tuple[str, ...]]:
    """Names that reviewers use where they review some few items, and hardly elsewhere."""
    if len(items) < 2:
        return {}
    aliases: dict[str, tuple[str, ...]] = {}
    most = min(_ALIAS_ITEMS, max(1, len(items) // 3))
    for name, mentions in names.items():
        common = items_of_word[name].most_common(most)
        # a word that many write of an item is its name; one that few write is only a word
        chosen = tuple(item for item, count in common if count >= _ALIAS_OF_ITEM * items[item])
        covered = sum(items_of_word[name][item] for item in chosen)
        if chosen and covered >= max(_FEWEST_MENTIONS, _ALIAS_SHARE * mentions):
            aliases[name] = chosen
    return aliases


def _subjects(
    stated: str,
    phrases: Mapping[str, int],
    names: Mapping[str, int],
    items: Mapping[str, int],
    total: int,
) -> tuple[str, ...]:
    """What all reviews are about: what was stated, a lone item, and names of several words that
    stand in many reviews, but not those of persons: Charlie Sheen is also called Sheen, and may be
    asked about.
    """
    subjects = {stated.casefold()}
    if len(items) == 1:
        subjects |= {item.casefold() for item in items}
    floor = max(_FEWEST_MENTIONS, _SUBJECT_SHARE * total)
    subjects |= {
        phrase
        for phrase, mentions in phrases.items()
        if mentions >= floor and not _is_person(phrase, mentions, names)
    }
    return _longest_first(subjects)


def _is_person(phrase: str, mentions: int, names: Mapping[str, int]) -> bool:
    """Whether both of two words are names, and one often stands without the other."""
    parts = phrase.split(" ")
    alone = max(names.get(part, 0) for part in parts) - mentions
    return len(parts) == 2 and all(part in names for part in parts) and alone >= _ALONE * mentions


def _longest_first(subjects: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(filter(None, subjects), key=lambda subject: (-len(subject), subject)))
