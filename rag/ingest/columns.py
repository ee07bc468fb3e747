"""Which column holds what: by a known layout, by name in a dozen languages, and by what is in it.

A name proposes, the content decides between names and may veto: a "title" that says the same in
most rows is the item's, a "review" full of numbers is a rating. A column that answers a review is
never the review. Every choice has a reason that can be shown.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rag.ingest import column_names as named
from rag.ingest import text_columns
from rag.ingest.column_content import FEW, Content, content_of, fits
from rag.ingest.column_names import FIELDS, KINDS
from rag.ingest.formats.rows import Row
from rag.ingest.layouts import Layout, known_layout
from rag.ingest.report import ColumnChoice
from rag.ingest.scales import Scale, named_scale, parse_scale, scale_beside
from rag.ingest.text_parts import TextColumn, text_column
from rag.schema import ReviewFileError

JOIN = "+"  # between the columns of a text in several parts
_OF_A_REVIEW = ("review_id", "rating", "title", "author", "helpful_votes")


@dataclass(frozen=True, slots=True)
class Recognised:
    """The column of each field that was found, with the reason.

    `text` are the columns that the text stands in, `scales` what the columns say of the ratings'
    scale, the surest first.
    """

    columns: dict[str, ColumnChoice]
    text: tuple[TextColumn, ...]
    layout: str = ""
    unused: list[str] = field(default_factory=list)
    scales: tuple[Scale, ...] = ()


def recognise(
    names: Sequence[str], sample: Sequence[Row], mapping: Mapping[str, str], where: str
) -> Recognised:
    """The columns of a file with these column names and first rows; `mapping` (field -> column)
    overrides.

    An empty column in `mapping` switches the field off; the text may be several, joined by "+".
    Raises `ReviewFileError` where the text cannot be found, with the columns that are there and the
    nearest guess, and for a field or column in `mapping` that does not exist.
    """
    if not names:
        raise ReviewFileError(f"{where} has no columns.")
    choice = _Choice(list(names), sample, mapping, where)
    layout = known_layout(names)
    if layout is not None:
        choice.of_layout(layout)
    choice.of_text()  # first: a column called "review" must not be taken for anything else
    if not choice.text:
        raise ReviewFileError(_no_text(choice.names, choice.content, where))
    # then the item, for it tells whose ratings are whose
    for name in ("item", *FIELDS):
        choice.of_field(name)
    choice.of_name_alone()
    choice.title_or_item()
    return Recognised(
        {name: choice.found[name] for name in FIELDS if name in choice.found},
        choice.text,
        layout.name if layout else "",
        [name for name in names if name not in choice.taken],
        tuple(choice.scales(layout)),
    )


class _Choice:
    """The columns chosen so far, and what the choice goes by."""

    def __init__(
        self, names: list[str], sample: Sequence[Row], mapping: Mapping[str, str], where: str
    ) -> None:
        self.names = names
        self.sample = sample
        self.content = {name: content_of([row.cells.get(name) for row in sample]) for name in names}
        self.found: dict[str, ColumnChoice] = {}
        self.text: tuple[TextColumn, ...] = ()
        self.taken: set[str] = set()
        self.by_hand = set(mapping)
        self.off = {name for name, column in mapping.items() if not column}
        for name, columns in _checked(mapping, names, where).items():
            if columns:
                self._take(name, columns, "you said so")

    def _take(self, name: str, columns: Sequence[str], reason: str) -> None:
        self.found[name] = ColumnChoice(JOIN.join(columns), reason)
        self.taken.update(columns)
        if name == "text":
            several = len(columns) > 1
            self.text = tuple(
                text_column(column) if several else TextColumn(column) for column in columns
            )

    def of_layout(self, layout: Layout) -> None:
        """Take what a known layout says; what it has no column for is not looked for."""
        for name, column in layout.fields.items():
            if name in self.found or name in self.by_hand:
                continue
            if not column:
                self.off.add(name)
            elif column not in self.taken and self.content[column].filled:
                self._take(name, [column], f"the layout of {layout.name}")

    def of_text(self) -> None:
        """Find the columns of the text: by its sides, by name, by being asked for, by length."""
        if "text" in self.found or "text" in self.off:
            return
        free = self._free("text")
        parts = text_columns.with_sides(free, self.content, self.sample)
        by_name = text_columns.best_named(self._by_name("text"), self.content)
        asked = text_columns.questions(free, self.content)
        long = text_columns.longest(free, self.content)
        if parts:
            self._take("text", parts, "together they are the review: what is liked, and what not")
        elif by_name:
            self._take("text", by_name[:1], f"named like {KINDS['text']}")
        elif len(self.names) == 1 and self.content[self.names[0]].filled:
            self._take("text", self.names, "the only column")
        elif len(asked) > 1:
            self._take("text", asked, "the questions that were answered in words")
        elif long:
            half = self.content[long].median
            self._take("text", [long], f"the longest texts (half of them over {half} characters)")

    def of_field(self, name: str) -> None:
        """Find the column of a field, unless it has one or is to have none."""
        if name in self.found or name in self.off:
            return
        if by_name := self._by_name(name):
            self._take(name, by_name[:1], f"named like {KINDS[name]}")
            return
        free = [column for column in self._free(name) if self.content[column].filled]
        dated = [column for column in free if _holds_dates(self.content[column])]
        marks = [column for column in free if _holds_marks(column, self.content[column])]
        if name == "date" and len(dated) == 1:
            self._take(name, dated, "it holds dates")
        if name == "rating" and len(marks) == 1:
            self._take(name, marks, "a few different marks")

    def of_name_alone(self) -> None:
        """A column "name" is the item's where it repeats, where the author has another one, and
        where the text is inside of something that it is not; else the author's.
        """
        for column in self.names:
            if named.plain(column) != "name" or column in self.taken:
                continue
            content = self.content[column]
            repeats = content.filled >= FEW and content.different < 0.5
            inside = bool(self._parent) and not named.parent(column)
            if not repeats and not inside and "author" not in self.found:
                name, reason = "author", f"named like {KINDS['author']}"
            elif content.filled < FEW or content.different <= 0.9 or inside:
                name, reason = "item", "a name that is not the author's"
            else:
                continue  # each review has its own
            if name not in self.found and name not in self.off:
                self._take(name, [column], reason)

    def title_or_item(self) -> None:
        """A headline is written for its review; a "title" that comes again and again is that of
        what is reviewed.
        """
        title = self.found.get("title")
        if title is None or "title" in self.by_hand:
            return
        content = self.content[title.name]
        texts = self.content[self.text[0].name]
        if content.filled < FEW or content.different >= 0.3 * texts.different:
            return
        del self.found["title"]
        self.taken.discard(title.name)
        if "item" not in self.found and "item" not in self.off:
            reason = "a title that many reviews share is that of what they review"
            self._take("item", [title.name], reason)

    def scales(self, layout: Layout | None) -> Iterator[Scale]:
        """What the columns say of the scale of the ratings, the surest first."""
        rating = self.found.get("rating")
        if rating is None:
            return
        if layout and layout.scale and rating.name == layout.fields.get("rating"):
            yield Scale(*parse_scale(layout.scale), f"the layout of {layout.name}")
        beside = (
            scale_beside(name, (row.cells.get(name) for row in self.sample))
            for name in self.names
            if name != rating.name
        )
        yield from filter(None, (named_scale(rating.name), *beside))

    def _free(self, name: str) -> list[str]:
        """Columns that a field may have, by what is in them."""
        return [
            column
            for column in self.names
            if column not in self.taken
            and (name == "review_id" or not named.answers(column) or len(self.names) == 1)
            and fits(name, column, self.content[column])
        ]

    def _by_name(self, name: str) -> list[str]:
        """Columns named like a field, the best first."""
        ranked = []
        for column in self._free(name):
            rank = named.rank(name, column)
            elsewhere = bool(self.text) and named.parent(column) != self._parent
            inside_reviews = self._parent.casefold().startswith("reviews")
            if rank is None or (elsewhere and inside_reviews and name in _OF_A_REVIEW):
                continue  # what is outside is of the item whose reviews they are
            average = name == "rating" and self._is_of_item(column)
            ranked.append((not self.content[column].filled, average, elsewhere, rank, column))
        return [entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1])]

    @property
    def _parent(self) -> str:
        """What the text is inside of, where names are nested."""
        return named.parent(self.text[0].name) if self.text else ""

    def _is_of_item(self, column: str) -> bool:
        """Whether a rating is the same in all reviews of an item: its average, not the review's."""
        if "item" not in self.found:
            return False
        item = self.found["item"].name
        ratings: dict[str, list[str]] = defaultdict(list)
        for row in self.sample:
            ratings[str(row.cells.get(item))].append(str(row.cells.get(column)))
        several = [marks for marks in ratings.values() if len(marks) > 1]
        return len(several) > 1 and all(len(set(marks)) == 1 for marks in several)


