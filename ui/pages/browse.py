"""The page "Browse": all reviews, searched, limited and sorted, and one of them opened whole."""

from __future__ import annotations

import streamlit as st

from rag.config import Settings, load_settings
from rag.index import ReviewIndex
from rag.index.browsing import PAGE_SIZE, SORTS, copies, of_words, sorted_rows
from rag.index.store import list_indexes
from rag.retrieval import Retriever
from ui.components import address, filters, indexes, models
from ui.components.navigation import BROWSE, Page
from ui.render import browse as render
from ui.render.words import as_markdown, plural

MEANING, WORDS = "By meaning", "By words"
NEAREST = 100  # reviews that a search by meaning finds
BEST = "Best match"
ADDRESS = ("index", "search", "by", "sort", "page", "where", "review")


def show() -> None:
    """Draw the page. Session state: `browse` holds what the address does, but for the index and
    the conditions.
    """
    settings = load_settings()
    names = list_indexes(settings.paths.indexes_dir)
    if not names:
        indexes.say_how_to_build(settings.paths.indexes_dir)
        return
    _follow_address(names)
    name = indexes.pick(names, _start_over)
    with st.spinner("Loading the reviews and the models …"):
        index = models.open_pipeline(settings, name, models.listed_first(settings)).index
    if st.session_state.browse_review:
        _opened(index, names)
    else:
        _listed(settings, index, names)


def _listed(settings: Settings, index: ReviewIndex, names: list[str]) -> None:
    """The reviews, a page at a time."""
    state = st.session_state
    words, by, order = st.columns([4, 2, 2], vertical_alignment="bottom")
    searched = words.text_input("Search", key="browse-search", on_change=_searched).strip()
    way = by.selectbox("How", [WORDS, MEANING], key="browse-by", on_change=_first_page)
    sorts = [*([BEST] if searched else []), *SORTS]
    if state.get("browse-sort") not in sorts:  # nor does an address name another
        state["browse-sort"] = sorts[0]
    sort = order.selectbox("Sort by", sorts, key="browse-sort", on_change=_first_page)
    chosen = filters.show(index, filters.SHOWING)
    if chosen is None:
        return
    rows = _found(settings, index, searched[:500], way, chosen)
    if sort != BEST:
        rows = sorted_rows(index.reviews_table, rows, sort)
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = state.browse_page = min(max(1, state.browse_page), pages)
    _write(names, index.name, where=chosen.where, page=page)
    shown = rows[PAGE_SIZE * (page - 1) : PAGE_SIZE * page]
    st.caption(
        f"{plural(len(rows), 'review')}, page {page:,} of {pages:,}"
        if rows
        else "No review is left."
    )
    st.html(render.list_html([index.review(row) for row in shown], index.name, searched.split()))
    with st.container(key="turn", horizontal=True, horizontal_alignment="center"):
        st.button("Earlier", on_click=_turn, args=(page - 1,), disabled=page == 1, key="previous")
        st.button("Further", on_click=_turn, args=(page + 1,), disabled=page == pages, key="next")


def _found(
    settings: Settings, index: ReviewIndex, words: str, way: str, chosen: filters.Chosen
) -> list[int]:
    """Rows of the reviews that are searched for, the best first; without words, all."""
    if words and way == MEANING:
        wide = settings.changed({"retrieval.top_k": NEAREST})
        retriever = Retriever(wide, index, models.embedder(settings))
        rows_by_id = _rows_by_id(str(index.generation), index)
        found = retriever.retrieve(words, chosen.conditions)
        # reviews that say much the same were folded into the best of them
        ids = [name for one in found for name in (one.review.review_id, *one.also_in)]
        return [rows_by_id[name] for name in dict.fromkeys(ids)]
    return of_words(index, words, chosen.conditions)


@st.cache_resource(show_spinner=False, max_entries=2)
def _rows_by_id(generation: str, _index: ReviewIndex) -> dict[str, int]:
    return _index.rows_by_id()


def _opened(index: ReviewIndex, names: list[str]) -> None:
    """One review whole, and those that are copies of it, or nearly so."""
    review_id = st.session_state.browse_review
    row = _rows_by_id(str(index.generation), index).get(review_id)
    _write(names, index.name, review=review_id)
    st.button("Back to all reviews", on_click=_close, key="close", icon=":material/arrow_back:")
    if row is None:
        st.warning(as_markdown(f'There is no review "{review_id}" among these.'))
        return
    st.html(render.review_html(index.review(row)))
    others = [index.review(other) for other in copies(index, row)]
    if others:
        st.header(f"Much the same: {plural(len(others), 'review')}", anchor=False)
        st.html(render.list_html(others[:PAGE_SIZE], index.name, []))


def _follow_address(names: list[str]) -> None:
    state = st.session_state
    for key, first in (("browse_review", ""), ("browse_page", 1)):
        state.setdefault(key, first)
    said = address.moved(BROWSE, ADDRESS)
    if said is None:
        for key in ("search", "by", "sort"):
            if f"browse-{key}" not in state and f"browse_kept_{key}" in state:
                state[f"browse-{key}"] = state[f"browse_kept_{key}"]
        return
    if any(said.values()) or "index_chosen" not in state:
        indexes.from_address(names, said["index"])
        filters.from_address(said["where"])
    state.browse_review = said["review"]
    state.browse_page = (
        int(said["page"]) if said["page"].isascii() and said["page"].isdigit() else 1
    )
    state["browse-search"] = said["search"]
    state["browse-by"] = MEANING if said["by"] == "meaning" else WORDS
    state["browse-sort"] = said["sort"].capitalize()


def _write(
    names: list[str], index: str, *, where: str = "", page: int = 1, review: str = ""
) -> None:
    state = st.session_state
    search, by, sort = (state.get(f"browse-{key}", "") for key in ("search", "by", "sort"))
    for key, value in (("search", search), ("by", by), ("sort", sort)):
        state[f"browse_kept_{key}"] = value
    first = BEST if search.strip() else SORTS[0]
    address.write(
        BROWSE,
        index=index,
        search="" if review else search.strip(),
        by="meaning" if search.strip() and by == MEANING and not review else "",
        sort="" if review or sort in ("", first) else sort.lower(),
        page=str(page) if page > 1 else "",
        where=where,
        review=review,
    )


def _first_page() -> None:
    st.session_state.browse_page = 1


def _searched() -> None:
    """Other words: the best first, until another order is chosen."""
    state = st.session_state
    state.browse_page = 1
    state["browse-sort"] = BEST if state["browse-search"].strip() else SORTS[0]


def _turn(page: int) -> None:
    st.session_state.browse_page = page


def _close() -> None:
    st.session_state.browse_review = ""


def _start_over() -> None:
    st.session_state.browse_page, st.session_state.browse_review = 1, ""


PAGE = Page(
    title="Browse",
    url_path=BROWSE,
    intro="All the reviews, to read and to search.",
    show=show,
    sidebar=True,
)
