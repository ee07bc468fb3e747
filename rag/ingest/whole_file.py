"""What only a whole file tells: the scale of its ratings, and whether the day or the month comes
first in its dates.

Until a file has been read to its end, a review's rating has no scale, and a date that could be
either is kept as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag.ingest.column_content import is_nothing
from rag.ingest.columns import Recognised
from rag.ingest.dates import DateOrder
from rag.ingest.report import ColumnChoice, ReadReport, Unread
from rag.ingest.scales import Ratings, Scale, earlier_scale
from rag.ingest.values import parse_rating
from rag.schema import Review

_NO_SCALE = Review("", "")


class WholeFile:
    """Ratings and dates of one file: read each, then `settle`, then each review as `settled`."""

    def __init__(
        self,
        recognised: Recognised,
        scale: tuple[float, float] | None = None,
        earlier: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """`scale` is what the user says; `earlier` are the records of the index's imports."""
        self._recognised = recognised
        self._given = None if scale is None else Scale(*scale, "you said so")
        self._earlier = earlier
        self._ratings = Ratings()
        self._order = DateOrder()
        self._scale: Scale | None = None
        self._unread: dict[str, Unread] = {}

    def rating(self, value: Any) -> tuple[float | None, float]:
        """The rating of a cell, and the total that is written with it (0 where none is)."""
        if is_nothing(value):
            return None, 0.0
        parsed = parse_rating(value)
        if parsed is None:
            self._count_unread("rating", value)
            return None, 0.0
        self._ratings.see(*parsed)
        return parsed[0], parsed[1] or 0.0

    def date(self, value: Any) -> str:
        """The ISO date of a cell, or the date as it is written until `settled` knows it."""
        if is_nothing(value):
            return ""
        parsed = self._order.read(value)
        if not parsed:
            self._count_unread("date", value)
        return parsed

    def _count_unread(self, name: str, value: Any, count: int = 1) -> None:
        unread = self._unread.get(name, Unread(0, str(value).strip()[:40]))
        self._unread[name] = replace(unread, count=unread.count + count)

    def settle(self, report: ReadReport) -> None:
        """Decide, once all rows have been read, and say so in the report."""
        date = report.columns.get("date")
        if date is not None:
            self._order.settle(date.name, self._earlier_import("date"))
            if self._order.reason:
                reason = f"{date.reason}; {self._order.reason}"
                report.columns = {**report.columns, "date": ColumnChoice(date.name, reason)}
            if self._order.unclear and self._order.day_first is None:
                self._count_unread("date", self._order.example, self._order.unclear)
        report.day_first = self._order.day_first
        if len(self._ratings):
            self._scale = self._ratings.scale(self._given, self._hints())
            report.rating_scale, report.rating_reason = str(self._scale), self._scale.reason
            if outside := self._ratings.outside(self._scale):
                example = f"{next(iter(outside)):g} is outside {self._scale}"
                self._count_unread("rating", example, sum(outside.values()))
        report.unread = self._unread

    def _hints(self) -> Iterator[Scale]:
        if earlier := earlier_scale(self._earlier_import("rating")):
            yield earlier
        yield from self._recognised.scales

    def _earlier_import(self, name: str) -> Mapping[str, Any] | None:
        """The latest import of a file whose text and whose field `name` had the same columns."""
        columns = {key: choice.name for key, choice in self._recognised.columns.items()}
        same = (
            record
            for record in reversed(self._earlier)
            if all(record["columns"].get(key) == columns.get(key) for key in ("text", name))
        )
        return next(same, None)

    def settled(self, review: Review) -> Review:
        """The review with its rating on the scale, and its date as ISO."""
        date = self._order.settled(review.date)
        if self._scale is None:
            return replace(review, date=date, rating_max=_NO_SCALE.rating_max)
        lowest, highest = self._scale.lowest, self._scale.highest
        rating, total = review.rating, review.rating_max
        if total and total != highest:  # "3/4" among marks out of ten
            lowest, highest = (lowest if lowest < total else 0.0), total
        elif rating is not None and rating not in self._scale:
            rating = None
        return replace(review, date=date, rating=rating, rating_min=lowest, rating_max=highest)
