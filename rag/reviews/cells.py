"""What the cells of a review file mean: text, ratings, votes, dates."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from dateutil import parser as date_parser

_RATING = re.compile(r"(-?\d+(?:[.,]\d+)?)(?:\s*(?:/|out of|of)\s*(\d+))?")


def clean_text(text: str) -> str:
    """Text as stored: Unicode NFC, HTML entities and tags turned to text, blanks tidied, paragraphs kept.

    Only things that look like tags (``<b>``, ``<br />``) go, so that "I <3 this" stays.
    """
    text = html.unescape(text)
    text = re.sub(r"<\s*(?:br|/?p|/?div|/?li)\b[^<>]*>", "\n", text, flags=re.IGNORECASE)
    text = re.sub(r"</?[a-zA-Z][^<>]{0,200}>", "", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs"))
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r" ?\n ?(?:\n ?)*", lambda gap: "\n\n" if gap.group().count("\n") > 1 else "\n", text).strip()


def parse_rating(value: Any) -> tuple[float, float | None] | None:
    """``"8"`` -> (8, None); ``"8/10"`` -> (8, 10); ``"N/A"``, blanks and non-numbers -> None."""
    match = _RATING.match(str(value).strip())
    if match is None:
        return None
    rating = float(match.group(1).replace(",", "."))
    highest = float(match.group(2)) if match.group(2) else None
    return (rating, highest) if math.isfinite(rating) and math.isfinite(highest or 0.0) else None


def parse_votes(value: Any) -> int | None:
    """``"12"``, ``"1,234"`` or ``"67 out of 144"`` -> 12, 1234, 67; anything else -> None."""
    match = re.match(r"\s*(\d{1,3}(?:[,.\u00a0 ]\d{3})+(?!\d)|\d{1,12}(?!\d))", str(value))
    return int(re.sub(r"\D", "", match.group(1))) if match else None


def parse_date(value: Any) -> str:
    """ISO date of ``2021-10-02``, ``Jan 5, 2022``, ``31-Jul-18`` or a Unix time in (milli)seconds; else empty."""
    text = str(value).strip()
    if re.fullmatch(r"\d{9,10}|\d{12,13}", text):
        seconds = int(text) / (1000 if len(text) > 10 else 1)
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    if not re.search(r"\d", text) or len(text) > 40:
        return ""
    try:
        date = date_parser.parse(text, default=datetime(1, 1, 1), ignoretz=True).date()  # "2022" is 2022-01-01
    except (ValueError, OverflowError):
        return ""
    return "" if date.year == 1 else date.isoformat()  # "5 May" or "10:30" names no year
