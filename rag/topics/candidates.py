"""Which words of the reviews may name a topic: how often each is used, and how.

No tagger is at hand. In English a noun is told by where it stands: after "the", "their" or "of", or
a describing word after these, and before a verb, a mark or the end. What is often called "this ..."
stands for all that is reviewed ("this show"), and not for an aspect of it. In other languages frequent
words that are not stop words are taken.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from rag.topics.words import (
    DETERMINERS,
    ENDS_NO_NOUN,
    FUNCTION,
    LONGEST,
    PLACED,
    folded,
    tokens_of,
)

_NOUN = 0.28  # share of a word's uses that are a noun's, from which it is one
_STANDS_FOR_ALL = 0.045  # share of its uses that are "this ...", from which it is no aspect
_PLACE = 0.3  # share of its uses after a word of place, from which a name is one of a place
_NAME = 0.6  # share of its uses with a capital inside a sentence, from which it is a name
_RARE = 5  # uses of a pair, below which it is not looked at
MARK = "."
_TOGETHER = 0.5  # share of a word's uses that are in one pair, from which the pair is the term


@dataclass(slots=True)
class Use:
    """How a term is used: `voices` that use it, and places of the `sentences` that have it; of its
    `count` uses, how many are a noun's, after "the", after "this", and after a word of place; of the
    `inside` ones, which do not begin a sentence, how many are `capitals`. `forms` are its spellings.
    """

    count: int = 0
    noun: int = 0
    after_the: int = 0
    after_this: int = 0
    inside: int = 0
    capitals: int = 0
    placed: int = 0
    voices: set[int] = field(default_factory=set)
    sentences: list[int] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)

    @property
    def is_noun(self) -> bool:
        """Whether it is mostly used as one."""
        return self.noun >= _NOUN * self.count

    @property
    def is_name(self) -> bool:
        """Whether it is mostly capitalised where other words are not."""
        return self.inside > 0 and self.capitals >= _NAME * self.inside

    @property
    def is_place(self) -> bool:
        """Whether it mostly tells where something is: "in Korea", "on Netflix"."""
        return self.placed >= _PLACE * self.count

    @property
    def stands_for_all(self) -> bool:
        """Whether it is what the whole review is of."""
        return self.after_this >= _STANDS_FOR_ALL * self.count


def uses_of(sentences: Sequence[tuple[int, str]], phrases: Collection[str] = ()) -> dict[str, Use]:
    """How each word of the sentences, (voice, text) each, is used; and, joined by blanks, each pair
    of words that is not rare, and each of the `phrases`.
    """
    split = [_split(text) for _, text in sentences]
    frequent = _frequent_pairs(words for words, _ in split)
    uses: dict[str, Use] = defaultdict(Use)
    for place, (words, tokens) in enumerate(split):
        voice, text = sentences[place]
        shouts = text.isupper()
        for first, word in enumerate(words):
            if word == MARK:
                continue
            for last in range(first, min(first + LONGEST, len(words))):
                term = word if last == first else " ".join(words[first : last + 1])
                if last > first and term not in phrases and term not in frequent:
                    continue
                use = uses[term]
                _place(use, words, first, last)
                use.voices.add(voice)
                if not use.sentences or use.sentences[-1] != place:
                    use.sentences.append(place)
                parts = tokens[first : last + 1]
                use.forms[" ".join(parts)] += 1
                if first and words[first - 1] != MARK and not shouts:
                    use.inside += 1
                    use.capitals += all(part[0].isupper() for part in parts)
    return dict(uses)


def _split(text: str) -> tuple[list[str], list[str]]:
    """The words of a sentence as they are compared, marks as `MARK`; and as they are written."""
    tokens = tokens_of(text)
    return [folded(token) if token[0].isalnum() else MARK for token in tokens], tokens


def _frequent_pairs(sentences: Iterable[Sequence[str]]) -> set[str]:
    """Pairs of words that say something, beside one another often enough."""
    pairs: Counter[str] = Counter()
    for words in sentences:
        for first, second in itertools.pairwise(words):
            if first not in FUNCTION and second not in FUNCTION and MARK not in (first, second):
                pairs[f"{first} {second}"] += 1
    return {pair for pair, count in pairs.items() if count >= _RARE}


def _place(use: Use, words: Sequence[str], first: int, last: int) -> None:
    """Count what stands around a use."""
    before = words[first - 1] if first else MARK
    outer = words[first - 2] if first > 1 else MARK
    after = words[last + 1] if last + 1 < len(words) else MARK
    use.count += 1
    ends = after == MARK or (after in FUNCTION and after not in ENDS_NO_NOUN)
    led = before in DETERMINERS or (outer in DETERMINERS and before not in FUNCTION)
    use.noun += ends and led
    use.after_the += before == "the"
    use.placed += before in PLACED
    use.after_this += before == "this" and ends


def is_compound(pair: str, uses: dict[str, Use]) -> bool:
    """Whether one of two words is mostly used beside the other: "laugh track", "Hunger Games"."""
    first, _, second = pair.partition(" ")
    rarer = min(uses[first].count, uses[second].count)
    return uses[pair].count >= _TOGETHER * rarer
