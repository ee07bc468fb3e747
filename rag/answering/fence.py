"""Quoted text made safe to stand in a prompt."""

from __future__ import annotations

# One character for one character, so that offsets in a fenced text are offsets in the review. Angle
# and square brackets go because they could close the fence, pose as a citation, or spell a control
# token (<end_of_turn>, <|im_start|>, [INST]); line breaks go so that no line of a review can pose
# as one of ours.
FENCE = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "[": "(",
        "]": ")",
        "【": "(",
        "】": ")",
        "＜": "‹",
        "＞": "›",
        "［": "(",
        "］": ")",
        "\n": " ",
        "\r": " ",
        "\u2028": " ",
        "\u2029": " ",
    }
)
FENCED = "".join(f"{chr(code)}{becomes}" for code, becomes in sorted(FENCE.items()))
"""The fence as a text: part of every prompt's hash."""


def fence(text: str) -> str:
    """`text` made safe to stand inside the prompt; same length, character for character."""
    return text.translate(FENCE)
