"""The page "Reviews": from a file to an index, step by step. Widgets and session state only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rag import jobs
from rag.config import Settings, load_settings
from rag.index import index_folder, list_indexes
from rag.index.admin import list_generations, rollback
from rag.jobs import JobSpec, Mode
from rag.schema import IndexFileError
from ui.components import contents as reviews_contents
from ui.components import errors
from ui.components import jobs as reviews_jobs
from ui.components.look import Look
from ui.render import answers as render
from ui.render import reviews as markup

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

TITLE = "Reviews"
INTRO = (
    "Make an index from a file of reviews, or bring one up to date. The work goes on in the "
    "background: "
    "this page can be closed, and shows it again when it is opened."
)
NEW = "A new index"
UPLOAD, NAMED = "Upload a file", "Name a file on this machine"
TYPES = "csv tsv txt json jsonl ndjson parquet xlsx sqlite sqlite3 db gz zst zip".split()
UPDATE = "More reviews: added to those that are there"
REPLACE = "All the reviews there are: those that are not in the file go away"


def show(ask_page: Page) -> None:
    """Draw the page. `ask_page` is where a finished index is asked."""
    st.title(TITLE, anchor=False)
    st.markdown(INTRO)
    with st.container(key="reviews"), errors.shown():
        settings = load_settings()
        reviews_jobs.show(settings, ask_page)
        index, mode, agreed = _target(settings)
        location = _location(settings)
        if location is None:
            return
        seen, mapping, steps = reviews_contents.show(
            settings, location, index if mode != "new" else None
        )
        _start(settings, seen, index, mode, agreed, location, mapping, steps)


def _target(settings: Settings) -> tuple[str, Mode, bool]:
    """The index's name ("" until one is given), what is done to it, and whether that was agreed to."""
    st.subheader("1. Which index", anchor=False)
    names = list_indexes(settings.indexes_dir)
    wanted = st.query_params.get("index", "")
    left, right = st.columns(2)
    target = left.selectbox(
        "Index",
        [NEW, *names],
        index=1 + names.index(wanted) if wanted in names else 0,
        key="target",
    )
    if target == NEW:
        name = right.text_input(
            "Name of the new index", key=_key("name"), max_chars=64, placeholder="my-hotel"
        ).strip()
        if name in names:
            right.warning(
                render.plain_markdown(f'There is an index "{name}" already: choose it on the left.')
            )
            return "", "new", False
        with right, errors.shown():
            index_folder(settings.indexes_dir, name or "x")
            return name, "new", True
        return "", "new", False
    with right:
        choice = st.radio("The file holds", [UPDATE, REPLACE], key=_key("mode"))
        agreed = choice == UPDATE or st.checkbox(
            f"Yes, remove the reviews of {render.plain_markdown(target)} that are not in the file",
            key=_key(f"agreed-{target}"),
        )
    with errors.shown():
        _generations(settings, target)
    return target, "update" if choice == UPDATE else "replace", agreed


def _generations(settings: Settings, name: str) -> None:
    """The generations of an index, and the way back to another one."""
    folder = index_folder(settings.indexes_dir, name)
    found = list_generations(folder)
    with st.expander(f"Generations of {render.plain_markdown(name)} ({len(found)})"):
        st.html(markup.generations_html(found))
        others = [
            generation
            for generation in found
            if not generation.live and generation.manifest is not None
        ]
        if not others:
            st.caption("There is no other generation to go back to.")
            return
        live = next((generation.name for generation in found if generation.live), "")
        before = next((number for number, other in enumerate(others) if other.name < live), 0)
        chosen = st.selectbox(
            "Go back to",
            others,
            index=before,
            format_func=markup.generation_label,
            key=f"generation-{name}-{live}",
        )
        sure = st.checkbox(
            "Yes, answer from that one. Nothing is removed, and the way forward is the same.",
            key=f"sure-{name}-{live}",
        )
        if st.button("Go back", disabled=not sure, key="rollback"):
            rollback(folder, chosen.name)
            st.rerun()


def _location(settings: Settings) -> Path | None:
    """The file to read, or None until there is one."""
    st.subheader("2. The file", anchor=False)
    kind = st.radio(
        "Where it is", [UPLOAD, NAMED], horizontal=True, key="kind", label_visibility="collapsed"
    )
    if kind == UPLOAD:
        return _uploaded(settings)
    st.caption(
        render.plain_markdown(f"Files and folders inside {settings.reviews_dir.absolute()}.")
    )
    name = st.text_input("File or folder", key=_key("named"), placeholder="my-reviews.csv").strip()
    return jobs.named_file(settings.reviews_dir, name) if name else None


def _uploaded(settings: Settings) -> Path | None:
    """The uploaded file, kept on the disk so that a job can read it when the page is closed."""
    state = st.session_state
    st.caption(
        "CSV or TSV (any separator), JSON, JSON Lines, Parquet, Excel (xlsx), SQLite; also as gz, "
        "zst or zip. "
        f"At most {settings.max_upload_mb} MB."
    )
    given = st.file_uploader(
        "Review file",
        TYPES,
        key=_key("upload"),
        max_upload_size=settings.max_upload_mb,
        label_visibility="collapsed",
    )
    if given is None:
        return None
    if given.size > settings.max_upload_mb * 2**20:
        st.error(
            f"The file is larger than {settings.max_upload_mb} MB. Put it on this machine and name "
            "it, "
            "or set max_upload_mb higher."
        )
        return None
    kept: tuple[str, Path] | None = state.get("kept_upload")
    if kept is None or kept[0] != given.file_id or not kept[1].exists():
        kept = (given.file_id, jobs.store_upload(settings.indexes_dir, given.name, given))
        state.kept_upload = kept
    return kept[1]


def _start(
    settings: Settings,
    seen: Look,
    index: str,
    mode: Mode,
    agreed: bool,
    location: Path,
    mapping: dict[str, str],
    steps: tuple[str, ...],
) -> None:
    st.subheader("4. Start", anchor=False)
    strict = st.checkbox(
        "Stop at the first row that cannot be used, rather than leave it out", key="strict"
    )
    missing = [
        *(["a name for the index"] if not index else []),
        *(["your agreement that reviews are removed"] if index and not agreed else []),
        *(["a file that can be read"] if seen.error else []),
    ]
    if missing:
        st.caption(f"Still missing: {', '.join(missing)}.")
    label = {
        "new": "Make the index",
        "update": "Update the index",
        "replace": "Replace the reviews",
    }[mode]
    if st.button(label, type="primary", disabled=bool(missing), key="start"):
        if mode == "new" and index in list_indexes(settings.indexes_dir):
            raise IndexFileError(
                f'There is an index "{index}" already. Choose it above to change it.'
            )
        spec = JobSpec(
            index=index,
            mode=mode,
            files=(str(location),),
            mapping=mapping,
            steps=steps,
            strict=strict,
            scale=reviews_contents.chosen_scale(),
        )
        jobs.start(settings, spec)
        _clear()
        st.rerun()


def _key(name: str) -> str:
    """The key of a widget that is emptied once its job is started: a widget with another key is a
    new one.
    """
    return f"{name}-{st.session_state.setdefault('form', 0)}"


def _clear() -> None:
    """Make the form ready for the next file."""
    st.session_state.form += 1
    for key in ("kept_upload", "looks"):
        st.session_state.pop(key, None)
