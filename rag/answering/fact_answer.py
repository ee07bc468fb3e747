"""Answers to questions for one fact: what the reviews tell, how many tell it, and who says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rag.answer import AnswerSentence
from rag.answering import prompt
from rag.answering.base import BearsOn, Draft, as_text
from rag.answering.extractive import ExtractiveAnswerer
from rag.answering.facts import fact_of, fact_told
from rag.answering.statements import Statements
from rag.generators.base import never_cancelled
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.retrieval.evidence import Evidence
from rag.understanding.plan import QuestionPlan


class FactAnswerer:
    """Answers with the values that reviews give, each with how many give it; to a fact of a kind that
    cannot be told from other words, with the sentences nearest to the question.
    """

    def __init__(
        self, index: ReviewIndex, reader: Reader, quoting: ExtractiveAnswerer, bears_on: BearsOn
    ) -> None:
        self._index, self._reader = index, reader
        self._quoting, self._bears_on = quoting, bears_on

    def answer(
        self,
        plan: QuestionPlan,
        evidence: Evidence,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str | Draft]:
        """The headline, then a sentence for each value, as they come, and the draft."""
        fact = fact_of(plan, self._index, self._reader, evidence.where)
        if fact is not None and fact.given:
            told = fact_told(fact)
            yield told + "\n"
            sentences = [AnswerSentence(told, supported=True, score=1.0, counted=True)]
            statements = Statements(self._index, fact.opinions, evidence.chunks[0].number)
            for given in fact.shown:
                place, around = given.places[0], given.value.start
                sentences.append(
                    statements.of_point(place, "neutral", given.count, fact.voices, around)
                )
                yield as_text(sentences[-1])
            yield Draft(tuple(sentences), tuple(statements.chunks))
        elif (fact is not None and fact.kind.required) or not self._bears_on(
            plan, evidence, evidence.best
        ):
            yield prompt.REFUSAL
            yield Draft((prompt.REFUSED,), evidence.chunks)
        else:
            yield from self._quoting.answer(plan, evidence, cancelled)
