"""Are follow-up questions made to stand alone? `python -m tests.benchmarks.follow_ups [--wrong
SPLIT]`.

Over the dialogues of `rag/sample/followups.jsonl`, and, for questions that must be left as they
are, over the sample's own questions, each asked after another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rag.understanding.follow_up import stand_alone
from tests.benchmarks.measuring import SAMPLE, options, sample_questions, show

BEFORE = "How good is the acting?"
SPLITS = ("dev", "test")
Query = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True)
class Judged:
    """A dialogue, what was made of its last question, and whether that is right."""

    dialogue: dict[str, Any]
    query: str

    @property
    def told(self) -> bool:
        """Whether it was told rightly that the question leans on earlier ones, or does not."""
        return bool((self.query != self.dialogue["turns"][-1]) == self.dialogue["depends"])

    @property
    def right(self) -> bool:
        """Whether, besides, the query has all the words that it must have and none that it must
        not.
        """
        return (
            self.told
            and all(map(self._has, self.dialogue["must"]))
            and not any(map(self._has, self.dialogue["must_not"]))
        )

    def _has(self, word: str) -> bool:
        return bool(re.search(rf"\b{re.escape(word)}\b", self.query, re.IGNORECASE))


def judged(split: str, query: Query) -> list[Judged]:
    """The dialogues of a split."""
    lines = (SAMPLE / "followups.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Judged(dialogue, query(dialogue["turns"][-1], dialogue["turns"][:-1]))
        for dialogue in map(json.loads, lines)
        if dialogue["split"] == split
    ]


def by_rule(question: str, previous: Sequence[str]) -> str:
    """The rule's query."""
    return stand_alone(question, previous).query


def row(split: str) -> list[object]:
    """A split's line of the table."""
    dialogues = judged(split, by_rule)
    leaning = [judgement.right for judgement in dialogues if judgement.dialogue["depends"]]
    others = [judgement.right for judgement in dialogues if not judgement.dialogue["depends"]]
    return [
        split,
        len(dialogues),
        sum(judgement.told for judgement in dialogues) / len(dialogues),
        sum(judgement.right for judgement in dialogues) / len(dialogues),
        f"{sum(leaning)} of {len(leaning)}",
        f"{sum(others)} of {len(others)}",
    ]


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("--wrong", choices=SPLITS, help="show what is wrong of a split")
    arguments = parser.parse_args()
    header = ["split", "dialogues", "lean or not, told", "and the right words"]
    header += ["of those that lean", "of the others"]
    show("Follow-up questions made to stand alone by the rule", header, [*map(row, SPLITS)])
    questions = sample_questions()
    changed = [question for question in questions if by_rule(question, [BEFORE]) != question]
    print(
        f"\nOf the sample's {len(questions)} questions, {len(changed)} would be changed after "
        f"{BEFORE!r}."
    )
    for judgement in judged(arguments.wrong, by_rule) if arguments.wrong else ():
        if not judgement.right:
            print(f"  {' / '.join(judgement.dialogue['turns'])} -> {judgement.query}")
    if arguments.wrong == "dev":
        print(*(f"  {by_rule(question, [BEFORE])}" for question in changed), sep="\n")


if __name__ == "__main__":
    main()
