"""How the user came to the address that a page is drawn for. Streamlit knows, and does not tell in
public: what of its inside is used is used here alone. Where a version of it lacks that, nothing is
known, and the app does without.
"""

from __future__ import annotations

import logging

from streamlit.runtime.scriptrunner import get_script_run_ctx

_log = logging.getLogger(__name__)


def came_by_history() -> bool | None:
    """Whether the browser's back or forward led here; None where that is not known."""
    known = getattr(get_script_run_ctx(), "is_history_navigation", None)
    return known if isinstance(known, bool) else None


def control_moved() -> bool | None:
    """Whether a control of the page was moved since it was last drawn; None where that is not
    known.
    """
    try:
        session = get_script_run_ctx().session_state._state  # type: ignore[union-attr]
        return any(map(session._widget_changed, session._new_widget_state))
    except (AttributeError, TypeError) as error:
        _log.info("Streamlit does not say whether a control was moved: %s", error)
        return None
