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
from typing import Any

from rag.ingest import column_names as named
from rag.ingest.column_names import FIELDS, KINDS
from rag.ingest.dates import parse_date
from rag.ingest.formats.rows import Row
from rag.ingest.layouts import Layout, known_layout
from rag.ingest.report import ColumnChoice
from rag.ingest.scales import Scale, named_scale, parse_scale
from rag.ingest.text_parts import TextColumn, is_filler, side_of_name, text_column
from rag.ingest.values import parse_rating
from rag.schema import ReviewFileError

JOIN = "+"  # between the columns of a text in several parts
_FEW = 20  # cells, from which on a column's content says what it cannot be
_ASKED = ("question", "context", "description", "passage")
_ALL_ALIKE = 0.05  # share of different cells up to which these are what was asked, not answered
_EACH = 300  # characters of a cell looked at
_OF_A_REVIEW = ("review_id", "rating", "title", "author", "helpful_votes")
_NOTHING = ("", "nan", "none", "null", "n/a", "na", "nat")


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


@dataclass(slots=True)
class _Content:
    """What a column of the sample holds. Shares are of the cells that say something."""

    filled: int = 0
    different: float = 0
    median: int = 0  # characters
    wordy: float = 0  # share of cells with three words or more
    numbers: float = 0
    ratings: float = 0
    dates: float = 0


def is_nothing(value: Any) -> bool:
    """Whether a cell says nothing: None, NaN, blanks, or a word for them."""
    return value is None or value != value or str(value).strip().casefold() in _NOTHING


