"""Spelling of a question, mended by the words of the reviews: "brekfast" is breakfast.

A word that is in no review is the rarest of its question, and whether the reviews say anything
about it (`rag.answering.refusal`) turns on the rarest word. So a slip would have a question refused
that can be answered. But only a word is mended that neither English nor the reviews know, and only
into a word of the reviews that is very near: a "sauna" may well be asked for though no review has
one, and must not become another thing.
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

from rag.config import BUNDLED_EMBEDDER_PACKAGE
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import training_questions
from rag.understanding.intent import EMPTY_WORDS, content_words
from rag.understanding.side import sides_named

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_SHORT, _LONG = 4, 9  # letters: up to so many no wrong ones are mended, from so many two slips
_ENDING = re.compile(r"(?:ing|ly|ness|less|able|ers?|e[sd]|rs?|s|d)$")
_DOUBLED = re.compile(r"(.)\1")


def spelt(question: str, catalogue: Catalogue) -> str:
    """The question with its slips mended; names and words in scripts without capitals are left."""

    def mended(match: re.Match[str]) -> str:
        word = _POSSESSIVE.sub("", match.group())
        is_name = word[:1].isupper() and question[: match.start()].strip()
        better = "" if is_name else _nearest(word.casefold(), catalogue)
        if not better:
            return match.group()
        better = better.capitalize() if word[0].isupper() else better
        return better + match.group()[len(word) :]

    return _WORD.sub(mended, question)


def _nearest(word: str, catalogue: Catalogue) -> str:
    """The word of the reviews that `word` is a slip of; "" where there is none, or it is none."""
    mentions = catalogue.words.get(word, 0)
    if len(word) < 3 or mentions > 1 or word.upper() == word or _is_english(word):
        return ""
    is_made = _is_made_of_english(word)
    most = 2 if len(word) >= _LONG and not is_made else 1
    words = {**dict.fromkeys(EMPTY_WORDS, 1), **catalogue.words}  # "veiwers" are asked about, too
    near = process.extract(word, words.keys(), scorer=OSA.distance, score_cutoff=most, limit=None)
    likely = [  # a letter doubled, left single or swapped before a wrong one; then the commonest
        (distance, not _slips_only(word, other), -words[other], other)
        for other, distance, _ in near
        if words[other] > mentions and _may_be_meant(word, other, is_made=is_made)
    ]
    return min(likely)[-1] if likely else ""


def _may_be_meant(word: str, other: str, *, is_made: bool) -> bool:
    """Letters swapped, or left single, or, in a longer word, doubled, which in a word made of
    English ("swiming") leaves its ending; or, in a longer word, others wrong, but not the first.
    """
    is_long = len(word) > _SHORT
    if _slips_only(word, other) and (is_long or len(other) >= len(word)):
        return not is_made or word[-1] == other[-1]
    return is_long and word[0] == other[0] and not is_made


def _slips_only(word: str, other: str) -> bool:
    """Whether letters are only swapped, doubled or left single."""
    single, other_single = (_DOUBLED.sub(r"\1", text) for text in (word, other))
    return sorted(word) == sorted(other) or single == other_single


def _is_english(word: str) -> bool:
    """Whether English knows the word, or its parts ("let-down")."""
    if "-" in word:
        return all(map(_is_english, word.split("-")))
    return word in _english_words() or bool(sides_named(word)) or not content_words(word)


def _is_made_of_english(word: str) -> bool:
    """Whether it is made from a word that English has ("waiters", "raving", "summed"): a short list
    of words leaves such out.
    """
    known = _english_words()
    ending = _ENDING.search(word)
    stem = word[: ending.start()] if ending else ""
    doubled = stem[-2:-1] == stem[-1:] and stem[:-1] in known
    if ending and f"{stem}e" in known:  # "taping"
        return True
    return len(stem) >= _SHORT and (stem in known or doubled)


@lru_cache(maxsize=1)
def _english_words() -> frozenset[str]:
    """Words that are no slips: those of the bundled embedder's vocabulary, and what several of the
    questions have that questions are told apart by.
    """
    words = Counter(
        word
        for kind in ("intent", "side")
        for question in training_questions(kind)[0]
        for word in {found.casefold() for found in _WORD.findall(question)}
    )
    known = {word for word, count in words.items() if count > 1}
    # the bundled embedder's vocabulary is a word list
    package = importlib.util.find_spec(BUNDLED_EMBEDDER_PACKAGE)
    if package is not None and package.origin:
        file = Path(package.origin).parent / "model" / "vocab.txt"
        if file.is_file():
            known.update(file.read_text(encoding="utf-8").split())
    return frozenset(known)
