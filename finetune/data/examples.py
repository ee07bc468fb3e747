"""Training examples: messages and the answer to them, or plain text; as JSON Lines, without any
model's tokens.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rag.answering.prompt import REFUSAL, strip_markers
from rag.files import sha256_of
from rag.schema import Message, ReviewFileError

TRAIN_FILE, HELD_OUT_FILE, CARD_FILE = "train.jsonl", "held_out.jsonl", "README.md"


@dataclass(frozen=True, slots=True)
class Example:
    """What is trained on: the `target` that should follow `messages`; without messages the target
    is plain text.

    `kind` is "review", "answer" or "task"; `source` where it comes from; `reviews` are the ids of
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

    def renamed(number: int, example: Example) -> Example:
        name = example.id
        while name in seen:
            name = f"{number}-{name}"
        seen.add(name)
        return replace(example, id=name)

    train = [renamed(number, one) for number, part in enumerate(sets, 1) for one in part.train]
    held_out = [
        renamed(number, one) for number, part in enumerate(sets, 1) for one in part.held_out
    ]
    return ExampleSet(
        train, held_out, dict(sum((Counter(part.left_out) for part in sets), Counter[str]()))
    )


def write_examples(found: ExampleSet, folder: Path) -> None:
    """Write both splits and the data card into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, examples in ((TRAIN_FILE, found.train), (HELD_OUT_FILE, found.held_out)):
        lines = (json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples)
        (folder / name).write_text("".join(lines), encoding="utf-8")
    (folder / CARD_FILE).write_text(data_card(found), encoding="utf-8")


def read_examples(path: Path) -> list[Example]:
    """The examples of a file. Raises `ReviewFileError` with the line of the first bad one."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ReviewFileError(
            f"Cannot read the examples {path}: {error}. Make them: reviewqa finetune data."
        ) from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            messages = tuple(
                {"role": str(one["role"]), "content": str(one["content"])}
                for one in row["messages"]
            )
            found.append(
                Example(
                    str(row["id"]),
                    str(row["kind"]),
                    str(row["source"]),
                    messages,
                    str(row["target"]),
                    tuple(map(str, row["reviews"])),
                )
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReviewFileError(
                f"{path}, line {number}: not an example ({type(error).__name__}: {error})."
            ) from error
    return found


def data_hash(folder: Path) -> str:
    """SHA-256 of the training examples: what an adapter says that it was trained on."""
    return sha256_of(folder / TRAIN_FILE)


def data_card(found: ExampleSet) -> str:
    """What is in the examples, in Markdown: counts, lengths, shares, and one example of each kind."""
    lines = ["# Training examples", "", "| | train | held out |", "|---|---|---|"]
    both = (found.train, found.held_out)
    lines.append("| examples | " + " | ".join(str(len(part)) for part in both) + " |")
    for kind in sorted({one.kind for part in both for one in part}):
        counts = (sum(one.kind == kind for one in part) for part in both)
        lines.append(f"| of the kind {kind} | " + " | ".join(map(str, counts)) + " |")
    for source in sorted({one.source for part in both for one in part}):
        counts = (sum(one.source == source for one in part) for part in both)
        lines.append(f"| from {source} | " + " | ".join(map(str, counts)) + " |")
    lines.append(
        "| reviews shown | "
        + " | ".join(str(len({r for one in p for r in one.reviews})) for p in both)
        + " |"
    )
    lines.append(
        "| refusals | " + " | ".join(_share(one.refuses for one in part) for part in both) + " |"
    )
    lines.append(
        "| words of the target, median | " + " | ".join(_words(part) for part in both) + " |"
    )
    lines.append(
        "| reviews cited by an answer, mean | " + " | ".join(_cited(part) for part in both) + " |"
    )
    lines += ["", "No review is shown in both splits, nor a copy of one.", ""]
    if found.left_out:
        lines += ["Left out:", ""]
        lines += [f"- {count}: {reason}" for reason, count in sorted(found.left_out.items())] + [""]
    for kind in sorted({one.kind for one in found.train}):
        one = next(example for example in found.train if example.kind == kind)
        prompt = "".join(message["content"] for message in one.messages)
        lines += [
            f"## An example of the kind {kind}",
            "",
            *_fenced(prompt),
            "Target:",
            "",
            *_fenced(one.target),
        ]
    return "\n".join(lines)


def _fenced(text: str) -> list[str]:
    return ["~~~~text", text.replace("~~~~", "~ ~ ~ ~"), "~~~~", ""] if text else []


def _share(values: Iterable[bool]) -> str:
    counts = Counter(values)
    return f"{counts[True] / max(1, counts.total()):.0%}"


def _words(part: Sequence[Example]) -> str:
    return f"{statistics.median(len(one.target.split()) for one in part):.0f}" if part else "-"


def _cited(part: Sequence[Example]) -> str:
    counts = [
        len({number for marker in strip_markers(one.target)[1] for number in marker.numbers})
        for one in part
        if one.messages and not one.refuses
    ]
    return f"{statistics.fmean(counts):.1f}" if counts else "-"
