"""Numbers and names of a claim that stand nowhere in its evidence."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.reader.missing import missing


@pytest.mark.parametrize(
    ("evidence", "claim", "gaps"),
    [
        ("It has nine episodes.", "There are nine episodes.", ()),
        ("It has 9 episodes.", "There are nine episodes.", ()),
        ("It has nine episodes.", "There are 9 episodes.", ()),
        ("It has nine episodes.", "There are six episodes.", ("six",)),
        ("We paid 1,200 for it.", "It cost 1200.", ()),
        ("We paid 120 for it.", "It cost 1,200.", ("1,200",)),
        ("It took twenty-five minutes.", "It took 25 minutes.", ()),
        ("It took 25 minutes.", "It took twenty-six minutes.", ("twenty-six",)),
        ("The third room was fine.", "The 3 rooms were fine.", ()),
        ("A dozen people waited.", "Twelve people waited.", ()),
        ("We went twice.", "The reviewer went 2 times.", ()),
        # counting words that count nothing
        ("The bar was loud.", "One reviewer found the bar loud.", ()),
        ("The bar was loud.", "At first, one hears the bar.", ()),
        ("It broke.", "Both reviewers say that it broke.", ()),
        # names
        ("Jung-jae carries the show.", "The show is carried by Jung-jae.", ()),
        ("Jung-jae carries the show.", "The show is carried by Hae-soo.", ("Hae-soo",)),
        ("Maria at the desk was kind.", "At the desk, Maria's kindness stands out.", ()),
        ("Maria at the desk was kind.", "At the desk, Elena was kind.", ("Elena",)),
        ("Better than Battle Royale.", "It beats Battle Royal.", ()),
        ("We flew with British Airways.", "They flew with BA.", ()),
        ("We flew with British Airways.", "They flew with KLM.", ("KLM",)),
        ("Loved it!", "Netflix is praised for it.", ()),  # a sentence begins with a capital anyway
        ("Loved it!", "Praise for Netflix.", ("Netflix",)),
        ("", "", ()),
    ],
)
def test_what_is_missing(evidence: str, claim: str, gaps: tuple[str, ...]) -> None:
    assert missing(evidence, claim) == gaps


def test_what_all_is_about_need_not_be_named() -> None:
    assert missing("Loved it!", "Viewers love Squid Game.") == ("Squid", "Game")
    assert missing("Loved it!", "Viewers love Squid Game.", ["Is Squid Game good?"]) == ()


@given(st.text(max_size=200), st.text(max_size=200))
@example("", "A:À.0")
def test_any_text_can_be_compared(evidence: str, claim: str) -> None:
    assert missing(evidence + " " + claim, claim) == ()
    assert all(gap.casefold() in claim.casefold() for gap in missing(evidence, claim))
