"""Are follow-up questions understood? `python -m tests.benchmarks.follow_ups [--wrong SPLIT]`.

Over the dialogues of `rag/sample/followups.jsonl`, for whether the last question leans on the
others and for the words that are searched for; over those of `tests/data/follow_up_plans.jsonl`,
for the whole plan; and, for questions that stand alone, over the sample's own questions, each asked
after another one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from rag.embedding import SentenceTransformerEmbedder
from rag.understanding.asked import Asked, asked
from rag.understanding.catalogue import Catalogue
from rag.understanding.follow_up import leant_on
from rag.understanding.names import NameFinder
from rag.understanding.plan import understand
from tests.benchmarks.measuring import SAMPLE, options, sample_questions, show
from tests.follow_up_plans import FLATS, dialogues, wrong_parts

BEFORE = "How good is the acting?"
SPLITS = ("dev", "test", "fresh")
NOTHING = Catalogue("nothing", 0)


@dataclass(frozen=True)
class Judged:
    """A dialogue, whether its last question was held to lean on the others, what was made of it, and
    whether that is right.
    """

    dialogue: dict[str, Any]
    leans: bool
    made: Asked

    @property
    def told(self) -> bool:
        """Whether it was told rightly that the question leans on earlier ones, or does not."""
        return self.leans == bool(self.dialogue["depends"])

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
        return bool(re.search(rf"\b{re.escape(word)}\b", self.made.query, re.IGNORECASE))


def judged(split: str) -> list[Judged]:
    """The dialogues of a split."""
    lines = (SAMPLE / "followups.jsonl").read_text(encoding="utf-8").splitlines()
    found = []
    for dialogue in map(json.loads, lines):
        if dialogue["split"] == split:
            *previous, last = dialogue["turns"]
            made = asked(last, NameFinder(NOTHING), NOTHING, previous)
            found.append(Judged(dialogue, bool(leant_on(last, previous)), made))
    return found


def row(split: str) -> list[object]:
    """A split's line of the table."""
    dialogues = judged(split)
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


def show_plans() -> None:
    """Print how many plans of the dialogues about three flats are right, and the others."""
    embedder, finder = SentenceTransformerEmbedder(), NameFinder(FLATS)
    wrong = []
    total = 0
    for dialogue in dialogues():
        *previous, last = dialogue["turns"]
        plan = understand(last, finder, FLATS, embedder.embed_queries, embedder.identity, previous)
        total += 1
        if parts := wrong_parts(dialogue, plan):
            wrong.append(f"  {' / '.join(dialogue['turns'])} -> {plan.as_dict()}: {parts}")
    print(f"\nOf {total} plans for dialogues about three flats, {total - len(wrong)} are right.")
    print(*wrong, sep="\n")


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("--wrong", choices=SPLITS, help="show what is wrong of a split")
    arguments = parser.parse_args()
    header = ["split", "dialogues", "lean or not, told", "and the right words"]
    header += ["of those that lean", "of the others"]
    show("Follow-up questions, understood by the rule", header, [*map(row, SPLITS)])
    questions = sample_questions()
    changed = [question for question in questions if leant_on(question, [BEFORE])]
    print(
        f"\nOf the sample's {len(questions)} questions, {len(changed)} are held to lean on "
        f"{BEFORE!r}."
    )
    show_plans()
    for judgement in judged(arguments.wrong) if arguments.wrong else ():
        if not judgement.right:
            print(f"  {' / '.join(judgement.dialogue['turns'])} -> {judgement.made.query}")
    if arguments.wrong == "dev":
        print(*(f"  {question}" for question in changed), sep="\n")


if __name__ == "__main__":
    main()
