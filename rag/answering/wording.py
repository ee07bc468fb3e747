"""Plain statements in place of quotations: a small model says what the reviews behind a point say.

What is said, how often and on which side is decided by the reader and counted in code; the model
only words it. A statement is used if it adds nothing to the quotation that it was made of and moves
and drops nothing of it (`rag.answering.statement_checks`), and the reader finds that each of the
quotations shown bears it out; else it is drawn again, and else the reviewer's own sentence stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.answer import AnswerSentence, KeyPoint
from rag.answering.statement_checks import may_be_used
from rag.answering.statement_prompt import MOST_QUOTED, read_statement, statement_messages
from rag.generators.base import never_cancelled
from rag.generators.completion import Completer
from rag.reader import Reader
from rag.reader.verdict import Verdict, verdicts

SECONDS = 8.0
"""For all statements of an answer."""

# quotations that the model is shown: the one that stands for the point. Of those that agree with it
# only on the whole it took what the first does not say; all are checked against
_SHOWN = 1
_MOST_TOKENS = 32
_SAMPLES = 4
# least probability that a quotation bears a statement out, of each of them; chosen on 160 statements
# over four corpora, of which strict readers found 93 true
_SURE = 0.8


@dataclass(frozen=True, slots=True)
class Worded:
    """Sentences of an answer, of whose points `worded` of `asked` are told in the model's words;
    `first` is of each point what it wrote first, before any check.
    """

    sentences: tuple[AnswerSentence, ...]
    worded: int
    asked: int
    first: tuple[tuple[KeyPoint, str], ...] = ()


class StatementWriter:
    """Words points; safe to share between threads. Where there is a `judge`, surer and slower than
    the reader, what the reader lets pass has to pass it, too.
    """

    def __init__(self, completer: Completer, reader: Reader, judge: Reader | None = None) -> None:
        self._completer, self._readers = completer, (reader, judge) if judge else (reader,)
        self.name = completer.name

    def worded(
        self,
        question: str,
        sentences: Sequence[AnswerSentence],
        known: Sequence[str] = (),
        cancelled: Callable[[], bool] = never_cancelled,
        seconds: float = SECONDS,
    ) -> Worded:
        """The sentences, those that state one quoted point in plain words where the reader finds
        these borne out. `known` are names that need not stand in the reviews. Raises
        `GeneratorError`.
        """
        ends = time.monotonic() + seconds
        places = [place for place, one in enumerate(sentences) if _is_quoted_point(one)]
        statements: dict[int, tuple[str, float]] = {}
        first: tuple[tuple[KeyPoint, str], ...] = ()
        for samples in (0, _SAMPLES):
            left = [place for place in places if place not in statements]
            if not left or cancelled() or time.monotonic() >= ends:
                break
            points = [sentences[place].points[0] for place in left]
            written = self._completer.complete(
                [statement_messages(question, p.stance, _quotations(p)[:_SHOWN]) for p in points],
                max_new_tokens=_MOST_TOKENS,
                samples=samples,
                seconds=ends - time.monotonic(),
                cancelled=cancelled,
            )
            if cancelled():
                break
            if not samples:
                said = (read_statement(texts[0]) for texts in written)
                first = tuple(zip(points, said, strict=True))
            statements |= self._borne_out(
                question, dict(zip(left, points, strict=True)), written, known
            )
        taken = _distinct(statements)
        told = tuple(
            _in_words(one, *taken[place]) if place in taken else one
            for place, one in enumerate(sentences)
        )
        return Worded(told, len(taken), len(places), first)

    def _borne_out(
        self,
        question: str,
        points: dict[int, KeyPoint],
        written: Sequence[Sequence[str]],
        known: Sequence[str],
    ) -> dict[int, tuple[str, float]]:
        """Of each point the best statement that may be used, and how surely it is borne out."""
        candidates = [
            (place, statement)
            for place, texts in zip(points, written, strict=True)
            for statement in dict.fromkeys(map(read_statement, texts))
            if may_be_used(statement, question, _quotations(points[place])[0])
        ]
        best: dict[int, tuple[str, float]] = {}
        for reader in self._readers:
            best = _best(reader, candidates, points, known)
            candidates = [(place, statement) for place, (statement, _) in best.items()]
        return best


def _best(
    reader: Reader,
    candidates: Sequence[tuple[int, str]],
    points: dict[int, KeyPoint],
    known: Sequence[str],
) -> dict[int, tuple[str, float]]:
    """Of each point the surest of its candidates that the quotations bear out."""
    pairs = [
        ((quotation,), statement)
        for place, statement in candidates
        for quotation in _quotations(points[place])
    ]
    judged = iter(verdicts(reader, pairs, known))
    best: dict[int, tuple[str, float]] = {}
    for place, statement in candidates:
        of_it = [next(judged) for _ in _quotations(points[place])]
        sure = sum(verdict.probability for verdict in of_it) / len(of_it)
        if _holds(of_it) and sure > best.get(place, ("", 0.0))[1]:
            best[place] = statement, sure
    return best


def _is_quoted_point(sentence: AnswerSentence) -> bool:
    points = sentence.points
    return len(points) == 1 and points[0].quoted and bool(points[0].said)


def _quotations(point: KeyPoint) -> list[str]:
    return [said.quote for said in point.said[:MOST_QUOTED]]


def _holds(of_it: Sequence[Verdict]) -> bool:
    """Whether each quotation bears a statement out: it is told as what all of them say."""
    return all(verdict.borne_out and verdict.probability >= _SURE for verdict in of_it)


def _distinct(statements: dict[int, tuple[str, float]]) -> dict[int, tuple[str, float]]:
    """Without those that say what one before them says in the same words."""
    kept: dict[int, tuple[str, float]] = {}
    for place, (statement, sure) in sorted(statements.items()):
        if statement.casefold() not in {text.casefold() for text, _ in kept.values()}:
            kept[place] = statement, sure
    return kept


def _in_words(sentence: AnswerSentence, statement: str, sure: float) -> AnswerSentence:
    """A sentence whose point is told by a statement."""
    point = replace(sentence.points[0], statement=statement, quoted=False)
    return replace(sentence, text=statement, score=round(sure, 4), points=(point,))
