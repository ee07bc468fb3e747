"""The page "Import": from a file to an index, step by step. Widgets and session state only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from rag import jobs
from rag.config import Settings, load_settings
from rag.index import index_folder, list_indexes
from rag.index.admin import list_generations, rollback
from rag.jobs import JobSpec, Mode
from rag.schema import IndexFileError, ReviewFileError
from ui.components import contents, errors
from ui.components import jobs as jobs_list
from ui.components.contents import Contents
from ui.components.navigation import REVIEWS, Page
from ui.render import reviews as markup
from ui.render.words import as_markdown

NEW = "A new index"
UPLOAD, NAMED = "Upload a file", "Name a file on this machine"
UPDATE = "More reviews: added to those that are there"
REPLACE = "All the reviews there are: those that are not in the file are removed"
BUTTONS: dict[Mode, str] = {
    "new": "Make the index",
    "update": "Update the index",
    "replace": "Replace the reviews",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The index's name ("" until one is given), what is done to it, and whether that was agreed
    to.
    """

    index: str
    mode: Mode
    agreed: bool = True


def show() -> None:
    """Draw the page: the work that runs, and a form in four steps."""
    settings = load_settings()
    jobs_list.show(settings)
    target = _target(settings)
    location = _location(settings)
    if location is not None:
        changed = None if target.mode == "new" else target.index
        _start(settings, target, location, contents.show(settings, location, changed))


def _target(settings: Settings) -> Target:
    st.header("1. Which index", anchor=False)
    names = list_indexes(settings.paths.indexes_dir)
    asked_for = st.query_params.get("index", "")
    position = 1 + names.index(asked_for) if asked_for in names else 0
    left, right = st.columns(2)
    index = left.selectbox("Index", [NEW, *names], index=position, key="target")
    if index == NEW:
        with right:
            return Target(_new_name(settings, names), "new")
    with right:
        choice = st.radio("The file holds", [UPDATE, REPLACE], key=_key("mode"))
        agreed = choice == UPDATE or st.checkbox(
            f"Yes, remove the reviews of {as_markdown(index)} that are not in the file",
            key=_key(f"agreed-{index}"),
        )
    with errors.shown():
        _versions(settings, index)
    return Target(index, "update" if choice == UPDATE else "replace", agreed)


def _new_name(settings: Settings, names: list[str]) -> str:
    """The name that the user gives, or "" where no new index can have it."""
    name = st.text_input(
        "Name of the new index", key=_key("name"), max_chars=64, placeholder="my-hotel"
    ).strip()
    if name in names:
        st.warning(as_markdown(f'There is an index "{name}" already: choose it on the left.'))
        return ""
    with errors.shown():
        index_folder(settings.paths.indexes_dir, name or "x")
        return name
    return ""


def _versions(settings: Settings, name: str) -> None:
    """The versions of an index, and the way back to another one."""
    folder = index_folder(settings.paths.indexes_dir, name)
    versions = list_generations(folder)
    with st.expander(f"Versions of {as_markdown(name)} ({len(versions)})"):
        st.html(markup.versions_html(versions))
        others = [version for version in versions if not version.live and version.manifest]
        if not others:
            st.caption("There is no other version to go back to.")
            return
        live = next((version.name for version in versions if version.live), "")
        before = next((number for number, other in enumerate(others) if other.name < live), 0)
        chosen = st.selectbox(
            "Go back to",
            others,
            index=before,
            format_func=markup.version_label,
            key=f"version-{name}-{live}",
        )
        sure = st.checkbox(
            "Yes, answer from this version. Nothing is removed, and you can return in the same "
            "way.",
            key=f"sure-{name}-{live}",
        )
        if st.button("Go back", disabled=not sure, key="rollback"):
            rollback(folder, chosen.name)
            st.rerun()


def _location(settings: Settings) -> Path | None:
    """The file to read, or None until there is one."""
    st.header("2. The file", anchor=False)
    kind = st.radio(
        "Where it is", [UPLOAD, NAMED], horizontal=True, key="kind", label_visibility="collapsed"
    )
    if kind == UPLOAD:
        return _uploaded(settings)
    _reviews_folder(settings.paths.reviews_dir.absolute())
    name = st.text_input("File or folder", key=_key("named"), placeholder="my-reviews.csv").strip()
    return jobs.named_file(settings.paths, name) if name else None


def _reviews_folder(folder: Path) -> None:
    """Say which folder the named files are in; make it where it is missing."""
    st.caption(as_markdown(f"Review files and folders of them inside {folder}."))
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ReviewFileError(
            f"There is no folder {folder}, and it cannot be made: {error.strerror}. Make it, or "
            "set paths.reviews_dir to another one."
        ) from error
    st.info(as_markdown(f"There was no folder {folder}. It is there now: put files into it."))


def _uploaded(settings: Settings) -> Path | None:
    """The uploaded file, kept on the disk so that a job can read it when the page is closed."""
    state, most = st.session_state, settings.reading.max_upload_mb
    st.caption(
        "CSV or TSV (any separator), JSON, JSON Lines, Parquet, Excel (xlsx), SQLite; also as gz, "
        f"zst or zip. At most {most} MB."
    )
    given = st.file_uploader(
        "Review file",
        jobs.ENDINGS,
        key=_key("upload"),
        max_upload_size=most,
        label_visibility="collapsed",
    )
    if given is None:
        return None
    if given.size > most * 2**20:
        st.error(
            f"The file is larger than {most} MB. Put it on this machine and name it, or set "
            "reading.max_upload_mb higher."
        )
        return None
    kept: tuple[str, Path] | None = state.get("kept_upload")
    if kept is None or kept[0] != given.file_id or not kept[1].exists():
        kept = (given.file_id, jobs.store_upload(settings.paths.indexes_dir, given.name, given))
        state.kept_upload = kept
    return kept[1]


def _start(settings: Settings, target: Target, location: Path, content: Contents) -> None:
    st.header("4. Start", anchor=False)
    strict = st.checkbox(
        "Stop at the first row that cannot be used, rather than leave it out", key="strict"
    )
    needed = {
        "a name for the index": not target.index,
        "your agreement that reviews are removed": bool(target.index) and not target.agreed,
        "a file that can be read": bool(content.seen.error),
    }
    missing = [what for what, lacking in needed.items() if lacking]
    if missing:
        st.caption(f"Still missing: {', '.join(missing)}.")
    if not st.button(BUTTONS[target.mode], type="primary", disabled=bool(missing), key="start"):
        return
    if target.mode == "new" and target.index in list_indexes(settings.paths.indexes_dir):
        raise IndexFileError(
            f'There is an index "{target.index}" already. Choose it above to change it.'
        )
    spec = JobSpec(
        index=target.index,
        mode=target.mode,
        files=(str(location),),
        mapping=content.mapping,
        steps=content.steps,
        strict=strict,
        scale=content.scale,
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
    st.session_state.pop("kept_upload", None)


PAGE = Page(
    title="Import",
    url_path=REVIEWS,
    intro="Make an index from a file of reviews, or bring one up to date. The work goes on in the "
    "background: this page can be closed, and shows it again when it is opened.",
    show=show,
    changes=True,
)
