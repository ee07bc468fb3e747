"""Do the cited reviews bear the sentences out?"""

from collections.abc import Sequence

from rag.evaluation.metrics.registry import Metric, QuestionResult


def _share(results: Sequence[QuestionResult]) -> float:
    sentences = sum(result.sentences for result in results)
    return sum(result.supported for result in results) / max(1, sentences)


SUPPORTED = Metric(
    name="supported",
    title="sentences supported",
    meaning="share of all answers' sentences, headings aside, that the reviews they cite bear out",
    summarise=_share,
)
