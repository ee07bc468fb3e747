"""What the parts of a question come to, and how long each step took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rag.answer import AnswerSentence, Breakdown
from rag.answering import prompt
from rag.answering.base import Draft, Rewording
from rag.answering.grounding import is_refusal
from rag.answering.headline import comparison
from rag.answering.tally import Tally
from rag.schema import RetrievedChunk
from rag.understanding.plan import QuestionPlan


@dataclass(slots=True)
class Timer:
    """Seconds of each step of an answer."""

    begun: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def note(self, step: str) -> None:
        """Since the last note."""
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self.last
        self.last = now

    def note_piece(self) -> None:
        """A piece of text has come."""
        self.note("generate_s")
        self.seconds.setdefault("first_words_s", self.last - self.begun)

    def total(self) -> dict[str, float]:
        """All steps, and the time from the question to now."""
        return {**self.seconds, "total_s": time.perf_counter() - self.begun}


@dataclass(slots=True)
class Outcome:
    """What the parts of a question come to."""

    blocks: list[Sequence[AnswerSentence]] = field(default_factory=list)
    to_reword: list[tuple[int, Rewording]] = field(default_factory=list)  # with the block's place
    compares: AnswerSentence | None = None  # stands first
    retrieved: list[RetrievedChunk] = field(default_factory=list)
    dropped_markers: int = 0
    truncated: bool = False
    counted: bool = False  # the reviews, for a headline
    asked: bool = False  # something was asked to answer
    answered: bool = False
    told: bool = False  # and said something, if only that the reviews do not say
    reason: str = ""  # why nothing was
    refusal: AnswerSentence | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)  # by item, where there are several
    notes: list[str] = field(default_factory=list)
    breakdowns: tuple[Breakdown, ...] = ()

    @property
    def sentences(self) -> list[AnswerSentence]:
        """All of the answer's."""
        first = [] if self.compares is None else [self.compares]
        return [*first, *(sentence for block in self.blocks for sentence in block)]

    def compared(self) -> str:
        """How several items compare, where their reviews were counted; it now stands first."""
        if told := comparison(self.tallies):
            self.compares = AnswerSentence(told, supported=True, score=1.0, counted=True)
        return told

    def reword(self, cancelled: Callable[[], bool]) -> Iterator[str]:
        """Put in plainer words what can be; pieces of text as they come. What is cancelled stays
        as it is.
        """
        for place, rewording in self.to_reword:
            for piece in rewording(cancelled):
                if isinstance(piece, str):
                    yield piece
                elif not cancelled():
                    self.blocks[place] = piece.sentences
                    self.notes += piece.notes
        self.to_reword = []

    @property
    def told_instead(self) -> AnswerSentence:
        """What is said where there is no answer."""
        return self.refusal or prompt.REFUSED

    def refuse(self, text: str, reason: str) -> None:
        """No answer, and what to say in its place."""
        self.refusal = AnswerSentence(text, supported=True, score=1.0)
        self.reason = reason

    def add(self, plan: QuestionPlan, draft: Draft) -> None:
        """A part's answer, under its item's name where there are several."""
        self.retrieved += draft.retrieved
        self.dropped_markers += draft.dropped_markers
        self.truncated = self.truncated or draft.truncated
        self.notes += draft.notes
        self.told = self.told or bool(draft.sentences)
        answered = bool(draft.sentences) and not is_refusal(draft.sentences)
        self.answered = self.answered or answered
        self.counted = self.counted or any(sentence.counted for sentence in draft.sentences)
        if not plan.is_part:
            self.breakdowns = draft.breakdowns
        if plan.is_part and draft.tally is not None:
            self.tallies[plan.items[0].name] = draft.tally
        if plan.is_part:
            name = f"{plan.items[0].name}:"
            self.blocks.append([AnswerSentence(name, supported=True, score=1.0, heading=True)])
        if draft.rewording is not None and answered:
            self.to_reword.append((len(self.blocks), draft.rewording))
        if answered:
            self.blocks.append(draft.sentences)
        elif plan.is_part:
            self.blocks.append([prompt.REFUSED])
