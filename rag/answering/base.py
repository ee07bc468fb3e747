"""What every answerer is: a question and its evidence in, pieces of text and then statements out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rag.answer import AnswerSentence, Breakdown
from rag.answering import prompt
from rag.answering.tally import Tally
from rag.generators.base import never_cancelled
from rag.retrieval.evidence import Evidence
from rag.schema import RetrievedChunk
from rag.understanding.plan import QuestionPlan

Rewording = Callable[[Callable[[], bool]], Iterator["str | Draft"]]
"""Takes what tells whether it is cancelled; yields pieces of text, and last a draft with the same
statements.
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """What an answerer ends with: checked statements, and the chunks that they could cite.

    `dropped_markers` counts citation numbers that name no chunk. Without `sentences`, nothing was
    written. `truncated`: a model reached the most tokens it may write. `tally`: how many reviews
    speak of what is asked and how, where they were counted. `notes`: what is to be said of it.
    `rewording`: writes the same in plainer words, which takes seconds, where something can.
    `breakdowns`: what was counted, told apart.
    """

    sentences: tuple[AnswerSentence, ...]
    retrieved: tuple[RetrievedChunk, ...]
    dropped_markers: int = 0
    truncated: bool = False
    tally: Tally | None = None
    notes: tuple[str, ...] = ()
    rewording: Rewording | None = None
    breakdowns: tuple[Breakdown, ...] = ()


BearsOn = Callable[[QuestionPlan, Evidence, float | None], bool]
"""Whether evidence bears on a question at all, given the largest probability that a sentence answers
it.
"""


class Answerer(Protocol):
    """Answers from evidence; safe to share between threads."""

    @property
    def name(self) -> str:
        """What people are shown: with a language model, backend and model."""
        ...

    def answer(
        self,
        plan: QuestionPlan,
        evidence: Evidence,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str | Draft]:
        """Pieces of the answer's text as they come, and last the draft. Ends soon after
        `cancelled()` turns true. Raises `GeneratorError`.
        """
        ...


def as_text(sentence: AnswerSentence) -> str:
    """A line of a counted answer as it is streamed."""
    if sentence.heading:
        return f"\n{sentence.text}\n"
    numbers = [citation.number for citation in sentence.citations]
    count = f" ({sentence.how_many})" if sentence.how_many else ""
    return f"- {sentence.text}{count} {prompt.write_marker(numbers)}\n"
