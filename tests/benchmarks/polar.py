"""How often a question that asks yes or no is told right: ``python -m tests.benchmarks.polar [FILE ...]``

FILE has "question" and "sentences" in each line: a list each of those that say "yes", "no", "both" and "neither".
Without one, those of `polar_questions` are measured: 63 questions and 715 sentences of the project's own, which the
reader was not trained on.

What is told comes of how many say yes and how many no, as a headline tells it; it is right where the labels tell the
same. The first row is what is in use, where a sentence in other words must say yes more surely; the others have fixed
bounds.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import rag.reader
from rag.answering.headline import yes_or_no
from rag.answering.polar import NO, YES, says_yes
from rag.answering.tally import Tally
from rag.understanding.statement import as_statement
from tests.benchmarks.measuring import options, show

QUESTIONS = Path(__file__).with_name("polar_questions")
BOUNDS = ((YES, NO), (0.5, 0.8), (0.6, 0.7), (0.7, 0.8))
Mask = NDArray[np.bool_]


def told(yes: Mask, no: Mask) -> str:
    """ "yes", "no" or "" for neither, of sentences of a voice each."""
    tally = Tally(len(yes), len(yes), 0, 0, 0)
    agree, differ = int(yes.sum()), int(no.sum())
    first = yes_or_no(tally, agree, differ, 0, of_a_view=True).partition(":")[0]
    return next((word for word in ("yes", "no") if first.casefold().split()[-1] == word), "")


def compared(true_yes: Mask, true_no: Mask, yes: Mask, no: Mask) -> Counter[str]:
    """What came of one question, and of its sentences."""
    said, true = told(yes, no), told(true_yes, true_no)
    missed = ("the wrong way" if true else "told, and not so") if said else "not told"
    return Counter(
        {
            "told right" if said == true else missed: 1,
            "taken": int((yes | no).sum()),
            "hit": int((yes & true_yes).sum() + (no & true_no).sum()),
            "labelled": int((true_yes | true_no).sum()),
        }
    )


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=sorted(QUESTIONS.glob("*.jsonl")))
    files = parser.parse_args().files
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    reader = rag.reader.load()
    results: dict[tuple[float, float], Counter[str]] = {bounds: Counter() for bounds in BOUNDS}
    for row in rows:
        labelled = [(label, text) for label, texts in row["sentences"].items() for text in texts]
        statement = as_statement(row["question"])
        supports = reader.support([((text,), statement) for _, text in labelled])
        entailed, contradicted = (
            np.array([getattr(support, of) for support in supports])
            for of in ("entailed", "contradicted")
        )
        true_yes, true_no = (np.array([told == of for told, _ in labelled]) for of in ("yes", "no"))
        in_use = says_yes(statement, [text for _, text in labelled], entailed)
        for bounds, counted in results.items():
            yes = in_use if bounds == (YES, NO) else entailed >= bounds[0]
            no = (contradicted >= bounds[1]) & ~yes
            counted.update(compared(true_yes, true_no, yes, no))
    kinds = ("told right", "the wrong way", "told, and not so", "not told")
    show(
        f"{len(rows)} questions, {results[YES, NO]['labelled']} sentences that say yes or no.",
        ["yes from, no from", *kinds, "sentences right", "sentences found"],
        [
            [
                f"{bounds[0]}, {bounds[1]}",
                *(counted[kind] for kind in kinds),
                f"{counted['hit'] / max(counted['taken'], 1):.2f}",
                f"{counted['hit'] / max(counted['labelled'], 1):.2f}",
            ]
            for bounds, counted in results.items()
        ],
    )


if __name__ == "__main__":
    main()
