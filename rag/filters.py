"""Which reviews may be used for an answer: ``rating >= 8 and date >= 2024-12 and language = en``.

Conditions are joined by "and". Fields: item, rating, date, language, source. Operators: = != < <= >
>=, and ~ for an item, language or source that contains the value. A rating is compared as the
reviewer gave it, or, with a percent sign, as a share of its scale. A date may be cut short ("2024",
"2024-12"): then the reviews' dates are cut alike before they are compared. For =, != and ~, several
values may be given with "|" between them, and quotation marks keep blanks and signs in a value
together; one inside is doubled.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rag.schema import Review, SettingsError

FIELDS = ("item", "rating", "date", "language", "source")
_TEXTS = ("item", "language", "source")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "~": operator.contains,
}
_VALUE = r'(?:"(?:[^"]|"")*"|[^\s"|<>=!][^\s"|]*)'
_CONDITION = re.compile(
    rf"\s*([A-Za-z_]+)\s*(<=|>=|!=|==|=|<|>|~)\s*({_VALUE}(?:\s*\|\s*{_VALUE})*)\s*"
)
_AND = re.compile(r"(?:and\b|&&)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
_BARE = re.compile(r"[\w.:/+%-]+")
EXAMPLE = 'for example: rating >= 8 and date >= 2024-12 and item = "Room 12"'


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; of `values` one must hold for "=" and "~", and all for "!="."""

    field: str
    operator: str
    values: tuple[str, ...]

    def holds(self, review: Review) -> bool:
        """Whether a review meets it. A review that lacks the field meets only "!="."""
        compare = _OPERATORS[self.operator]
        return (all if self.operator == "!=" else any)(
            self._one(review, compare, value) for value in self.values
        )

    def _one(self, review: Review, compare: Callable[[Any, Any], bool], value: str) -> bool:
        if self.field == "rating":
            share = value.endswith("%")
            mine = review.rating_fraction if share else review.rating
            return (
                self.operator == "!="
                if mine is None
                else compare(mine, float(value.rstrip("%")) / (100 if share else 1))
            )
        text = str(getattr(review, self.field))
        if not text:
            return self.operator == "!="
        if self.field == "date":
            return compare(text[: len(value)], value)
        return compare(text.casefold(), value.casefold())


def parse_where(text: str) -> tuple[Condition, ...]:
    """The conditions that `text` states. Raises `SettingsError` that says where it cannot be read."""
    conditions = []
    place = 0
    while place < len(text.rstrip()):
        match = _CONDITION.match(text, place)
        if match is None:
            raise SettingsError(
                f'Cannot read the condition "{text}" from character {place + 1} on '
                f'("{text[place : place + 20].strip()}"). '
                f"Write FIELD OPERATOR VALUE, joined by and; {EXAMPLE}"
            )
        conditions.append(_condition(match.group(1).lower(), match.group(2), match.group(3)))
        place = match.end()
        joint = _AND.match(text, place)
        if place < len(text) and (joint is None or joint.end() >= len(text.rstrip())):
            raise SettingsError(
                f'In "{text}", "and" and a further condition are expected at character {place + 1}.'
            )
        place = joint.end() if joint else place
    return tuple(conditions)


def _condition(field: str, sign: str, stated: str) -> Condition:
    if field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise SettingsError(
            f'Reviews cannot be chosen by "{field}", only by {", ".join(FIELDS)}.{hint}'
        )
    values = tuple(_unquoted(part) for part in re.findall(_VALUE, stated))
    if field in _TEXTS and sign not in ("=", "==", "!=", "~"):
        raise SettingsError(f'"{field} {sign}" makes no sense: compare {field} with =, != or ~.')
    if field not in _TEXTS and sign == "~":
        raise SettingsError(
            f'"{field} ~" makes no sense: only {", ".join(_TEXTS)} can contain something.'
        )
    if len(values) > 1 and sign not in ("=", "==", "!=", "~"):
        raise SettingsError(
            f'"{field} {sign}" takes one value, not {len(values)}; only =, != and ~ take several.'
        )
    for value in values:
        if field == "rating" and not re.fullmatch(r"-?\d+(?:\.\d+)?%?", value):
            raise SettingsError(
                f'"{value}" is no rating: write a number, or a share of the scale such as 80%.'
            )
        if field == "date" and not _DATE.fullmatch(value):
            raise SettingsError(f'"{value}" is no date: write 2024, 2024-12 or 2024-12-31.')
    return Condition(field, "=" if sign == "==" else sign, values)


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def where_text(conditions: Sequence[Condition]) -> str:
    """The conditions in words that `parse_where` reads as these very conditions."""
    return " and ".join(
        f"{condition.field} {condition.operator} {' | '.join(map(_quoted, condition.values))}"
        for condition in conditions
    )


def _quoted(value: str) -> str:
    return value if _BARE.fullmatch(value) else '"' + value.replace('"', '""') + '"'
