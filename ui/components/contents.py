"""What is in a review file: its columns, its cleaning, its first reviews. The user can correct the
first two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rag.config import Settings
from rag.index import Manifest, index_folder
from rag.index.store import live_generation
from rag.ingest import STEPS, ReadOptions, ReadReport, parse_scale
from rag.ingest.language import languages_read_by
from ui.components.look import SAMPLE_ROWS, Look, look
from ui.render import reviews as markup
from ui.render.words import as_markdown

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

NO_COLUMN = "(none)"
AS_RECOGNISED = "As recognised"
SCALES = (AS_RECOGNISED, "0..1", "1..5", "0..5", "1..10", "0..10", "0..100")
OTHERS = 4  # files of an archive that are reported beside the first
FIELD_NAMES = {
    "text": "Text",
    "review_id": "Id",
    "title": "Title",
    "rating": "Rating",
    "date": "Date",
    "author": "Author",
    "item": "Item",
    "helpful_votes": "Helpful votes",
    "language": "Language",
}
STEP_NAMES = {
    "html": "HTML becomes text",
    "invisible": "Invisible characters go (emoji stay whole)",
    "furniture": "Leftovers of web pages go (“12 of 34 found this helpful”)",
    "unicode": "One form for the same letters (Unicode NFC)",
    "spaces": "Runs of spaces become one",
    "language": "The language is told where no column says it",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What was seen in a file, and how the user wants it read. An empty `mapping` leaves it to the
    program which column is what.
    """

    seen: Look
    mapping: dict[str, str]
    steps: tuple[str, ...]
    scale: str = ""  # "1..10", or nothing to tell it from the file


def show(settings: Settings, location: Path, index: str | None) -> Contents:
    """Draw what is in the file. `index` is the one that it is added to, if any."""
    st.header("3. What is in it", anchor=False)
    steps = _steps(settings, index)
    st.selectbox("Scale of the ratings", SCALES, key="scale")
    above = st.container()
    seen, mapping = _columns(settings, location, steps)
    with above:
        if seen.error:
            st.error(as_markdown(seen.error))
        if not seen.whole:
            of_first = " of the first file in it" if seen.files > 1 else ""
            st.caption(
                f"The first {SAMPLE_ROWS:,} rows{of_first} were read for this; the whole of it is "
                "read when you start."
            )
    if seen.report is not None:
        _report(seen, seen.report)
    return Contents(seen, mapping, steps, chosen_scale())


def chosen_scale() -> str:
    """The scale that the user says the ratings are on: "1..10", or nothing."""
    scale = st.session_state.get("scale", AS_RECOGNISED)
    return "" if scale == AS_RECOGNISED else str(scale)


def _steps(settings: Settings, index: str | None) -> tuple[str, ...]:
    """The cleaning steps; an index that is there keeps its own, or it would not know its reviews
    again.
    """
    own: Sequence[str] = STEPS
    with st.expander("Cleaning"):
        if index is not None:
            folder = index_folder(settings.paths.indexes_dir, index)
            imports = Manifest.read(live_generation(folder)).imports
            own = imports[0].get("cleaning", STEPS) if imports else STEPS
            st.caption("As the index was made, so that reviews that are there are known again.")
        key = "step" if index is None else f"own-{index}"
        fixed = index is not None
        return tuple(
            step
            for step in STEPS
            if st.checkbox(STEP_NAMES[step], step in own, key=f"{key}-{step}", disabled=fixed)
        )


def _columns(
    settings: Settings, location: Path, steps: tuple[str, ...]
) -> tuple[Look, dict[str, str]]:
    """What is seen with the columns as the user has set them, and how they differ from what was
    recognised.

    The text comes first: without it nothing else is recognised, and another text may change all
    else.
    """
    st.markdown("**Columns** · what each is taken for, and why; correct what is wrong.")
    rows = [st.columns(3) for _ in range(0, len(FIELD_NAMES), 3)]
    places = [column.container(gap="xxsmall") for row in rows for column in row]
    seen = _look(settings, location, {}, steps)
    text = _column(places[0], location, "text", seen)
    recognised = seen.report is not None and seen.report.columns["text"].name == text
    if text != NO_COLUMN and not recognised:
        seen = _look(settings, location, {"text": text}, steps)
    if text == NO_COLUMN or seen.report is None:
        error = seen.error or "Choose the column that holds the text."
        return Look(seen.columns, seen.whole, seen.files, error=error), {}
    suggested = {field: choice.name for field, choice in seen.report.columns.items()}
    chosen = {"text": text}
    for field, place in zip(list(FIELD_NAMES)[1:], places[1:], strict=True):
        name = _column(place, location, field, seen, text)
        if name != NO_COLUMN:
            chosen[field] = name
    if chosen == suggested:
        return seen, {} if recognised else {"text": text}
    # all fields are named: what is shown is what is done
    mapping = {field: chosen.get(field, "") for field in FIELD_NAMES}
    return _look(settings, location, mapping, steps), mapping


def _column(place: DeltaGenerator, location: Path, field: str, seen: Look, text: str = "") -> str:
    """The column that the user wants for a field; at first the one that was recognised."""
    choice = seen.report.columns.get(field) if seen.report is not None else None
    several = [choice.name] if choice is not None and choice.name not in seen.columns else []
    options = [NO_COLUMN, *several, *seen.columns]
    suggested = choice.name if choice is not None else NO_COLUMN
    picked = place.selectbox(
        FIELD_NAMES[field],
        options,
        index=options.index(suggested),
        key=f"column-{location}-{field}-{text}",
    )
    if picked != suggested:
        place.caption("set by you")
    elif choice is not None:
        place.caption(as_markdown(choice.reason))
    return str(picked)


def _look(
    settings: Settings, location: Path, mapping: Mapping[str, str], steps: tuple[str, ...]
) -> Look:
    """What `look` says, remembered while the file stays as it is: every click draws the page."""
    scale = chosen_scale()
    options = ReadOptions(
        mapping=mapping,
        steps=steps,
        max_unpack_ratio=settings.reading.max_unpack_ratio,
        scale=parse_scale(scale) if scale else None,
        readable=languages_read_by(settings.embedding.model),
    )
    stat = location.stat()
    return _remembered(repr((location, stat.st_size, stat.st_mtime_ns, options)), location, options)


@st.cache_resource(show_spinner="Reading the file …", max_entries=8)
def _remembered(key: str, _location: Path, _options: ReadOptions) -> Look:
    return look(_location, _options)


def _report(seen: Look, report: ReadReport) -> None:
    copies = [("exact copies", seen.exact_duplicates), ("near copies", seen.near_duplicates)]
    reports = [report, *seen.others[:OTHERS]]
    st.html(markup.files_html(reports, copies, more=len(seen.others[OTHERS:])))
    number = len(report.preview)
    title = "The first review" if number == 1 else f"The first {number} reviews"
    st.markdown(f"**{title}**, cleaned")
    st.html(markup.preview_html(report.preview))
