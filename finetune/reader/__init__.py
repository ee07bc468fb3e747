"""The reader that the project ships, trained anew: `build` reads the examples, trains, calibrates,
measures and writes the weights with a card of what they were made from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.progress import Progress, no_progress

if TYPE_CHECKING:
    from finetune.reader.evaluation import ClaimReport, Figure
    from finetune.reader.examples import Example
    from finetune.reader.training import ReaderRecipe

CARD = "reader.json"
WEIGHTS = "reader.safetensors"


@dataclass(frozen=True, slots=True)
class BuiltReader:
    """Where the weights are, and what they do on what was held out."""

    folder: Path
    claims: ClaimReport
    stances: Mapping[str, Figure]
    answers: Figure


def build(
    folder: Path,
    free_sets: Path | None,
    recipe: ReaderRecipe,
    *,
    most: int | None = None,
    progress: Progress = no_progress,
) -> BuiltReader:
    """Train the reader into `folder`. `free_sets` is the folder of the sets that are not the
    project's own; `most` limits the examples of each head, to try it out. Raises `OSError`,
    `ValueError`, `ModelError`.
    """
    from finetune.reader import stance_head
    from finetune.reader.calibration import temperatures
    from finetune.reader.evaluation import measured
    from finetune.reader.examples import split_examples
    from finetune.reader.training import train
    from rag.reader.bundled import BundledReader
    from rag.reader.network import save_difference

    examples, held_out = split_examples(free_sets, recipe.seed)
    examples = {head: rows[:most] for head, rows in examples.items()}
    held_out = {head: rows[:most] for head, rows in held_out.items()}
    network, tokenizer = train(examples, recipe, progress=progress)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS
    metadata = {"temperatures": json.dumps(temperatures(network, tokenizer, held_out))}
    save_difference(network, weights, recipe.rank, metadata)
    stance_head.write(examples["stance"], folder / stance_head.FILE)
    built = BuiltReader(folder, *measured(BundledReader(weights), held_out))
    card = _card(recipe, examples, held_out, built)
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return built


def _card(
    recipe: ReaderRecipe,
    examples: Mapping[str, Sequence[Example]],
    held_out: Mapping[str, Sequence[Example]],
    built: BuiltReader,
) -> dict[str, object]:
    """What it was made from, and what it does on what was held out."""
    return {
        "recipe": asdict(recipe),
        "examples": {
            head: dict(Counter(example.source for example in rows).most_common())
            for head, rows in examples.items()
        },
        "held_out": {head: len(rows) for head, rows in held_out.items()},
        "claims": {
            kind: {"area": str(area), "stopped": str(built.claims.stopped[kind])}
            for kind, area in built.claims.area.items()
        },
        "reliability": [
            {"probability": round(said, 3), "true": round(true, 3), "n": n}
            for said, true, n in built.claims.reliability
        ],
        "stances": {name: str(figure) for name, figure in built.stances.items()},
        "answers": str(built.answers),
    }
