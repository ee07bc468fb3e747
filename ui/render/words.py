"""Numbers, times, sizes and reviews in words, for templates and widgets. Plain text: whoever shows
it escapes it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from rag.answer import plain_markdown
from rag.schema import Review, fraction_of_scale, rating_words

if TYPE_CHECKING:
    from rag.index.profile import Profile

EXCERPT_CHARACTERS = 240

Span = tuple[int, int]
"""Where a quotation begins and ends, in characters of its review."""


# what Streamlit's Markdown makes a link of, though it is escaped: it looks at the text itself
_LINKED = re.compile(r"https?\\:(?=\\/)|\bwww(?=\\\.)|\\@", re.IGNORECASE)
_JOINER = "\u2060"  # has no width, and breaks no line


def as_markdown(text: str) -> str:
    """`text` such that a widget shows it as it is: no markup of it counts, and no address of it
    becomes a link.
    """
    return _LINKED.sub(lambda match: match[0] + _JOINER, plain_markdown(text))


def one_line(text: str) -> str:
    """`text` with one space wherever it has spaces or line breaks."""
    return " ".join(text.split())


def count(number: Any) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}" if isinstance(number, int) else str(number)


def plural(number: Any, noun: str) -> str:
    """ "1 row", "2 rows"."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A span of time in words: "40 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(number: float) -> str:
    """Bytes in words."""
    if number < 1000:
        return f"{number:.0f} bytes"
    unit = next((place for place in (1, 2) if number < 1000 ** (place + 1)), 3)
    scaled = number / 1000**unit
    return f"{scaled:.{0 if scaled >= 10 and unit < 3 else 1}f} {('KB', 'MB', 'GB')[unit - 1]}"


def moment(at: datetime | float) -> str:
    """Day and time of this machine's clock; a number is in seconds since 1970."""
    when = at if isinstance(at, datetime) else datetime.fromtimestamp(at)
    return f"{when.astimezone():%-d %b %Y, %H:%M}"


def day(iso: str) -> str:
    """ "3 Oct 2021"; what is not an ISO date stays as it is."""
    try:
        return f"{date.fromisoformat(iso):%-d %b %Y}"
    except ValueError:
        return iso


def excerpt(text: Any, most: int = EXCERPT_CHARACTERS) -> str:
    """The beginning of a text, on one line, of `most` characters at most."""
    text = str(text)
    line = one_line(text[: 4 * most])
    return line if len(line) <= most and len(text) <= 4 * most else line[:most].rstrip() + " …"


def pieces(text: str, spans: Iterable[Span], begins: int = 0) -> list[tuple[str, bool]]:
    """`text` divided where a quotation begins or ends, each piece with whether it is quoted.

    `spans` may overlap, touch, or reach outside; they count from the start of the review, of which
    `text` is the part that `begins` there.
    """
    quoted = set(
        itertools.chain.from_iterable(
            range(max(start - begins, 0), min(end - begins, len(text))) for start, end in spans
        )
    )
    runs = itertools.groupby(range(len(text)), key=quoted.__contains__)
    return [("".join(text[place] for place in run), inside) for inside, run in runs]


def filled_stars(review: Review) -> float | None:
    """How many of a hundred parts of the stars are filled; None without a rating.

    They count from zero, so that the lowest mark of a scale of 1 to 5 shows one star, as the
    reviewer saw it.
    """
    share = fraction_of_scale(review.rating, min(0.0, review.rating_min), review.rating_max)
    return None if share is None else round(share * 100)


def average(profile: Profile) -> str | None:
    """The average rating: "6.96 of 10"; None where nothing is rated."""
    if profile.average is None or profile.scale is None:
        return None
    unit = "%" if profile.percent else f" of {profile.scale[1]:g}"
    if profile.rated == 1:
        return f"{profile.average:g}{unit}"
    return f"{profile.average:.{0 if profile.percent else 2}f}{unit}"


def time_span(profile: Profile) -> str | None:
    """The first and the last day; None where no review has a date."""
    if profile.dates is None:
        return None
    return " – ".join(dict.fromkeys(map(day, profile.dates)))


def helpful(review: Review) -> str:
    """How many readers found a review helpful; empty where nobody did."""
    return f"{review.helpful_votes} found this helpful" if review.helpful_votes else ""


def review_address(review_id: str, index: str) -> str:
    """The address of a review, as a link on any page of the app."""
    return "browse?" + urlencode({"index": index, "review": review_id})


def quoted(text: str) -> str:
    """In quotation marks, with what cannot be printed escaped."""
    return repr(text)


def counted(counts: Mapping[str, int] | None) -> str:
    """ "html 12, spaces 3"; empty where there is nothing."""
    return ", ".join(f"{name} {count(number)}" for name, number in (counts or {}).items())


FILTERS = (
    average,
    time_span,
    counted,
    count,
    plural,
    size,
    moment,
    day,
    excerpt,
    pieces,
    filled_stars,
    helpful,
    duration,
    rating_words,
    one_line,
    quoted,
    review_address,
)
