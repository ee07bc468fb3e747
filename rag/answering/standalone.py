"""Which sentences can be quoted by themselves (English)."""

from __future__ import annotations

import re

_FEWEST_WORDS, _MOST_WORDS = 3, 22
_EASY_WORDS = 9  # a point of more words has to be borne out by more voices
_COST_OF_A_WORD = 0.04  # of a candidate's gain
_DANGLES = re.compile(
    r"\W*(?:it|its|it['’]s|this|that|that['’]s|these|those|he|she|his|her|they|their|them|him|so|but|and|also"
    r"|because|which|who|whose|there|here|what|why|how|if|when|while|not|then|or|just|even|plus|though|although"
    r"|however|still|yet|another|other|both|such|same|unlike|instead|therefore|besides|first(?:ly)?|second(?:ly)?"
    r"|finally|for example|e\.?g|with that|one|some of (?:it|them)|now|after that|as|than|nor|to"
    r"|neither|others|each|too (?:much|little|many|few))\b",
    re.IGNORECASE,
)
_ADVERT = re.compile(
    r"https?:|www\.|@\w|\b(?:click|subscribe|discount code|promo)\b", re.IGNORECASE
)
_GARBLED = re.compile(r"\?{3,}|\ufffd|\*{3,}")
_PERSONAL = re.compile(r"\b(?:i|i['’]\w+|we|we['’]\w+|my|our|me|us)\b", re.IGNORECASE)
_TURN = re.compile(
    r"\w,? (?:but|yet|although|though|however|while|whereas|despite)\b", re.IGNORECASE
)
_TURN_COST = 0.5  # it says two things, on two sides
_TRAILS = re.compile(r"\b(?:though|anyway|either|as well|too)[.!]*$", re.IGNORECASE)
_HANGS = re.compile(r"\b(?:there|it all|all of it)[.!]*$", re.IGNORECASE)
_HANGS_COST = 0.4  # it leans on the sentence before
_UNTIDY_COST = 0.6  # it begins in the middle, or was written in haste
_PERSONAL_COST = 0.35
_LETTERS = re.compile(r"[^\W\d_]")


def standing_alone(text: str) -> float:
    """How well a sentence does as a point by itself, 0 (not at all) to 1."""
    words = text.split()
    if not _FEWEST_WORDS <= len(words) <= _MOST_WORDS or text.rstrip("\"'”’)").endswith("?"):
        return 0.0
    if _DANGLES.match(text) or text.count("(") != text.count(")"):
        return 0.0
    if any(pattern.search(text) for pattern in (_ADVERT, _GARBLED, _TRAILS)):
        return 0.0
    if len(_LETTERS.findall(text)) < 0.7 * len(text.replace(" ", "")):
        return 0.0
    value = 1 - _COST_OF_A_WORD * max(0, len(words) - _EASY_WORDS)
    if _TURN.search(text):
        value *= _TURN_COST
    if _PERSONAL.search(text):
        value *= _PERSONAL_COST
    if _HANGS.search(text):
        value *= _HANGS_COST
    if text[0].islower():
        value *= _UNTIDY_COST
    if text.isupper() or text.count("!") > 2:
        value *= 0.7
    return max(value, 0.0)
