"""Whatever fails while a page is drawn, the user sees a sentence and not a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rag.schema import ReviewQAError
from ui.render.words import as_markdown

SORRY = "Sorry, something went wrong. The details are in the program's log; please try again."

_log = logging.getLogger(__name__)


@contextmanager
def shown() -> Iterator[None]:
    """Show an error inside as a sentence, where the page has come to."""
    try:
        yield
    except ReviewQAError as error:
        st.error(as_markdown(str(error)))
    except Exception:
        _log.exception("The page could not be drawn.")
        st.error(SORRY)
