"""What the cells of a review file mean: ratings, votes, dates."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Any

from dateutil import parser as date_parser

_NUMBER = r"-?\d+(?:[.,]\d+)?"
_RATING = re.compile(
    rf"(?:rated?|rating:?|score:?)?\s*({_NUMBER})\s*(?:(?:/|out "
    r"of|of|von|sur|de|su|z)\s*(\d+)|(%))?",
    re.IGNORECASE,
)
_STARS = re.compile(r"^\s*([★⭐✭✮✯*]+)([½]?)([☆✩✰]*)\s*$")
_WORDS = {
    "recommended": (1.0, 1.0),
    "yes": (1.0, 1.0),
    "true": (1.0, 1.0),
    "positive": (1.0, 1.0),
    "pos": (1.0, 1.0),
    "thumbs up": (1.0, 1.0),
    "fresh": (1.0, 1.0),
    "not recommended": (0.0, 1.0),
    "no": (0.0, 1.0),
    "false": (0.0, 1.0),
    "negative": (0.0, 1.0),
    "neg": (0.0, 1.0),
    "thumbs down": (0.0, 1.0),
    "rotten": (0.0, 1.0),
    "one": (1.0, 5.0),
    "two": (2.0, 5.0),
    "three": (3.0, 5.0),
    "four": (4.0, 5.0),
    "five": (5.0, 5.0),
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            """january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia styczeń января
            январь ocak""",
            """february feb februar février fevrier févr febrero febbraio fevereiro fev februari lutego luty февраля
            февраль şubat""",
            "march mar märz maerz mrz mars marzo março marco maart marca marzec марта март mart",
            "april apr avril avr abril abr aprile kwietnia kwiecień апреля апрель nisan",
            "may mai mayo maggio mag maio mei maja maj мая май mayıs",
            "june jun juni juin junio giugno giu junho czerwca czerwiec июня июнь haziran",
            "july jul juli juillet juil julio luglio lug julho lipca lipiec июля июль temmuz",
            "august aug août aout agosto ago augustus sierpnia sierpień августа август ağustos",
            """september sep sept septembre septiembre settembre set setembro września wrzesień сентября сентябрь
            eylül""",
            """october oct oktober okt octobre octubre ottobre ott outubro out października październik октября октябрь
            ekim""",
            "november nov novembre noviembre novembro listopada listopad ноября ноябрь kasım",
            """december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro grudnia grudzień декабря
            декабрь aralık""",
        ),
        1,
    )
    for name in names.split()
}
_CJK_DATE = re.compile(r"(\d{4})\s*[年년.]\s*(\d{1,2})\s*[月월.]\s*(\d{1,2})\s*[日일.]?")
_DAY_FIRST = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s*(?:de\s+|of\s+|[-/ "
    r"])?\s*([^\W\d_]{3,12})\.?,?\s*(?:de\s+|[-/ ])?\s*"
    r"(\d{4}|\d{2})\b"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b")
_NUMERIC = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})\b")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?!\d)")


def parse_rating(value: Any) -> tuple[float, float | None] | None:
    """The rating and the top of its scale, where the value says it.

    ``"8"`` -> (8, None); ``"8/10"`` -> (8, 10); ``"★★★½☆"`` -> (3.5, 5); ``"80%"`` -> (80, 100);
    ``"not recommended"`` -> (0, 1); ``"N/A"``, blanks and other words -> None.
    """
    text = (
        unicodedata.normalize("NFKC", str(value)).strip()
        if not isinstance(value, str)
        else value.strip()
    )
    stars = _STARS.match(text)
    if stars:
        full, half, empty = len(stars.group(1)), 0.5 if stars.group(2) else 0.0, len(stars.group(3))
        return full + half, float(max(5, full + empty))
    if text == "½":
        return 0.5, 5.0
    known = _WORDS.get(text.casefold())
    if known:
        return known
    match = _RATING.match(text)
    if match is None:
        return None
    rest = text[match.end() :].strip().casefold()
    rating = float(match.group(1).replace(",", "."))
    highest = 100.0 if match.group(3) else float(match.group(2)) if match.group(2) else None
    if highest is None and rest.startswith(("star", "étoile", "estrella", "stern", "★", "⭐")):
        highest = 5.0 if rating <= 5 else 10.0
    return (rating, highest) if math.isfinite(rating) and math.isfinite(highest or 0.0) else None


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


def parse_date(value: Any, *, day_first: bool = False) -> str:
    """ISO date of ``2021-10-02``, ``Jan 5, 2022``, ``2. März 2021``, a Unix time in (milli)seconds
    ...; else empty.

    `day_first` decides what ``02/03/2021`` means; where one number is above 12, that is the day in
    any case.
    """
    if isinstance(value, (datetime, date)):
        return value.isoformat()[:10] if value.year > 1 else ""
    text = str(value).strip()
    if re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):
        seconds = float(text) / (1000 if len(text.partition(".")[0]) > 10 else 1)
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    if not re.search(r"\d", text) or len(text) > 80:
        return ""
    if iso := _ISO.match(text):
        return _iso(iso.group(1), iso.group(2), iso.group(3))
    if cjk := _CJK_DATE.search(text):
        return _iso(*cjk.groups())
    if numeric := _NUMERIC.search(text):
        first, second, year = int(numeric.group(1)), int(numeric.group(3)), _year(numeric.group(4))
        # dots are written where days come first
        if second <= 12 and (first > 12 or day_first or (numeric.group(2) == "." and first <= 31)):
            first, second = second, first
        return _iso(year, first, second)
    for pattern, day, month, year in ((_MONTH_FIRST, 2, 1, 3), (_DAY_FIRST, 1, 2, 3)):
        for match in pattern.finditer(text):
            if match.group(month).casefold() in _MONTHS:
                return _iso(
                    _year(match.group(year)),
                    _MONTHS[match.group(month).casefold()],
                    match.group(day),
                )
    if len(text) > 40:
        return ""
    try:
        # "2022" is 2022-01-01
        found = date_parser.parse(
            text, default=datetime(1, 1, 1), ignoretz=True, dayfirst=day_first
        ).date()
    except (ValueError, OverflowError):
        return ""
    return "" if found.year == 1 else found.isoformat()  # "5 May" or "10:30" names no year


def names_day_first(value: Any) -> bool | None:
    """Whether a date in numbers shows that the day comes first ("13/02/2020"); None where it does
    not show.
    """
    match = _NUMERIC.search(str(value))
    if match is None:
        return None
    first, second = int(match.group(1)), int(match.group(3))
    return True if first > 12 >= second else False if second > 12 >= first else None


def _year(text: str) -> int:
    year = int(text)
    return year if year > 99 else year + (2000 if year < 70 else 1900)


def _iso(year: Any, month: Any, day: Any) -> str:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""
