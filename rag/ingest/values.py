"""What the cells of a review file mean: ratings and votes."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

_NUMBER = r"-?\d+(?:[.,]\d+)?"
_STAR = r"★⭐✭✮✯🌟✪*"
_STAR_WORDS = (
    r"(?:stars?|étoiles?|estrellas?|estrelas?|stell[ae]|sterne?n?|sterren|stjärnor|gwiazdk?[ai]?"
    rf"|gwiazdek|звезд\w*|yıldız|نجوم|つ星|星|颗星|顆星|[{_STAR}])"
)
_UNIT = rf"(?:{_STAR_WORDS}|points?|分|点|점|개)"
_LEAD = (
    r"(?:(?:rated|rating|score|stars?|bewertung|bewertet|mit|note|nota|punkte|puan|ocena|оценка"
    r"|평점|별점|별|評価|评分|评级)\s*[:：]?\s*)*[(\[]?\s*"
)
# "8", "8/10", "4,0 von 5 Sternen", "4 stars out of 5", "80 %"
_VALUE_FIRST = re.compile(
    rf"{_LEAD}(?P<value>{_NUMBER})\s*(?:(?P<stars>{_STAR_WORDS})|{_UNIT})?\s*"
    r"(?:(?:/|\|?\s*out of|of|von|van|sur|de|su|z|av|af|из|من|[,，]?\s*最多)\s*"
    rf"(?P<total>\d+)(?:[.,]0+)?(?!\d)|(?P<percent>%))?\s*{_UNIT}?",
    re.IGNORECASE,
)
# "5つ星のうち4.0", "5 yıldız üzerinden 4,0", "5점 만점에 4점", "满分5分，4分", "out of 5: 4"
_TOTAL_FIRST = re.compile(
    rf"(?:{_LEAD}(?P<total>\d+)\s*(?:{_UNIT}|段階|点満点)?\s*"
    r"(?:のうち|中|만점에|만점\s*중|중|üzerinden|में से)"
    rf"|(?:out of|满分|滿分)\s*(?P<most>\d+)\s*{_UNIT}?)\s*[:：,，]?\s*(?P<value>{_NUMBER})\s*{_UNIT}?",
    re.IGNORECASE,
)
_STARS = re.compile(rf"([{_STAR}]+)(½?)([☆✩✰]*)")
_WORDS = {
    **dict.fromkeys(
        ("recommended", "yes", "true", "positive", "pos", "thumbs up", "fresh"), (1.0, 1.0)
    ),
    **dict.fromkeys(
        ("not recommended", "no", "false", "negative", "neg", "thumbs down", "rotten"), (0.0, 1.0)
    ),
    **{
        word: (float(number), 5.0)
        for number, word in enumerate(("one", "two", "three", "four", "five"), 1)
    },
}
_HALVES = {"½": 0.5, "¼": 0.25, "¾": 0.75}


def parse_rating(value: Any) -> tuple[float, float | None] | None:
    """The rating and the top of its scale, where the value says it.

    ``"8"`` -> (8, None); ``"8/10"`` and ``"10点中8点"`` -> (8, 10); ``"★★★½☆"`` -> (3.5, 5);
    ``"4½"`` -> (4.5, None); ``"80%"`` -> (80, 100); ``"not recommended"`` -> (0, 1); ``"N/A"``,
    blanks, other words, a date, and a rating above its own total -> None.
    """
    text = str(value).replace("\ufe0f", "").replace("\u2044", "/").strip()
    if stars := _STARS.fullmatch(text):
        full, half, empty = len(stars[1]), 0.5 if stars[2] else 0.0, len(stars[3])
        return full + half, float(max(5, full + empty))
    if text in _HALVES:
        return _HALVES[text], 5.0
    text = unicodedata.normalize("NFKC", re.sub(r"\s?([½¼¾])", _decimal, text))
    text = re.sub(r"(?<=\d)\s1/2\b(?!\d)", ".5", text)
    text = re.sub(rf"^[{_STAR}☆]+\s*(?=\d)|(?<=\d)\s*[{_STAR}☆]{{2,}}$", "★", text)
    text = re.sub(r"^★(.*)", r"\1★", text)
    if word := _WORDS.get(re.sub(r"[\s_-]+stars?$", "", text.casefold())):
        return word
    match = _TOTAL_FIRST.match(text) or _VALUE_FIRST.match(text)
    # "2021-10-02" and "4-5" are no ratings
    if match is None or re.match(
        r"\s*[-–/:.,]?\s*\d|\s*(?:people|person|users?)\b", text[match.end() :]
    ):
        return None
    return _checked(match.groupdict())


def _decimal(match: re.Match[str]) -> str:
    return f"{_HALVES[match[1]]:g}"[1:]  # "4½" is "4.5"


def _checked(groups: dict[str, str | None]) -> tuple[float, float | None] | None:
    rating = float(str(groups["value"]).replace(",", "."))
    total = groups.get("total") or groups.get("most")
    highest = float(total) if total else 100.0 if groups.get("percent") else None
    if highest is None and groups.get("stars"):
        highest = 5.0 if rating <= 5 else 10.0
    if not math.isfinite(rating) or not math.isfinite(highest or 0.0):
        return None
    return None if highest is not None and rating > highest else (rating, highest)


def parse_votes(value: Any) -> int | None:
    """``"12"``, ``"1,234"``, ``"1.2k"`` or ``"67 out of 144"`` -> 12, 1234, 1200, 67; anything else
    -> None.
    """
    text = str(value).strip()
    thousands = re.match(r"(\d{1,6}(?:\.\d)?)\s*[kK]\b", text)
    if thousands:
        return round(float(thousands.group(1)) * 1000)
    word = re.match(r"(one|no)\b", text, re.IGNORECASE)
    if word:
        return int(word.group(1).casefold() == "one")
    match = re.match(r"(\d{1,3}(?:[,.\u00a0 ]\d{3})+(?!\d)|\d{1,12}(?!\d))", text)
    return int(re.sub(r"\D", "", match.group(1))) if match else None
