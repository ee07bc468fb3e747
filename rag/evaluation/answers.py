"""How good are the answers? The metrics behind `reviewqa eval answers`.

- supported: share of the answers' sentences (headings aside) that the reviews they cite bear out,
  by `rag.answering.grounding`.
- citation precision: share of the reviews an answer cites that are among the question's gold
  reviews.
- citation recall: gold reviews cited, of as many as could be (the gold reviews or the chunks in the
  prompt, whichever are fewer).
- refusal precision, recall, F1: "The reviews do not say", against the questions marked
  unanswerable.
- key points: share of a question's key points that some sentence of the answer comes close to
  (cosine of their embeddings at or over the support threshold); 0 for a question wrongly refused.
  Count questions are left out: their key point is a number, which similarity cannot tell from
  another.
- balance: for questions on which opinion is split, 2 min(p, c) / (p + c) of the p cited reviews
  that praise and the c that criticise: 1 where both sides are cited alike, 0 where one is left out.
- repeated: share of an answer's sentences that say what one before it said (cosine of at least .9).

Citations and key points are means over the answerable questions; one that was wrongly refused
counts as 0 in recall and key points, and has no precision.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.evaluation.questions import Question
from rag.schema import GeneratorError


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """One question's numbers; None where a metric does not apply."""

    id: str
    kind: str
    question: str
    answer: str
    answerable: bool
    refused: bool
    sentences: int
    supported: int
    citation_precision: float | None
    citation_recall: float | None
    key_points: float | None
    dropped_markers: int
    seconds: float
    balance: float | None = None
    repeated: float | None = None


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """The numbers over a question set, and the results they come from."""

    generator: str
    questions: int
    supported: float
    citation_precision: float
    citation_recall: float
    refusal_precision: float
    refusal_recall: float
    refusal_f1: float
    key_points: float
    seconds_median: float
    seconds_p95: float
    balance: float = 0.0
    repeated: float = 0.0
    failed: int = 0  # questions on which the generator raised an error; they are in no other number
    results: list[QuestionResult] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


_SAME = 0.9

COLUMNS = (
    ("generator", "generator"),
    ("supported", "sentences supported"),
    ("citation_precision", "citation precision"),
    ("citation_recall", "citation recall"),
    ("refusal_f1", "refusal F1"),
    ("key_points", "key points"),
    ("seconds_median", "s per answer"),
)


def markdown_table(reports: Sequence[AnswerReport]) -> str:
    """One row a generator."""
    lines = ["| " + " | ".join(title for _, title in COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for report in reports:
        values = (getattr(report, name) for name, _ in COLUMNS)
        lines.append(
            "| " + " | ".join(v if isinstance(v, str) else f"{v:.2f}" for v in values) + " |"
        )
    return "\n".join(lines)


def evaluate_answers(
    pipeline: Pipeline, questions: Sequence[Question], progress: Callable[[int, int], None]
) -> AnswerReport:
    """Ask every question and measure the answers. A question the generator fails on is counted, and
    the rest go on.

    Raises `GeneratorError` when it fails on all of them.
    """
    results, failures = [], []
    for number, question in enumerate(questions, 1):
        try:
            results.append(_result(question, pipeline.ask(question.question), pipeline))
        except GeneratorError as error:
            failures.append(error)
        progress(number, len(questions))
    if failures and not results:
        raise failures[0]
    return replace(summarise(pipeline.answerer.name, results), failed=len(failures))


def summarise(generator: str, results: Sequence[QuestionResult]) -> AnswerReport:
    """Means over questions; refusal counts over all."""
    right = sum(r.refused and not r.answerable for r in results)
    refused = sum(r.refused for r in results)
    unanswerable = sum(not r.answerable for r in results)
    seconds = sorted(r.seconds for r in results)
    return AnswerReport(
        generator=generator,
        questions=len(results),
        supported=sum(r.supported for r in results) / max(1, sum(r.sentences for r in results)),
        citation_precision=_mean([r.citation_precision for r in results]),
        citation_recall=_mean([r.citation_recall for r in results]),
        refusal_precision=right / refused if refused else 0.0,
        refusal_recall=right / unanswerable if unanswerable else 0.0,
        refusal_f1=2 * right / (refused + unanswerable) if refused + unanswerable else 0.0,
        key_points=_mean([r.key_points for r in results]),
        seconds_median=statistics.median(seconds) if seconds else 0.0,
        seconds_p95=seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))] if seconds else 0.0,
        balance=_mean([r.balance for r in results]),
        repeated=_mean([r.repeated for r in results]),
        results=list(results),
    )


def _result(question: Question, answer: Answer, pipeline: Pipeline) -> QuestionResult:
    claims = (
        []
        if answer.refused
        else [sentence for sentence in answer.sentences if not sentence.heading]
    )
    cited = {citation.review_id for sentence in claims for citation in sentence.citations}
    hits = len(cited & question.review_ids)
    graded = question.answerable and not answer.refused
    reachable = min(len(question.review_ids), len(answer.retrieved)) or 1
    return QuestionResult(
        id=question.id,
        kind=question.kind,
        question=question.question,
        answer=answer.text,
        answerable=question.answerable,
        refused=answer.refused,
        sentences=len(claims),
        supported=sum(sentence.supported for sentence in claims),
        citation_precision=(hits / len(cited) if cited else 0.0) if graded else None,
        citation_recall=hits / reachable if question.answerable else None,
        key_points=_key_points(question, [sentence.text for sentence in claims], pipeline),
        dropped_markers=answer.dropped_markers,
        seconds=round(answer.timings["total_s"], 3),
        balance=balance(answer) if question.kind == "both_sides" else None,
        repeated=repeated([sentence.text for sentence in claims], pipeline) if claims else None,
    )


def balance(answer: Answer) -> float:
    """How evenly an answer cites both sides, 0 to 1; 0 where it cites neither."""
    sides = {found.number: found.side for found in answer.retrieved}
    cited = {citation.number for sentence in answer.sentences for citation in sentence.citations}
    praise, criticism = (
        sum(sides[number] == side for number in cited) for side in ("praise", "criticism")
    )
    return 2 * min(praise, criticism) / (praise + criticism) if praise + criticism else 0.0


def repeated(sentences: Sequence[str], pipeline: Pipeline) -> float:
    """Share of the sentences that say what one before them said."""
    vectors = pipeline.embedder.embed_documents(list(sentences))
    similarity = vectors @ vectors.T
    again = sum(bool((similarity[row, :row] >= _SAME).any()) for row in range(len(sentences)))
    return again / len(sentences) if sentences else 0.0


def _key_points(question: Question, sentences: Sequence[str], pipeline: Pipeline) -> float | None:
    if not question.answerable or question.kind == "count" or not question.key_points:
        return None
    if not sentences:
        return 0.0
    embed = pipeline.embedder.embed_documents
    similarity = embed(question.key_points) @ embed(sentences).T
    return float((similarity.max(axis=1) >= pipeline.settings.answering.support_threshold).mean())


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else 0.0