def is_no_text(value: Any) -> bool:
    """Whether a text is none: blank, or what programs write for one. "None" and "N/A" are what
    people write.
    """
    return value is None or value != value or str(value).strip().casefold() in ("", "nan", "null")


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
    choice.of_layout(layout)
    # the text first: a column called "review" must not be taken for anything else; then the item,
    # for it tells whose ratings are whose
    for name in ("text", "item", *FIELDS):
        choice.of_field(name)
    if not choice.text:
        raise ReviewFileError(_no_text(choice.names, choice.content, where))
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
        self.content = {name: _content([row.cells.get(name) for row in sample]) for name in names}
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

    def of_layout(self, layout: Layout | None) -> None:
        """Take what a known layout says; what it has no column for is not looked for."""
        for name, column in layout.fields.items() if layout else ():
            if name in self.found or name in self.by_hand:
                continue
            if not column:
                self.off.add(name)
            elif column not in self.taken and self.content[column].filled:
                self._take(name, [column], f"the layout of {layout.name if layout else ''}")

    def of_field(self, name: str) -> None:
        """Find the column of a field, unless it has one or is to have none."""
        if name in self.found or name in self.off:
            return
        if name == "text" and len(parts := self._sides()) > 1:
            self._take(name, parts, "together they are the review: what is liked and what is not")
            return
        candidates = self._text_names() if name == "text" else self._by_name(name)
        if candidates:
            self._take(name, [candidates[0]], f"named like {KINDS[name]}")
        elif name == "text" and len(questions := self._questions()) > 1:
            self._take(name, questions, "the questions that were answered in words")
        elif by_content := self._by_content(name):
            self._take(name, [by_content[0]], by_content[1])

    def of_name_alone(self) -> None:
        """A column "name" is the item's where it repeats, where the author has another one, and
        where the text is inside of something that it is not; else the author's.
        """
        for column in self.names:
            content = self.content[column]
            if named.plain(column) != "name" or column in self.taken:
                continue
            many = content.filled >= _FEW
            repeats = many and content.different < 0.5
            inside = bool(self._parent) and not named.parent(column)
            if repeats or inside or "author" in self.found:
                name, reason = "item", "a name that many reviews share"
                if not repeats:
                    reason = "a name that is not the author's"
                if many and content.different > 0.9 and not inside:
                    continue  # each review has its own
            else:
                name, reason = "author", f"named like {KINDS['author']}"
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
        if content.filled < _FEW or content.different >= 0.3 * texts.different:
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
        if layout is not None and layout.scale:
            yield Scale(*parse_scale(layout.scale), f"the layout of {layout.name}")
        if scale := named_scale(rating.name):
            yield scale
        if any("imdb" in name.casefold() for name in self.names):
            yield Scale(1.0, 10.0, "IMDb has marks from 1 to 10", weak=True)
        for name in self.names:
            averages = (
                r"\b(avg|average|mean)\b|\b(show|movie|film|product|hotel|game) (rating|score)$"
            )
            if name in self.taken or not re.search(averages, named.words(name)):
                continue
            marks = [parse_rating(row.cells.get(name)) for row in self.sample]
            if 5 < max((mark[0] for mark in marks if mark), default=0) <= 10:
                yield Scale(1.0, 10.0, f'"{name}" has marks out of 10', weak=True)

    def _free(self, name: str) -> list[str]:
        """Columns that a field may have, by what is in them."""
        return [
            column
            for column in self.names
            if column not in self.taken
            and (name == "review_id" or not named.answers(column) or len(self.names) == 1)
            and _fits(name, column, self.content[column])
        ]

    def _by_name(self, name: str) -> list[str]:
        """Columns named like a field, the best first."""
        ranked = []
        for column in self._free(name):
            rank = _rank(name, column)
            if rank is None:
                continue
            elsewhere = self._is_elsewhere(column)
            if (
                elsewhere
                and name in _OF_A_REVIEW
                and re.match(r"reviews", self._parent, re.IGNORECASE)
            ):
                continue  # that of the item whose reviews they are
            average = name == "rating" and self._is_of_item(column)
            ranked.append((not self.content[column].filled, average, elsewhere, *rank, column))
        return [entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1])]

    @property
    def _parent(self) -> str:
        """What the text is inside of, where names are nested."""
        return named.parent(self.text[0].name) if self.text else ""

    def _is_elsewhere(self, column: str) -> bool:
        return bool(self.text) and named.parent(column) != self._parent

    def _is_of_item(self, column: str) -> bool:
        """Whether a rating is the same in all reviews of an item: its average, not the review's."""
        item = self.found.get("item")
        ratings: dict[str, list[str]] = defaultdict(list)
        for row in self.sample if item else ():
            ratings[str(row.cells.get(item.name if item else ""))].append(
                str(row.cells.get(column))
            )
        several = [marks for marks in ratings.values() if len(marks) > 1]
        return len(several) > 1 and all(len(set(marks)) == 1 for marks in several)

    def _text_names(self) -> list[str]:
        """Columns named like a text. Where several are, "review" wins over what may be any text,
        and of the same kind the wordier one.
        """
        candidates = self._by_name("text")
        wordy = [column for column in candidates if self.content[column].wordy >= 0.3]
        candidates = wordy or candidates
        certain = [column for column in candidates if not named.is_any_text(column)]
        candidates = certain or candidates
        longest = max((self.content[column].median for column in candidates), default=0)
        return [column for column in candidates if 2 * self.content[column].median >= longest]

    def _sides(self) -> list[str]:
        """The columns of a review that has one for what is liked and one for what is not, with
        others that hold words of it; none where it has not both.
        """
        sides = {column: side_of_name(column) for column in self._free("text")}
        parts = [column for column, side in sides.items() if side and self._is_part(column)]
        if {sides[column] for column in parts} != {"praise", "criticism"}:
            return []
        others = [
            column
            for column in sides
            if column not in parts
            and self.content[column].wordy >= 0.3
            and ("?" in column or self._is_comment(column))
            and not self._repeats(column, parts)
        ]
        return [column for column in self.names if column in (*parts, *others)]

    def _is_part(self, column: str) -> bool:
        cells = [row.cells.get(column) for row in self.sample]
        content = _content([cell for cell in cells if not is_filler(str(cell))])
        if not content.filled:
            return True
        single = len(named.words(column).split()) == 1
        return content.ratings < 0.5 and (single or content.wordy >= 0.3)

    def _is_comment(self, column: str) -> bool:
        rank = _rank("text", column)
        any_other = re.match(
            r"overall$|(any |some )?(other|additional|further)\b", named.words(column)
        )
        return any_other is not None or (rank is not None and not named.is_any_text(column))

    def _repeats(self, column: str, parts: Sequence[str]) -> bool:
        """Whether a column holds the parts once more."""
        pairs = [(str(row.cells.get(column)), str(row.cells.get(parts[0]))) for row in self.sample]
        return sum(part in whole for whole, part in pairs) > 0.5 * len(pairs)

    def _questions(self) -> list[str]:
        return [
            column
            for column in self._free("text")
            if self.content[column].wordy >= 0.3
            and ("?" in column or re.match(r"what|how|why|which|please|tell", named.words(column)))
        ]

    def _by_content(self, name: str) -> tuple[str, str] | None:
        """The column that can only be this field's by what is in it, and the reason."""
        free = [column for column in self._free(name) if self.content[column].filled]
        content = self.content
        if name == "text":
            if len(self.names) == 1 and free:
                return free[0], "the only column"
            wordy = [c for c in free if content[c].wordy >= 0.3 and content[c].different >= 0.2]
            wordy.sort(key=lambda column: -content[column].median)
            if wordy and all(
                content[wordy[0]].median >= 1.5 * content[c].median for c in wordy[1:]
            ):
                half = content[wordy[0]].median
                return wordy[0], f"the longest texts (half of them over {half} characters)"
        if name == "date":
            dated = [c for c in free if content[c].dates >= 0.9 and content[c].numbers < 0.5]
            if len(dated) == 1:
                return dated[0], "it holds dates"
        if name == "rating":
            marks = [column for column in free if _holds_marks(column, content[column])]
            if len(marks) == 1:
                return marks[0], "a few different marks"
        return None


