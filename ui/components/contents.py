"""What is in a file, on the page "Reviews": its columns, its cleaning, its first reviews; the user
sets them right.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag.config import Settings
from rag.index import index_folder
from rag.index.store import Manifest, live_generation
from rag.ingest import STEPS, ReadOptions, parse_scale
from rag.ingest.language import languages_read_by
from ui.components.look import SAMPLE_ROWS, Look, look
from ui.render import answers as render
from ui.render import reviews as markup

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


def show(
    settings: Settings, location: Path, index: str | None
) -> tuple[Look, dict[str, str], tuple[str, ...]]:
    """What is in the file, and how the user wants it read: columns and cleaning steps."""
    st.subheader("3. What is in it", anchor=False)
    steps = _steps(settings, index)
    st.selectbox("Scale of the ratings", SCALES, key="scale")
    above = st.container()
    seen, mapping = _columns(settings, location, steps)
    with above:
        if seen.error:
            st.error(render.plain_markdown(seen.error))
        if not seen.whole:
            st.caption(
                f"The first {SAMPLE_ROWS:,} "
                f"rows{' of the first file in it' if seen.files > 1 else ''} were read for "
                "this; the whole of it is read when you start."
            )
    if seen.report is not None:
        _report(seen)
    return seen, mapping, steps


def chosen_scale() -> str:
    """The scale that the user says the ratings are on: "1..10", or nothing."""
    scale = st.session_state.get("scale", AS_RECOGNISED)
    return "" if scale == AS_RECOGNISED else str(scale)


def _steps(settings: Settings, index: str | None) -> tuple[str, ...]:
    """The cleaning steps; an index that is there keeps its own, or it would not know its reviews
    again.
    """
    with st.expander("Cleaning"):
        if index is not None:
            imports = Manifest.read(
                live_generation(index_folder(settings.indexes_dir, index))
            ).imports
            own = tuple(imports[0].get("cleaning", STEPS)) if imports else STEPS
            st.caption("As the index was made, so that reviews that are there are known again.")
            for step in STEPS:
                st.checkbox(
                    STEP_NAMES[step], value=step in own, disabled=True, key=f"own-{index}-{step}"
                )
            return own
        return tuple(
            step for step in STEPS if st.checkbox(STEP_NAMES[step], value=True, key=f"step-{step}")
        )


def _columns(
    settings: Settings, location: Path, steps: tuple[str, ...]
) -> tuple[Look, dict[str, str]]:
    """What is seen with the columns as the user has set them, and how they differ from what was
    recognised.

    The text comes first: without it nothing else is recognised, and another text may change all
    else.
    """
    st.markdown("**Columns** · what each is taken for, and why; set right what is wrong.")
    places = [
        column.container(gap="xxsmall")
        for _ in range(0, len(FIELD_NAMES), 3)
        for column in st.columns(3)
    ]
    seen = _look(settings, location, {}, steps)
    text = _column(places[0], location, "text", seen)
    recognised = seen.report is not None and seen.report.columns["text"].name == text
    if text != NO_COLUMN and not recognised:
        seen = _look(settings, location, {"text": text}, steps)
    if text == NO_COLUMN or seen.report is None:
        return Look(
            seen.columns,
            seen.whole,
            seen.files,
            error=seen.error or "Choose the column that holds the text.",
        ), {}
    found = {field: choice.name for field, choice in seen.report.columns.items()}
    chosen = {"text": text}
    for field, place in zip(list(FIELD_NAMES)[1:], places[1:], strict=True):
        name = _column(place, location, field, seen, text)
        if name != NO_COLUMN:
            chosen[field] = name
    if chosen == found:
        return seen, {} if recognised else {"text": text}
    mapping = {
        field: chosen.get(field, "") for field in FIELD_NAMES
    }  # all of them: what is shown is what is done
    return _look(settings, location, mapping, steps), mapping


def _column(place: DeltaGenerator, location: Path, field: str, seen: Look, text: str = "") -> str:
    """The column that the user wants for a field; at first the one that was recognised."""
    choice = seen.report.columns.get(field) if seen.report is not None else None
    several = [choice.name] if choice is not None and choice.name not in seen.columns else []
    options = [NO_COLUMN, *several, *seen.columns]
    known = choice.name if choice is not None else NO_COLUMN
    wanted = place.selectbox(
        FIELD_NAMES[field],
        options,
        index=options.index(known),
        key=f"column-{location}-{field}-{text}",
    )
    if wanted != known:
        place.caption("set by you")
    elif choice is not None:
        place.caption(render.plain_markdown(choice.reason))
    return str(wanted)


def _look(
    settings: Settings, location: Path, mapping: Mapping[str, str], steps: tuple[str, ...]
) -> Look:
    """What `look` says; the latest answers are remembered, for a page is drawn at every click."""
    about = location.stat()
    scale = chosen_scale()
    file = (str(location), about.st_size, about.st_mtime_ns)
    key = (*file, tuple(sorted(mapping.items())), steps, scale)
    remembered: dict[Any, Look] = st.session_state.setdefault("looks", {})
    if key not in remembered:
        options = ReadOptions(
            mapping=mapping,
            steps=steps,
            max_unpack_ratio=settings.max_unpack_ratio,
            scale=parse_scale(scale) if scale else None,
            readable=languages_read_by(settings.embedder),
        )
        with st.spinner("Reading the file …"):
            remembered[key] = look(location, options)
        while len(remembered) > 4:
            del remembered[next(iter(remembered))]
    return remembered[key]


def _report(seen: Look) -> None:
    assert seen.report is not None
    others = "".join(markup.report_html(report.as_dict()) for report in seen.others[:OTHERS])
    if seen.others[OTHERS:]:
        others += (
            f'<p class="qa-meta">And {markup.plural(len(seen.others) - OTHERS, "file")} more.</p>'
        )
    copies = [("exact copies", seen.exact_duplicates), ("near copies", seen.near_duplicates)]
    st.html(
        '<div class="qa '
        f'qa-report">{markup.report_html(seen.report.as_dict(), copies)}{others}</div>'
    )
    shown = len(seen.report.preview)
    st.markdown(
        f"**{'The first review' if shown == 1 else f'The first {shown} reviews'}**, cleaned"
    )
    st.html(markup.preview_html(seen.report.preview))
