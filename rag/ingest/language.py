"""The language of a review: by its script where that tells, else by py3langid where the text is
long enough.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

FEWEST_LETTERS = 24  # fewer are guessed wrongly too often: "Good" comes out as Oromo
_READ = 400  # characters looked at
_LIKELY = 0.95  # probability from which the guess is taken
_FREQUENT = 0.01  # share of a sample from which on a language is one of the corpus
_TOGETHER = 10  # texts read as one where none is long enough
_OTHERS = 0.01  # how likely any other language is beside a frequent one
_LIKELY_OF_FREQUENT = 0.9
_FEWEST_LETTERS_OF_FREQUENT = 6
_MOST_FOREIGN = 0.2  # share of reviews an embedder cannot read from which on it is said
_ENGLISH_EMBEDDER = re.compile(
    r"^bundled|minilm-l\d+(-v\d)?$|mpnet-base(-v\d)?$|-en(-|$)|^e5-(small|base|large)|^gte-(small|base|large)$"
)
# words of questions that are words of no other language that is likely
_ENGLISH_WORDS = frozenset(
    "what which why how who does did are is the there they people would should could with about and any "
    "think say worth like good".split()
)
_FEWEST_ENGLISH = 2
_SCRIPTS = (
    ("ko", re.compile(r"[\uac00-\ud7a3]")),
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
)
_NAMES = {
    "english": "en",
    "german": "de",
    "deutsch": "de",
    "french": "fr",
    "français": "fr",
    "spanish": "es",
    "español": "es",
    "italian": "it",
    "italiano": "it",
    "portuguese": "pt",
    "português": "pt",
    "brazilian": "pt",
    "dutch": "nl",
    "polish": "pl",
    "polski": "pl",
    "russian": "ru",
    "korean": "ko",
    "koreana": "ko",
    "japanese": "ja",
    "chinese": "zh",
    "schinese": "zh",
    "tchinese": "zh",
    "turkish": "tr",
    "arabic": "ar",
    "hindi": "hi",
    "swedish": "sv",
    "danish": "da",
    "finnish": "fi",
    "norwegian": "no",
    "czech": "cs",
    "hungarian": "hu",
    "greek": "el",
    "hebrew": "he",
    "thai": "th",
    "ukrainian": "uk",
    "romanian": "ro",
    "vietnamese": "vi",
    "indonesian": "id",
    "latam": "es",
}


def language_name(value: str) -> str:
    """ISO 639-1 code of what a column says ("English", "en-US", "EN"), or the value in lower case."""
    plain = value.strip().casefold()
    code = re.match(r"([a-z]{2})(?:[-_][a-z]{2,4})?$", plain)
    return code.group(1) if code else _NAMES.get(plain, plain[:35])


class Languages:
    """Tells the languages of one corpus: its frequent ones are likelier than all others.

    That is what makes short texts readable. Of reviews cut to their first two words, 77% of the
    English ones are told (none wrongly), of three words 96%; without it, none.
    """

    def __init__(self, frequent: Collection[str] = ()) -> None:
        self.frequent = sorted(frequent)

    @classmethod
    def of_sample(cls, texts: Iterable[str]) -> Languages:
        """Those of a corpus with such texts among its first ones."""
        texts = [text for text in texts if text.strip()]
        counts = Counter(filter(None, map(detect_language, texts)))
        if not counts and texts:  # all are short: what they are taken together
            counts[detect_language(" ".join(texts[:_TOGETHER]))] += 1
        fewest = _FREQUENT * counts.total()
        return cls([code for code, count in counts.items() if code and count >= fewest])

    def of(self, text: str) -> str:
        """ISO 639-1 code, or nothing where it cannot be told well enough."""
        code = detect_language(text)
        some = text[:_READ]
        if code or not self.frequent or _letters(some) < _FEWEST_LETTERS_OF_FREQUENT:
            return code
        likely = {
            str(code): float(probability) * (1 if code in self.frequent else _OTHERS)
            for code, probability in _identifier().rank(some)
        }
        best = max(likely, key=lambda code: likely[code])
        return best if likely[best] >= _LIKELY_OF_FREQUENT * sum(likely.values()) else ""


def detect_language(text: str) -> str:
    """ISO 639-1 code of a text by itself, or nothing where it cannot be told well enough."""
    some = text[:_READ]
    letters = _letters(some)
    for code, script in _SCRIPTS:
        count = len(script.findall(some))
        if count and count >= 0.3 * letters:
            return code
    if letters < FEWEST_LETTERS:
        return ""
    code, probability = _identifier().classify(some)
    return str(code) if float(probability) >= _LIKELY else ""


def _letters(text: str) -> int:
    return sum(character.isalpha() for character in text)


def languages_read_by(embedder: str) -> tuple[str, ...]:
    """The languages that an embedder was trained for, by its name; none where that is not known."""
    name = embedder.rstrip("/").rpartition("/")[2].casefold()
    return () if "multilingual" in name or not _ENGLISH_EMBEDDER.search(name) else ("en",)


def unreadable(languages: Mapping[str, int], readable: Collection[str]) -> str:
    """What to say where many reviews are in languages that the embedder cannot read; else nothing.

    `languages` are the reviews of each language; `readable` is empty where it may read all.
    """
    known = {code: count for code, count in languages.items() if code != "unknown"}
    foreign = [code for code in known if code not in readable]
    share = sum(known[code] for code in foreign) / max(1, sum(known.values()))
    if not readable or share < _MOST_FOREIGN:
        return ""
    return (
        f"{share:.0%} of the reviews are in a language that the embedder does not read well "
        f"({', '.join(foreign[:3])}). Name another one before the index is built, for example "
        "REVIEWQA_EMBEDDING__MODEL=intfloat/multilingual-e5-small."
    )


def unreadable_question(
    question: str, readable: Collection[str], of_reviews: Collection[str] = ()
) -> str:
    """What to say where a question is clearly in a language that the embedder cannot read; else
    nothing. `readable` is empty where it may read all. For a short question these and the languages
    of the reviews are likelier than others.
    """
    if "en" in readable and _plainly_english(question):
        return ""
    language = Languages({*readable, *of_reviews}).of(question) if readable else ""
    if not language or language in readable:
        return ""
    return (
        f"The question seems to be in a language ({language}) that the embedder does not read "
        "well: ask in English, or rebuild the index with another embedder, for example "
        "REVIEWQA_EMBEDDING__MODEL=intfloat/multilingual-e5-small."
    )


def _plainly_english(question: str) -> bool:
    """Whether its words tell: py3langid takes half a second to load."""
    words = set(re.findall(r"\w+", question.casefold()))
    return len(words & _ENGLISH_WORDS) >= _FEWEST_ENGLISH and question.isascii()


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
