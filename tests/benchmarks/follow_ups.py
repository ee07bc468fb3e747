"""Are follow-up questions made to stand alone? `python -m tests.benchmarks.follow_ups [--wrong
SPLIT]`.

Over the dialogues of `rag/sample/followups.jsonl`, and, for questions that must be left as they
are, over the sample's own questions, each asked after another one.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.evaluation.questions import read_questions
from rag.understanding import follow_up
from rag.understanding.follow_up import stand_alone

SAMPLE = Path(follow_up.__file__).parents[1] / "sample"
BEFORE = "How good is the acting?"
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
        wanted, unwanted = (
            [
                re.search(rf"\b{re.escape(word)}\b", self.query, re.IGNORECASE)
                for word in self.dialogue[key]
            ]
            for key in ("must", "must_not")
        )
        return self.told and all(wanted) and not any(unwanted)


def judged(split: str, query: Query) -> list[Judged]:
    """The dialogues of a split."""
    lines = (SAMPLE / "followups.jsonl").read_text(encoding="utf-8").splitlines()
    dialogues = [dialogue for line in lines if (dialogue := json.loads(line))["split"] == split]
    return [
        Judged(dialogue, query(dialogue["turns"][-1], dialogue["turns"][:-1]))
        for dialogue in dialogues
    ]


def by_rule(question: str, previous: Sequence[str]) -> str:
    """The rule's query."""
    return stand_alone(question, previous).query


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", choices=("dev", "test"), help="show what is wrong of a split")
    chosen = parser.parse_args()
    print(
        "| split | dialogues | lean or not, told | and the right words | of those that lean | of "
        "the others |"
    )
    print("|---|---|---|---|---|---|")
    for split in ("dev", "test"):
        found = judged(split, by_rule)
        lean = [one.right for one in found if one.dialogue["depends"]]
        others = [one.right for one in found if not one.dialogue["depends"]]
        print(
            f"| {split} | {len(found)} | {sum(one.told for one in found) / len(found):.2f} "
            f"| {sum(one.right for one in found) / len(found):.2f} | {sum(lean)} of {len(lean)} "
            f"| {sum(others)} of {len(others)} |"
        )
    questions = [question.question for question in read_questions(SAMPLE / "questions.jsonl")]
    changed = [question for question in questions if by_rule(question, [BEFORE]) != question]
    print(
        f"\nOf the sample's {len(questions)} questions, {len(changed)} would be changed after "
        f"{BEFORE!r}."
    )
    if chosen.wrong:
        for one in judged(chosen.wrong, by_rule):
            if not one.right:
                print(f"  {' / '.join(one.dialogue['turns'])} -> {one.query}")
        if chosen.wrong == "dev":
            print(*(f"  {by_rule(question, [BEFORE])}" for question in changed), sep="\n")


if __name__ == "__main__":
    main()
