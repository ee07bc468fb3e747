"""Are both sides cited where opinion is split?"""

from rag.answer import Answer
from rag.evaluation.metrics.registry import Metric


def balance(answer: Answer) -> float:
    """How evenly an answer cites both sides, 0 to 1; 0 where it cites neither."""
    sides = {chunk.number: chunk.side for chunk in answer.retrieved}
    numbers = {citation.number for sentence in answer.sentences for citation in sentence.citations}
    cited = [sides[number] for number in numbers]
    praise, criticism = cited.count("praise"), cited.count("criticism")
    return 2 * min(praise, criticism) / max(1, praise + criticism)


BALANCE = Metric(
    name="balance",
    meaning="where opinion is split, 2 min(p, c) / (p + c) of the p cited reviews that praise and "
    "the c that criticise: 1 where both sides are cited alike, 0 where one is left out",
    measure=lambda case: balance(case.answer) if case.question.kind == "both_sides" else None,
)
