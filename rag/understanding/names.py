"""Names in a question: the items that it asks about, one that no review is of, and the subject of
the whole corpus, which says nothing (English capitals and plurals; names in any language).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import OSA

from rag.understanding.catalogue import Catalogue

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_FILLERS = frozenset("a an and at by de der die du el for in la le les of on the to von".split())
_KINDS = frozenset(
    """airline airlines airways app apartment bar book books brand cafe club company film films flat
    flats game games hotel hotels hostel house inn lounge lounges model movie movies museum phone
    phones place places pub resort restaurant restaurants room rooms season series shop show store
    studio suite version""".split()
)  # words that stand beside an item's name
_HOMES = frozenset("apartment flat place".split())  # "at Sue's place" is at Sue's
_BESIDE = frozenset("at of in from about with for visit visited book booked choose".split())
_COMPARED = frozenset("than like vs versus to unlike".split())
_COMMON_KIND = 0.25  # of the reviews, that have the word for what all are about
_SHORTEST_MISSPELT = 5
_MOST_MATCHES = 5  # items that one name in a question may stand for
_DIGITS_OF_CODE = 4
_COMMON = 0.2  # share of the items whose names have a word, from which it tells nothing


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of a question, from character `start` to `end`, the items that they name, and what to
    call these.
    """

    start: int
    end: int
    items: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What a question names. `unknown` is a name of no item, "" where there is none; `subjects` are
    the spans of words that stand for all that is reviewed.
    """

    items: tuple[Mention, ...] = ()
    unknown: str = ""
    subjects: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    text: str  # without a possessive
    place: int
    is_possessive: bool

    @property
    def key(self) -> str:
        return self.text.casefold()

    @property
    def is_capitalised(self) -> bool:
        return self.text[:1].isupper()


class NameFinder:
    """Finds the names of a catalogue in questions. Made once for an index."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._words_of = {item: words_of(item) for item in catalogue.items}

    @cached_property
    def _telling(self) -> dict[str, tuple[str, ...]]:
        """Words that tell items apart, each with the items that have it."""
        counts = Counter(word for words in self._words_of.values() for word in set(words))
        most = max(2, int(_COMMON * len(self._words_of)))
        found: dict[str, list[str]] = {}
        for item, words in self._words_of.items():
            for word in set(words):
                if counts[word] <= most and word not in _FILLERS and word not in _KINDS:
                    found.setdefault(word, []).append(item)
        return {word: tuple(items) for word, items in found.items()}

    @cached_property
    def _are_codes(self) -> bool:
        """Whether the items have numbers and no names: what they are called, few reviews tell."""
        return all(map(is_code, self._catalogue.items))

    @cached_property
    def _initials(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for item, words in self._words_of.items():
            initials = "".join(word[0] for word in words if word not in _FILLERS)
            if 2 <= len(initials) <= 4:
                found.setdefault(initials, []).append(item)
        return {initials: tuple(items) for initials, items in found.items()}

    def find(self, question: str) -> Names:
        """The names in a question."""
        tokens = [
            _Token(
                match.start(),
                match.end(),
                _POSSESSIVE.sub("", match.group()),
                place,
                is_possessive=_POSSESSIVE.search(match.group()) is not None,
            )
            for place, match in enumerate(_TOKEN.finditer(question))
        ]
        subjects = tuple(self._subjects(question))
        mentions = list(self._items(question, tokens)) if len(self._catalogue.items) > 1 else []
        unknown = "" if mentions else self._unknown(question, tokens, subjects)
        return Names(tuple(mentions), unknown, subjects)

    def _subjects(self, question: str) -> Iterator[tuple[int, int]]:
        done = 0
        spans: list[tuple[int, int]] = []
        for subject in self._catalogue.subjects:
            pattern = rf"\b(?:the )?{re.escape(subject)}(?:['’]s)?\b"
            for match in re.finditer(pattern, question, re.IGNORECASE):
                if all(match.end() <= start or end <= match.start() for start, end in spans):
                    spans.append(match.span())
        for start, end in sorted(spans):
            if start >= done:
                yield start, end
                done = end

    def _items(self, question: str, tokens: Sequence[_Token]) -> Iterator[Mention]:
        """Mentions from left to right; words that follow one another and name the same item are
        one."""
        named = [self._named(tokens, token, question) for token in tokens]
        place = 0
        while place < len(tokens):
            if not named[place]:
                place += 1
                continue
            last, items = place, set(named[place])
            for after in range(place + 1, len(tokens)):
                word = tokens[after].key
                part_of_name = any(word in self._words_of.get(item, ()) for item in items)
                if named[after] and items & set(named[after]):
                    last, items = after, items & set(named[after])
                elif not part_of_name and not self._leads_on(tokens, after, items):
                    break
            last = self._with_kind(tokens, last, items)
            first = self._with_fillers(tokens, place, items)
            span = tokens[first].start, tokens[last].end
            home = tokens[last + 1 : last + 2] if tokens[last].is_possessive else ()
            end = next((token.end for token in home if token.key in _HOMES), span[1])
            beside = tokens[last + 1 : last + 2]
            if beside and beside[0].start == end + 1 and is_kind(beside[0].key, self._catalogue):
                end = beside[0].end  # "in the Lufthansa lounges", where lounges are reviewed
            items = self._best(items, {token.key for token in tokens[first : last + 1]})
            if len(items) <= _MOST_MATCHES:
                chosen = tuple(sorted(items, key=self._size))
                words = _POSSESSIVE.sub("", question[slice(*span)]).removeprefix("the ")
                called = len(chosen) > 1 or is_code(chosen[0])
                yield Mention(span[0], end, chosen, words if called else item_name(chosen[0]))
            place = last + 1

    def _leads_on(self, tokens: Sequence[_Token], place: int, items: set[str]) -> bool:
        """Whether a word only leads to more of a name: "the Holiday Inn by Fisherman's Wharf"."""
        following = tokens[place + 1 : place + 2]
        return tokens[place].key in _FILLERS and any(
            token.key in self._words_of.get(item, ()) for token in following for item in items
        )

    def _best(self, items: set[str], said: set[str]) -> set[str]:
        """Those whose names have the most of the words that were said: "Castle Inn" is also what
        reviews of its neighbour speak of.
        """
        shared = {item: len(said & set(self._words_of.get(item, ()))) for item in items}
        return {item for item in items if shared[item] == max(shared.values())}

    def _size(self, item: str) -> tuple[int, str]:
        return -self._catalogue.items.get(item, 0), item

    def _with_kind(self, tokens: Sequence[_Token], last: int, items: set[str]) -> int:
        """The words after a name that are part of it: "Airways" of "Qantas Airways"."""
        while last + 1 < len(tokens) and any(
            tokens[last + 1].key in self._words_of.get(item, ()) for item in items
        ):
            last += 1
        return last

    def _with_fillers(self, tokens: Sequence[_Token], first: int, items: set[str]) -> int:
        """The words before it that are part of it, and its article."""
        while first and (
            tokens[first - 1].key == "the"
            or any(tokens[first - 1].key in self._words_of.get(item, ()) for item in items)
        ):
            first -= 1
        return first

    def _named(self, tokens: Sequence[_Token], token: _Token, question: str) -> tuple[str, ...]:
        """The items that a word names, or helps to name."""
        if token.text.isupper() and len(token.text) > 1 and not question.isupper():
            by_initials = self._initials.get(token.key, ())
            if by_initials:
                return by_initials
        alias = self._catalogue.aliases.get(token.key, ())
        if alias and token.is_capitalised:
            return alias
        if self._may_be_name(tokens, token, question):
            return self._telling.get(token.key, ()) or self._misspelt(token)
        return ()

    def _may_be_name(self, tokens: Sequence[_Token], token: _Token, question: str) -> bool:
        """A name that is also a word is one only where it is capitalised, in quotation marks, beside
        a word such as "hotel", or where several words of the name stand together.
        """
        if token.is_capitalised and (token.place or not self._is_plain_word(token)):
            return True
        if not self._is_plain_word(token):
            return True
        if question[token.start - 1 : token.start] in ("“", '"', "'", "‘"):
            return True
        beside = [
            tokens[place].key
            for place in (token.place - 1, token.place + 1)
            if 0 <= place < len(tokens)
        ]
        names = self._telling.get(token.key, ())
        return any(
            word in _KINDS and any(word in self._words_of[item] for item in names)
            for word in beside
        ) or any(
            word not in _FILLERS and set(self._telling.get(word, ())) & set(names)
            for word in beside
        )

    def _is_plain_word(self, token: _Token) -> bool:
        """Whether the reviews use it in more reviews than a name would stand in."""
        items = self._telling.get(token.key, ())
        of_items = sum(self._catalogue.items.get(item, 0) for item in items)
        mentions = self._catalogue.words.get(token.key, 0)
        return len(token.key) < 4 or mentions > max(2, 1.2 * of_items) or not items

    def _misspelt(self, token: _Token) -> tuple[str, ...]:
        word = token.key
        if len(word) < _SHORTEST_MISSPELT or self._catalogue.words.get(word, 0) > 1:
            return ()
        allowed = 1 if len(word) < 8 else 2
        scored = ((OSA.distance(word, telling), telling) for telling in self._telling)
        distance, nearest = min(scored, default=(allowed + 1, ""))
        return self._telling[nearest] if distance <= allowed else ()

    def _unknown(
        self, question: str, tokens: Sequence[_Token], subjects: Sequence[tuple[int, int]]
    ) -> str:
        """A proper name where an item's would stand, that the reviews hardly know."""
        if len(self._catalogue.items) < 2 or (self._are_codes and not self._catalogue.aliases):
            return ""
        most = 1 if self._are_codes else max(1, self._catalogue.reviews // 500)
        for token in tokens[1:]:
            before = tokens[token.place - 1].key
            outer = tokens[token.place - 2].key if token.place > 1 else ""
            after = tokens[token.place + 1].key if token.place + 1 < len(tokens) else ""
            is_item_place = before in _BESIDE or (
                before == "the" and (outer in _BESIDE or after in _KINDS)
            )
            in_subject = any(start <= token.start < end for start, end in subjects)
            if (
                token.is_capitalised
                and not in_subject
                and (is_item_place or token.is_possessive)
                and (outer if before == "the" else before) not in _COMPARED
                and self._catalogue.words.get(token.key, 0) <= most
            ):
                return self._whole_name(tokens, token)
        return ""

    def _whole_name(self, tokens: Sequence[_Token], token: _Token) -> str:
        words = [token.text]
        for after in tokens[token.place + 1 :]:
            if not after.is_capitalised:
                break
            words.append(after.text)
        return " ".join(words)


def is_kind(word: str, catalogue: Catalogue) -> bool:
    """Whether a word, lower case, says only what kind of thing is reviewed: "lounges"."""
    common = max(_COMMON_KIND * catalogue.reviews, 1)
    return word in _KINDS and catalogue.reviews_with(word) >= common


def is_code(item: str) -> bool:
    """Whether an item is called by a number or a code, such as "tt0107206", and not by a name."""
    digits = sum(character.isdigit() for character in item)
    return item.isdigit() or (item.isalnum() and digits >= _DIGITS_OF_CODE)


def words_of(item: str) -> tuple[str, ...]:
    """The words of an item's name, lower case: "british-airways" is two."""
    return tuple(word.casefold() for word in re.findall(r"[^\W_]+", item.replace("'", "")))


def item_name(item: str) -> str:
    """An item as people write it: "british-airways" is British Airways."""
    named = item.islower() and not is_code(item)
    return re.sub(r"[-_]+", " ", item).title() if named else item
