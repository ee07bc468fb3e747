"""The messages that ask a small model for one plain statement of what some quotations say.

Serving and training both build them here, as they build those of whole answers in
`rag.answering.prompt`; `template_hash` is stored beside an adapter so that a mismatch can be refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from rag.answering.fence import FENCED, fence
from rag.schema import Message, Side

STATING = "stating"
"""What a model may be tuned for: `statement_messages`."""

MOST_QUOTED = 4  # quotations that one statement is of
_MOST_WORDS = 60  # of one quotation
_REVIEWERS: dict[Side, str] = {
    "praise": "Reviewers in favour:",
    "criticism": "Reviewers against:",
    "neutral": "Reviewers:",
}
_QUESTION = "Question: {question}"
_QUOTATION = "- {quotation}"
_TASK = "What they say, in one plain sentence:"


def statement_messages(question: str, side: Side, quotations: Sequence[str]) -> list[Message]:
    """The messages that ask what `quotations`, which are on one `side` of the matter, say about a
    question. Of more than `MOST_QUOTED` the first are taken.
    """
    lines = [
        _QUOTATION.format(quotation=_one_line(quotation)) for quotation in quotations[:MOST_QUOTED]
    ]
    content = "\n".join(
        [_QUESTION.format(question=_one_line(question)), _REVIEWERS[side], *lines, _TASK]
    )
    return [{"role": "user", "content": content}]


def _one_line(text: str) -> str:
    words = fence(text).split()
    return " ".join(words[:_MOST_WORDS])


def read_statement(written: str) -> str:
    """The statement in what the model wrote: its first line, as one sentence; "" where there is
    none.
    """
    line = written.strip().split("\n")[0].strip()
    first = re.match(r".+?[.!?](?=\s|$)|.+$", line)
    return first.group().strip() if first else ""


def template_hash() -> str:
    """Hex SHA-256 over everything of a prompt that does not depend on question or quotations."""
    limits = (str(MOST_QUOTED), str(_MOST_WORDS))
    parts = (_QUESTION, *_REVIEWERS.values(), _QUOTATION, _TASK, *limits, FENCED)
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
