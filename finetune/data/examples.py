"""Training examples: messages and the answer to them, or plain text; as JSON Lines, without any
model's tokens.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from finetune.report import render
from rag.answering.prompt import REFUSAL, strip_markers
from rag.files import sha256_of
from rag.schema import Message, ReviewFileError

TRAIN_FILE, HELD_OUT_FILE, CARD_FILE = "train.jsonl", "held_out.jsonl", "README.md"


@dataclass(frozen=True, slots=True)
class Example:
    """What is trained on: the `target` that should follow `messages`; without messages the target
    is plain text.

    `kind` is "review", "answer", "task" or "statement"; `source` where it comes from; `reviews` are the ids of
    those it shows.
    """

    id: str
    kind: str
    source: str
    messages: tuple[Message, ...]
    target: str
    reviews: tuple[str, ...]

    @property
    def refuses(self) -> bool:
        """Whether the target says that the reviews do not say."""
        return self.target == REFUSAL


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """Examples to train on, and those held out, which share no review with them; `left_out` counts
    by reason.
    """

    train: list[Example]
    held_out: list[Example]
    left_out: Mapping[str, int]


def joined(sets: Sequence[ExampleSet]) -> ExampleSet:
    """Several sets as one; of examples with the same id, all but the first get the number of their
    set.
    """
    seen: set[str] = set()
    union = ExampleSet([], [], Counter[str]())

    def add(number: int, examples: Sequence[Example], side: list[Example]) -> None:
        for example in examples:
            name = example.id
            while name in seen:
                name = f"{number}-{name}"
            seen.add(name)
            side.append(replace(example, id=name))

    for number, part in enumerate(sets, 1):
        add(number, part.train, union.train)
    for number, part in enumerate(sets, 1):
        add(number, part.held_out, union.held_out)
    left_out = sum((Counter(part.left_out) for part in sets), Counter[str]())
    return replace(union, left_out=dict(left_out))


def write_examples(examples: ExampleSet, folder: Path) -> None:
    """Write both splits and the data card into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, side in ((TRAIN_FILE, examples.train), (HELD_OUT_FILE, examples.held_out)):
        lines = (json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in side)
        (folder / name).write_text("".join(lines), encoding="utf-8")
    (folder / CARD_FILE).write_text(data_card(examples), encoding="utf-8")


def read_examples(path: Path) -> list[Example]:
    """The examples of a file. Raises `ReviewFileError` with the line of the first bad one."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ReviewFileError(
            f"Cannot read the examples {path}: {error}. Make them: reviewqa finetune data."
        ) from error
    examples = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                examples.append(_example(json.loads(line)))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ReviewFileError(
                    f"{path}, line {number}: not an example ({type(error).__name__}: {error})."
                ) from error
    return examples


def _example(row: dict[str, Any]) -> Example:
    messages = tuple(
        {"role": str(message["role"]), "content": str(message["content"])}
        for message in row["messages"]
    )
    id, kind, source, target = (str(row[name]) for name in ("id", "kind", "source", "target"))
    return Example(id, kind, source, messages, target, tuple(map(str, row["reviews"])))


def data_hash(folder: Path) -> str:
    """SHA-256 of the training examples: what an adapter says that it was trained on."""
    return sha256_of(folder / TRAIN_FILE)


def data_card(examples: ExampleSet) -> str:
    """What is in the examples, in Markdown: counts, lengths, shares, and one example of each
    kind.
    """
    sides = (examples.train, examples.held_out)
    everything = [*examples.train, *examples.held_out]
    kinds = sorted({example.kind for example in everything})
    sources = sorted({example.source for example in everything})
    rows: list[list[object]] = [["examples", *map(len, sides)]]
    for field, values, title in (("kind", kinds, "of the kind"), ("source", sources, "from")):
        for value in values:
            rows.append([f"{title} {value}", *(_count(side, field, value) for side in sides)])
    for title, measure in _MEASURES.items():
        rows.append([title, *map(measure, sides)])
    shown = []
    first = {example.kind: example for example in reversed(examples.train)}
    for kind, example in sorted(first.items()):
        prompt = "".join(message["content"] for message in example.messages)
        shown.append((kind, _fenced(prompt), _fenced(example.target)))
    left_out = sorted(examples.left_out.items())
    return render("data_card.md.jinja", rows=rows, left_out=left_out, shown=shown)


def _fenced(text: str) -> str:
    return text.replace("~~~~", "~ ~ ~ ~")


def _count(side: Sequence[Example], field: str, value: str) -> int:
    return sum(getattr(example, field) == value for example in side)


def _reviews(side: Sequence[Example]) -> str:
    return str(len(set[str]().union(*(example.reviews for example in side))))


def _refusals(side: Sequence[Example]) -> str:
    return f"{sum(example.refuses for example in side) / max(1, len(side)):.0%}"


def _words(side: Sequence[Example]) -> str:
    lengths = [len(example.target.split()) for example in side]
    return f"{statistics.median(lengths):.0f}" if lengths else "-"


def _cited(side: Sequence[Example]) -> str:
    counts = []
    for example in side:
        if example.messages and not example.refuses:
            markers = strip_markers(example.target)[1]
            counts.append(len(set[int]().union(*(marker.numbers for marker in markers))))
    return f"{statistics.fmean(counts):.1f}" if counts else "-"


_MEASURES = {
    "reviews shown": _reviews,
    "refusals": _refusals,
    "words of the target, median": _words,
    "reviews cited by an answer, mean": _cited,
}
