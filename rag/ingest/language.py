"""The language of a review: by its script where that tells, else by py3langid where the text is
long enough.
"""

from __future__ import annotations

import functools
import re
from typing import Any

FEWEST_LETTERS = 24  # fewer are guessed wrongly too often: "Good" comes out as Oromo
_READ = 400  # characters looked at
_LIKELY = 0.95  # probability from which the guess is taken
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


def detect_language(text: str) -> str:
    """ISO 639-1 code, or nothing where it cannot be told well enough."""
    some = text[:_READ]
    letters = sum(character.isalpha() for character in some)
    for code, script in _SCRIPTS:
        found = len(script.findall(some))
        if found and found >= 0.3 * letters:
            return code
    if letters < FEWEST_LETTERS:
        return ""
    code, probability = _identifier().classify(some)
    return str(code) if float(probability) >= _LIKELY else ""


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