def _holds_marks(column: str, content: _Content) -> bool:
    return (
        content.ratings >= 0.9
        and content.filled >= 5
        and content.median <= 8
        # a file with a header says what its numbers are
        and re.match(r"column_\d+$", column) is not None
        and content.different * content.filled <= 11
        and content.dates < 0.1
    )


def _rank(name: str, column: str) -> tuple[int, int] | None:
    """How well a column's name fits a field, the smaller the better; None where it does not."""
    for certainty, key in enumerate(named.keys(column, name)):
        if key in named.NAMES[name]:
            return named.NAMES[name].index(key), certainty
    phrase = named.PHRASES.get(name)
    if phrase and re.search(phrase, named.words(column)):
        return len(named.NAMES[name]), 0
    return None


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


def _content(cells: Sequence[Any]) -> _Content:
    filled = [str(cell).strip()[:_EACH] for cell in cells if not is_nothing(cell)]
    count = len(filled)
    if not count:
        return _Content()
    some = filled[:200]
    return _Content(
        filled=count,
        different=len(set(filled)) / count,
        median=sorted(map(len, filled))[count // 2],
        wordy=sum(len(text.split()) >= 3 or _is_wide(text) for text in filled) / count,
        numbers=sum(bool(re.fullmatch(r"[-+]?[\d.,]+%?", text)) for text in filled) / count,
        ratings=sum(len(text) <= 40 and parse_rating(text) is not None for text in some)
        / len(some),
        dates=sum(bool(parse_date(text)) for text in some) / len(some),
    )


def _is_wide(text: str) -> bool:
    """Whether a text is written without blanks, as Chinese and Japanese are, and long enough to say
    something.
    """
    return len(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]", text)) >= 6


def _fits(name: str, column: str, content: _Content) -> bool:
    """Whether what is in a column can be what its name says."""
    if not content.filled:
        return True
    match name:
        case "text":
            return content.filled < _FEW or (
                content.numbers < 0.5
                and content.dates < 0.5
                and (content.different > _ALL_ALIKE or named.plain(column) not in _ASKED)
            )
        case "rating":
            average = re.search(r"\b(avg|average|mean)\b", named.words(column))
            return content.ratings >= 0.5 and content.median <= 40 and not average
        case "date":
            return content.dates >= 0.5
        case "review_id":
            # an id that most rows share is that of what is reviewed; a few copied rows are no
            # reason
            return content.filled < _FEW or content.different >= 0.5
        case "helpful_votes":
            return content.wordy < 0.5 or content.ratings >= 0.5
        case "language":
            return content.median <= 20
        case _:
            return True


def _no_text(names: Sequence[str], content: Mapping[str, _Content], where: str) -> str:
    likely = [
        name for name in names if not named.answers(name) and _fits("text", name, content[name])
    ]
    guess = max(likely or names, key=lambda name: (content[name].wordy, content[name].median))
    return (
        f"{where}: cannot tell which column holds the review text. Its columns: "
        f"{', '.join(map(repr, names[:60]))}. "
        f"Say which, for example --map text={guess!r}; several are joined by +."
    )
