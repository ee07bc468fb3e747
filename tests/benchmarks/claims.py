"""How well the reader judges claims: ``python -m tests.benchmarks.claims CLAIMS.jsonl ... [--odd]
[--judge] [--plot FILE.svg]``

Prints by kind of claim what is passed and stopped at the bounds in use, the area under the curve, and what is
stopped where 5% of the true ones are; and how far the probabilities are what they say, which --plot draws.
CLAIMS has "premise", "claim", "label" ("entailed" or another) and "kind" in each line; with --odd those are taken
whose "id" has an odd number. --judge measures the judge in the reader's place.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from finetune.reader.evaluation import claim_report, reliability, share
from finetune.reader.examples import Example
from rag.config import load_settings
from rag.reader import load, make_judge
from rag.reader.verdict import verdicts
from tests.benchmarks.measuring import options, show
from tests.benchmarks.plots import curves

_OF_MISSING = (
    1e-3  # times the probability, where a number or a name stands nowhere: it is not borne out
)


def read_claims(path: Path, *, odd: bool) -> list[Example]:
    """The claims of a file; with `odd`, those whose id ends in an odd number."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Example(row["premise"], row["claim"], row["label"], row["kind"])
        for row in rows
        if not odd or int(re.sub(r"\D", "", row["id"])) % 2
    ]


def main() -> None:
    """Print the tables and draw the plot."""
    parser = options(__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--odd", action="store_true")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    reader = make_judge(load_settings()) if given.judge else load()
    if reader is None:
        parser.error("The judge is not installed: make gemma")
    claims = [claim for path in given.files for claim in read_claims(path, odd=given.odd)]
    said = verdicts(reader, [((claim.first,), claim.second) for claim in claims])
    scores = np.array([v.probability * (_OF_MISSING if v.missing else 1) for v in said])
    true = np.array([claim.label == "entailed" for claim in claims])
    kinds = np.array([claim.kind for claim in claims])
    stopped = np.array([not v.borne_out for v in said])
    opposite = np.array([v.opposite for v in said])
    report = claim_report(scores, claims)
    rows = [
        [
            kind,
            report.area[kind],
            report.stopped[kind],
            share(stopped[~true & ((kinds == kind) | (kind == "all"))]),
            share(opposite[~true & ((kinds == kind) | (kind == "all"))]),
        ]
        for kind in report.area
    ]
    rows.append(["true", "", "", share(stopped[true]), share(opposite[true])])
    header = [
        "claims",
        "area",
        "stopped at 5% false alarms",
        "stopped",
        'said to be "the opposite"',
    ]
    show(f"{len(claims)} claims, by {reader.name}", header, rows)
    calibrated = reliability(np.array([v.probability for v in said]), true)
    show(
        "Of claims given a probability, how many are true",
        ["probability", "true", "n"],
        [[f"{low:.2f}", f"{high:.2f}", n] for low, high, n in calibrated],
    )
    if given.plot:
        curve = [(low, high) for low, high, _ in calibrated]
        title, name = "How far its probabilities are what they say", f"{len(claims)} claims"
        drawn = curves(title, "probability", "share true", {name: curve}, diagonal=True)
        given.plot.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
