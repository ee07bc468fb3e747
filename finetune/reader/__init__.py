"""The reader that the project ships, trained anew: `build` reads the examples, trains, learns from a
teacher where there is one, calibrates, measures, and writes the weights with a card of what they
were made from.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.progress import Progress, no_progress

if TYPE_CHECKING:
    from finetune.reader.distillation import Distillation, Lesson
    from finetune.reader.evaluation import ClaimReport, Figure
    from finetune.reader.examples import Example, Examples
    from finetune.reader.kept import Kept
    from finetune.reader.training import ReaderRecipe
    from rag.reader.network import ReaderNetwork

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
    distillation: Distillation | None = None,
    most: int | None = None,
    progress: Progress = no_progress,
) -> BuiltReader:
    """Train the reader into `folder`. `free_sets` is the folder of the sets that are not the
    project's own; `most` limits the examples of each head, to try it out.

    What is in `folder` stays as it is until all is done. A run that was interrupted goes on after
    the last stage that it finished, if it is started with the same. Raises `OSError`, `ValueError`,
    `ModelError`.
    """
    from finetune.reader import stance_head
    from finetune.reader.calibration import shift_mixed, temperatures
    from finetune.reader.distillation import Lesson, distil
    from finetune.reader.evaluation import measured
    from finetune.reader.examples import split_examples
    from finetune.reader.kept import Kept
    from rag.reader.bundled import BundledReader
    from rag.reader.network import save_difference

    examples, held_out = split_examples(free_sets, recipe.seed)
    examples = {head: rows[:most] for head, rows in examples.items()}
    held_out = {head: rows[:most] for head, rows in held_out.items()}
    kept = Kept(folder, _key(recipe, distillation, examples))
    network, tokenizer = _after_rounds(examples, recipe, kept, progress)
    lesson = None
    if distillation is not None:
        lesson = Lesson(examples, _unlabelled(distillation.seed, most, progress))
        distil(network, tokenizer, lesson, distillation, kept, progress=progress)
    weights = kept.folder / WEIGHTS
    shift_mixed(network, tokenizer, held_out["stance"])
    metadata = {"temperatures": json.dumps(temperatures(network, tokenizer, held_out))}
    save_difference(network, weights, recipe.rank, metadata)
    stance_head.write(examples["stance"], kept.folder / stance_head.FILE)
    built = BuiltReader(folder, *measured(BundledReader(weights), held_out))
    card = {
        "recipe": asdict(recipe),
        "teacher": _taught(distillation, lesson),
        **_card(examples, held_out, built),
    }
    (kept.folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    kept.finish(WEIGHTS, stance_head.FILE, CARD)
    return built


def _key(recipe: ReaderRecipe, distillation: Distillation | None, examples: Examples) -> str:
    """All that the result depends on."""
    digest = hashlib.sha256()
    for rows in examples.values():
        for row in rows:
            digest.update(repr(row).encode())
    how = distillation and asdict(distillation)
    return json.dumps([asdict(recipe), how, digest.hexdigest()], default=str)


def _after_rounds(
    examples: Examples, recipe: ReaderRecipe, kept: Kept, progress: Progress
) -> tuple[ReaderNetwork, Any]:
    """The network that has had its rounds, and its tokenizer."""
    from finetune.reader.training import train
    from rag.reader.network import ReaderNetwork

    weights = kept.tensors(
        "rounds", lambda: train(examples, recipe, progress=progress)[0].state_dict()
    )
    network, tokenizer = ReaderNetwork.untrained()
    network.load_state_dict(weights)
    return network.eval(), tokenizer


def _unlabelled(
    seed: int, most: int | None, progress: Progress
) -> dict[str, list[tuple[str, str]]]:
    """The pairs for a teacher; with `most` of the last few texts only."""
    from finetune.reader.unlabelled import pairs_without_labels, read_groups
    from rag.embedding import SentenceTransformerEmbedder

    groups = read_groups()
    embed = SentenceTransformerEmbedder().embed_queries
    pairs = pairs_without_labels(groups[-1:] if most else groups, embed, seed, progress=progress)
    return {head: rows[:most] for head, rows in pairs.items()}


def _taught(distillation: Distillation | None, lesson: Lesson | None) -> dict[str, Any] | None:
    """Who taught the reader, how, and on how many pairs; None without a teacher."""
    if distillation is None or lesson is None:
        return None
    return {
        **asdict(distillation),
        "model": distillation.model.name,
        "pairs without labels": {head: len(rows) for head, rows in lesson.unlabelled.items()},
    }


def _card(
    examples: Mapping[str, Sequence[Example]],
    held_out: Mapping[str, Sequence[Example]],
    built: BuiltReader,
) -> dict[str, object]:
    """What it was made from, and what it does on what was held out."""
    return {
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
