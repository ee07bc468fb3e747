"""Examples of plain statements: quotations from reviews that agree, and what they say in a sentence.

They were written for this project, each for its own quotations (`finetune/statements/README.md`),
which are from its own texts as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finetune.data.examples import Example, ExampleSet
from rag.answering.statement_prompt import statement_messages
from rag.schema import ReviewFileError

STATEMENTS = Path(__file__).parent.parent / "statements"
HELD_OUT = ("jacket", "thriller", "toothbrush", "theme_park")
"""What is not trained on, to measure by; of the first two, the reader saw nothing either."""


def statement_files() -> list[Path]:
    """The files of statements that come with the program."""
    return sorted(STATEMENTS.glob("*.jsonl"))


def statement_examples(files: Sequence[Path] = ()) -> ExampleSet:
    """The statements of some files, all that come with the program if none is named; those of the
    things in `HELD_OUT` are held out. Raises `ReviewFileError` with the line of a bad one.
    """
    examples = ExampleSet([], [], {})
    for file in files or statement_files():
        for number, row in _rows(file):
            place = Path(row["source"])
            thing = place.parent.name if place.stem == "sentences" else place.stem
            side = examples.held_out if thing in HELD_OUT else examples.train
            messages = statement_messages(row["question"], row["side"], row["quotes"])
            name = f"{file.stem}-{number}"
            side.append(Example(name, "statement", thing, tuple(messages), row["statement"], ()))
    return examples


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if row["side"] not in ("praise", "criticism", "neutral") or not row["quotes"]:
                raise ValueError("a side or the quotations are missing")
            yield number, row
        except (ValueError, KeyError, TypeError) as error:
            raise ReviewFileError(
                f"{file}, line {number}: not a statement ({type(error).__name__}: {error})."
            ) from error