def _holds_dates(content: Content) -> bool:
    return content.dates >= 0.9 and content.numbers < 0.5


def _holds_marks(column: str, content: Content) -> bool:
    return (
        content.ratings >= 0.9
        and content.filled >= 5
        and content.median <= 8
        # a file with a header says what its numbers are
        and re.match(r"column_\d+$", column) is not None
        and content.different * content.filled <= 11
        and content.dates < 0.1
    )


def _checked(
    mapping: Mapping[str, str], names: Sequence[str], where: str
) -> dict[str, Sequence[str]]:
    """The columns of each field that was mapped by hand. Raises `ReviewFileError`."""
    columns: dict[str, Sequence[str]] = {}
    for name, column in mapping.items():
        if name not in FIELDS:
            raise ReviewFileError(
                f'Cannot map a column to "{name}": the fields are {", ".join(FIELDS)}.'
            )
        split = [part.strip() for part in column.split(JOIN)]
        several = name == "text" and column not in names and len(split) > 1
        columns[name] = split if several else [column] if column else []
        for part in columns[name]:
            if part not in names:
                near = difflib.get_close_matches(part, names, n=1, cutoff=0.5)
                hint = f' Did you mean "{near[0]}"?' if near else ""
                raise ReviewFileError(
                    f'{where} has no column "{part}".{hint} Its columns: '
                    f"{', '.join(map(repr, names))}."
                )
    return columns


def _no_text(names: Sequence[str], content: Mapping[str, Content], where: str) -> str:
    likely = [
        name for name in names if not named.answers(name) and fits("text", name, content[name])
    ]
    guess = max(likely or names, key=lambda name: (content[name].wordy, content[name].median))
    return (
        f"{where}: cannot tell which column holds the review text. Its columns: "
        f"{', '.join(map(repr, names[:60]))}. "
        f"Say which, for example --map text={guess!r}; several are joined by +."
    )
