"""Text to stemmed words (Snowball), in the language that most reviews are in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

import regex

from rag.schema import well_formed

_STEMMERS = {
    "ar": "arabic",
    "hy": "armenian",
    "eu": "basque",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "eo": "esperanto",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "ga": "irish",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "no": "norwegian",
    "nb": "norwegian",
    "fa": "persian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
_WORD = re.compile(r"\w+")
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ANY_WORD = regex.compile(
    rf"[{_UNSPACED}]|[\w--[{_UNSPACED}]]+", regex.V1
)  # scripts without blanks: by character


class Stems:
    """Text to stemmed words. Not to be shared between threads: Snowball's stemmers are not."""

    def __init__(self, stemmer: str) -> None:
        """`stemmer` is Snowball's name of a language, or empty. Raises `ValueError` for another."""
        import Stemmer

        if stemmer and stemmer not in Stemmer.algorithms(aliases=True):
            raise ValueError(f"there is no stemmer {stemmer!r}")
        self.stem: Callable[[str], str] = Stemmer.Stemmer(stemmer).stemWord if stemmer else str
        self._stems: dict[str, str] = {}

    def __call__(self, text: str) -> list[str]:
        """Every word of `text` in its order, case folded and stemmed."""
        stems = self._stems
        return [
            stems.get(word) or stems.setdefault(word, self.stem(word))
            for word in folded_words(text)
        ]


def folded_words(text: str) -> list[str]:
    """Every word of `text` in its order, case folded."""
    folded = well_formed(text).casefold()
    return _WORD.findall(folded) if folded.isascii() else _ANY_WORD.findall(folded)


def stemmer_for(languages: Iterable[str]) -> str:
    """Snowball's name for the commonest of the languages (ISO 639-1, "" is unknown); "" where it
    has none.

    English where no language is known: short reviews do not tell theirs.
    """
    counts = Counter(filter(None, languages))
    return _STEMMERS.get(counts.most_common(1)[0][0], "") if counts else "english"
