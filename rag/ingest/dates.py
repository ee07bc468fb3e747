"""Dates as people and programs write them; and what 02/03/2024 means in a whole column.

What is no date, an impossible one or one outside `_YEARS` gives no date at all, never another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

_YEARS = range(1900, 2101)
_LONGEST = 80  # characters; a longer text is no date
_MOST_AGAINST = 0.1  # share of dates that may show the other order before it is not known

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia"
            " styczeń января январь ocak",
            "february feb februar février fevrier févr febrero febbraio fevereiro fev februari"
            " lutego luty февраля февраль şubat",
            "march mar märz maerz mrz mars marzo março marco maart marca marzec марта март mart",
            "april apr avril avr abril abr aprile kwietnia kwiecień апреля апрель nisan",
            "may mai mayo maggio mag maio mei maja maj мая май mayıs",
            "june jun juni juin junio giugno giu junho czerwca czerwiec июня июнь haziran",
            "july jul juli juillet juil julio luglio lug julho lipca lipiec июля июль temmuz",
            "august aug août aout agosto ago augustus sierpnia sierpień августа август ağustos",
            "september sep sept septembre septiembre settembre set setembro września wrzesień"
            " сентября сентябрь eylül",
            "october oct oktober okt octobre octubre ottobre ott outubro out października"
            " październik октября октябрь ekim",
            "november nov novembre noviembre novembro listopada listopad ноября ноябрь kasım",
            "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro"
            " grudnia grudzień декабря декабрь aralık",
        ),
        1,
    )
    for name in names.split()
}
_TIME = re.compile(
    r"(?<!\d)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\b\.?)?(?:\s*[+-]\d{2}:?\d{2}\b)?",
    re.IGNORECASE,
)
_UNIX = re.compile(r"(\d{9,10})(?:\.\d+)?|(\d{12,13})(?:\.0+)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?\d{4}(?:\d{2})?Z?)?", re.ASCII)
_BEFORE, _AFTER = r"(?<![\w./-])", r"(?![\d_]|[./-]\d)"
_YEAR_FIRST = re.compile(
    rf"{_BEFORE}(\d{{4}})\s?([-/._])\s?(\d{{1,2}})(?:\s?\2\s?(\d{{1,2}}))?{_AFTER}"
)
_EAST_ASIAN = re.compile(
    r"(\d{4})\s*[年년]\s*(?:(\d{1,2})\s*[月월]\s*(?:(\d{1,2})\s*[日일号號]?)?)?(?!\d)"
)
_NUMERIC = re.compile(
    rf"{_BEFORE}(\d{{1,2}})\s?([./-])\s?(\d{{1,2}})\s?\2\s?(\d{{4}}|\d\d){_AFTER}"
)
_MONTH_AND_YEAR = re.compile(r"(\d{1,2})\s?[./-]\s?(\d{4})")
_WORD = r"(?P<month>[^\W\d_]{3,12})\.?"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_WITH_WORDS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WORD}[\s-]+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s,-]+{_YEAR}",
        r"(?<!\d)(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s*(?:de\s+|of\s+|[-/ ])?\s*"
        rf"{_WORD},?\s*(?:de\s+|[-/ ])?\s*(?P<year>\d{{4}}|\d\d)\b",
        rf"(?<!\d){_YEAR}[\s,/-]+{_WORD}[\s,/-]+(?P<day>\d{{1,2}})(?!\d)",
        rf"{_WORD},?\s*(?:de\s+|[-/’' ])?\s*{_YEAR}",
    )
)


def parse_date(value: Any, *, day_first: bool | None = None) -> str:
    """ISO date of ``2021-10-02``, ``2021/10/2``, ``Jan 5, 2022``, ``2. März 2021``,
    ``2021年10月2日``, a Unix time in (milli)seconds ...; else empty.

    Where no day or no month is given, it is the first. `day_first` decides what ``02/03/2021``
    means (None: the month is first, but for dots); a number above 12 is the day in any case.
    """
    if isinstance(value, (datetime, date)):
        return _iso(value.year, value.month, value.day)
    text = unicodedata.normalize("NFKC", str(value)).strip()
    if len(text) > _LONGEST or not any(character.isdigit() for character in text):
        return ""
    if unix := _UNIX.fullmatch(text):
        seconds = int(unix[1]) if unix[1] else int(unix[2]) / 1000
        moment = datetime.fromtimestamp(seconds, UTC)
        return _iso(moment.year, moment.month, moment.day)
    if compact := _COMPACT.fullmatch(text):
        return _iso(*compact.groups())
    text = _TIME.sub(" ", text).strip()
    if year_first := _YEAR_FIRST.search(text):
        return _iso(year_first[1], year_first[3], year_first[4])
    if east_asian := _EAST_ASIAN.search(text):
        return _iso(*east_asian.groups())
    if numeric := _NUMERIC.search(text):
        return _numeric_date(numeric, day_first)
    if month_and_year := _MONTH_AND_YEAR.fullmatch(text):
        return _iso(month_and_year[2], month_and_year[1])
    for pattern in _WITH_WORDS:
        for match in pattern.finditer(text):
            if month := _MONTHS.get(match["month"].casefold()):
                return _iso(_full_year(match["year"]), month, match.groupdict().get("day"))
    return _iso(text) if re.fullmatch(r"\d{4}", text) else ""


def _numeric_date(match: re.Match[str], day_first: bool | None) -> str:
    first, second = int(match[1]), int(match[3])
    if day_first is None:
        day_first = match[2] == "."
    if second <= 12 and (first > 12 or day_first):
        first, second = second, first
    return _iso(_full_year(match[4]), first, second)


def _full_year(text: str) -> int:
    year = int(text)
    return year if year > 99 else year + (2000 if year < 70 else 1900)


def _iso(year: Any, month: Any = None, day: Any = None) -> str:
    try:
        parsed = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return ""
    return parsed.isoformat() if parsed.year in _YEARS else ""


@dataclass(slots=True)
class DateOrder:
    """Whether the day or the month comes first in a column of dates: read all, then `settle`."""

    day_first: bool | None = None  # None: not settled, or the column says both
    reason: str = ""
    unclear: int = 0  # dates that could be either
    example: str = ""  # the first of them
    _shown: Counter[bool] = field(default_factory=Counter)  # day first? -> dates that show it
    _examples: dict[bool, str] = field(default_factory=dict)

    def read(self, value: Any) -> str:
        """The ISO date, or empty; where only the whole column tells, the date as it is written."""
        parsed = parse_date(value)
        text = str(value).strip()
        match = _NUMERIC.search(_TIME.sub(" ", text)) if parsed else None
        if match is None or _YEAR_FIRST.search(text):
            return parsed
        first, second = int(match[1]), int(match[3])
        if max(first, second) > 12:
            self._shown[first > 12] += 1
            self._examples.setdefault(first > 12, text)
        elif first != second:
            self.unclear, self.example = self.unclear + 1, self.example or text
            return text
        return parsed

    def settle(self, column: str, earlier: Mapping[str, Any] | None = None) -> None:
        """Decide, once the column has been read; `earlier` is what an earlier import decided."""
        days, months = self._shown[True], self._shown[False]
        before = (earlier or {}).get("day_first")
        if not self.unclear:
            return
        if min(months, days) > _MOST_AGAINST * (months + days):
            self.reason = (
                f"some show the day first ({self._examples[True]}), some the month "
                f"({self._examples[False]}); dates that could be either are left out"
            )
        elif months != days:
            self.day_first = days > months
            self.reason = f"{self._first} first, as {self._examples[self.day_first]} shows"
        elif before is not None:
            self.day_first = bool(before)
            self.reason = f"{self._first} first, as before"
        else:
            # dots are written where days come first, and so are most languages but English
            self.day_first = "." in self.example or not _in_english(column)
            self.reason = (
                "nothing shows whether the day or the month comes first; 02/03 is taken for the "
                f"{'2nd of March' if self.day_first else '3rd of February'}"
            )

    @property
    def _first(self) -> str:
        return f"the {'day' if self.day_first else 'month'} comes"

    def settled(self, written: str) -> str:
        """The ISO date of what `read` returned."""
        if not written or re.fullmatch(r"\d{4}-\d\d-\d\d", written):
            return written
        return "" if self.day_first is None else parse_date(written, day_first=self.day_first)


def _in_english(column: str) -> bool:
    return column.isascii() and not re.search(
        r"datum|fecha|\bdata\b|tarih|jour|dzie", column.casefold()
    )
