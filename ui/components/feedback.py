"""What a reader says of an answer: good or not, and why not; kept on this machine."""

from __future__ import annotations

import streamlit as st

from rag.config import Settings
from rag.evaluation.feedback import FEEDBACK_FILE, Reason, add_feedback, feedback_on
from ui.components import errors
from ui.components.conversation import Exchange
from ui.components.votes import now

GOOD, BAD = "Good answer", "Not good"
KEPT = "Kept on this machine."
REASONS: dict[Reason, str] = {
    "untrue": "Something in it is not so",
    "incomplete": "It leaves out what matters",
    "off": "It answers something else",
    "counts": "The numbers are wrong",
    "unanswerable": "The reviews do not say",
}
REASONS_OF_REFUSAL: dict[Reason, str] = {
    "answerable": "The reviews do say",
    "off": "It answers something else",
}
_MOST_COMMENT = 1000  # characters


def buttons(settings: Settings, exchange: Exchange, number: int) -> None:
    """Draw the two buttons, the one that was pressed filled. `number` is the answer's place in the
    session, whose state holds in `judged` whether each was found good, and in `reasoned` those of
    which it was said why not.
    """
    judged = st.session_state.setdefault("judged", {})
    st.session_state.setdefault("reasoned", set())
    for good, label, icon in ((True, GOOD, "thumb_up"), (False, BAD, "thumb_down")):
        st.button(
            label,
            key=f"{icon}-{number}",
            icon=f":material/{icon}:",
            type="secondary" if judged.get(number) is good else "tertiary",
            on_click=_keep,
            args=(settings, exchange, number, good),
        )


def form(settings: Settings, exchange: Exchange, number: int) -> None:
    """Below the buttons: that it is kept, and of a bad answer the reason."""
    good = st.session_state.judged.get(number)
    if good is None:
        return
    if good or number in st.session_state.reasoned:
        st.caption(f"Thank you. {KEPT}")
        return
    reasons = REASONS_OF_REFUSAL if exchange.answer.refused else REASONS
    with st.form(f"reason-{number}", border=True):
        reason = st.radio(
            "What is wrong with it?", list(reasons), format_func=reasons.get, index=None
        )
        comment = st.text_input("In your words (may be left out)", max_chars=_MOST_COMMENT)
        if st.form_submit_button("Keep the reason"):
            with errors.shown():
                _add(settings, exchange, good=False, reason=reason or "", comment=comment.strip())
                st.session_state.reasoned.add(number)
                st.rerun()


def forget() -> None:
    """Places in the session are given anew. What is kept on the disk stays."""
    st.session_state.judged, st.session_state.reasoned = {}, set()


def _keep(settings: Settings, exchange: Exchange, number: int, good: bool) -> None:
    with errors.shown():
        _add(settings, exchange, good=good)
        st.session_state.judged[number] = good
        st.session_state.reasoned.discard(number)


def _add(
    settings: Settings,
    exchange: Exchange,
    *,
    good: bool,
    reason: Reason = "",
    comment: str = "",
) -> None:
    feedback = feedback_on(
        exchange.answer,
        exchange.index,
        exchange.where,
        good=good,
        time=now(),
        reason=reason,
        comment=comment,
    )
    add_feedback(settings.paths.runs_dir / FEEDBACK_FILE, feedback)
