"""The five steps of a fine-tuning and all of them in a row: data, check, train, merge, compare.

Each step looks at what is there: what was made of the same recipe, data and model is not made
again, so a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.data.examples import (
    HELD_OUT_FILE,
    TRAIN_FILE,
    Example,
    ExampleSet,
    joined,
    read_examples,
    write_examples,
)
from finetune.data.sources import ExampleMaker
from finetune.preflight.checks import Check, check_data, memory_check, passed
from finetune.preflight.model import Step, check_model, check_step
from finetune.recipe import Recipe
from finetune.training.trainer import DATA, Prepared, prepare, tuned_model
from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question, read_questions
from rag.files import sha256_of
from rag.generators.base import Generator
from rag.index import ReviewIndex
from rag.index.store import index_folder
from rag.schema import ReviewFileError, SettingsError

_MADE_FROM = "made_from.json"
CHECKS_FILE = "checks.json"


@dataclass(frozen=True, slots=True)
class Source:
    """An index and the questions about it: our own, and those with the words that answer them."""

    index: ReviewIndex
    questions: Sequence[Question] = ()
    spans: Sequence[RetrievalQuestion] = ()


def run_folder(settings: Settings, recipe: Recipe) -> Path:
    """Where a recipe's run is kept. Raises `IndexFileError` for an output that would leave the
    folder.
    """
    return index_folder(settings.runs_dir, recipe.output)  # a run's name is as an index's


def sources_of(indexes: Sequence[ReviewIndex], files: Sequence[Path]) -> list[Source]:
    """Each question file with the index whose reviews it is about.

    Raises `ReviewFileError` for one that is about none of them.
    """
    found: dict[str, list[Question]] = {index.name: [] for index in indexes}
    known = {index.name: set(index.review_ids()) for index in indexes}
    for file in files:
        questions = read_questions(file)
        shares = {
            name: sum(bool(one.review_ids & ids) for one in questions)
            for name, ids in known.items()
        }
        best = max(shares, key=lambda name: shares[name])
        if not shares[best] and any(one.review_ids for one in questions):
            raise ReviewFileError(
                f"No question of {file} is about a review of the index {', '.join(known)}."
            )
        found[best] += questions
    return [Source(index, found[index.name]) for index in indexes]


def make_data(
    recipe: Recipe,
    settings: Settings,
    embedder: Embedder,
    sources: Sequence[Source],
    files: Sequence[Path],
    *,
    teacher: Generator | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ExampleSet, bool]:
    """The run's examples, and whether they were made just now: not if they were there, made of the
    same.

    Raises `SettingsError` where there is nothing to train on.
    """
    folder = run_folder(settings, recipe) / DATA
    made_from = {
        "data": asdict(recipe.data),
        "seed": recipe.training.seed,
        "indexes": [
            [one.index.name, one.index.manifest.created, one.index.manifest.reviews]
            for one in sources
        ],
        "questions": [sha256_of(file) for path in files for file in _files(path)],
        "teacher": teacher.name if teacher else "",
    }
    made_from = json.loads(json.dumps(made_from))
    try:
        if json.loads((folder / _MADE_FROM).read_text(encoding="utf-8")) == made_from:
            train, held_out = (read_examples(folder / name) for name in (TRAIN_FILE, HELD_OUT_FILE))
            return ExampleSet(train, held_out, {}), False
    except (OSError, ValueError, ReviewFileError):
        pass
    parts = []
    for source in sources:
        maker = ExampleMaker(source.index, embedder, settings, recipe.data, recipe.training.seed)
        parts.append(maker.make(source.questions, source.spans, teacher=teacher, progress=progress))
    found = joined(parts)
    if not found.train:
        raise SettingsError(
            f"There is no example to train on. The recipe wants {', '.join(recipe.data.examples)}: "
            '"reviews" and '
            '"tasks" are made of the index alone, "answers" need questions '
            "(--questions, --spans). "
            + " ".join(f"Left out, {count}: {why}." for why, count in found.left_out.items())
        )
    try:
        write_examples(found, folder)
        (folder / _MADE_FROM).write_text(json.dumps(made_from, indent=1), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"Cannot write the examples to {folder}: {error.strerror}.") from error
    return found, True


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def shown(found: ExampleSet, prepared: Prepared, most: int) -> list[str]:
    """The first examples of each kind exactly as they are trained, loss tokens between ⟦ and ⟧."""
    from finetune.data.encode import preview

    kinds: dict[str, str] = {one.id: one.kind for one in found.train}
    seen: dict[str, int] = {}
    texts = []
    for sequence in prepared.train.sequences:
        # a long text is of several sequences, the second of which has /1 after its name
        kind = kinds.get(sequence.id) or kinds.get(sequence.id.rpartition("/")[0], "")
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= most:
            texts.append(preview(sequence, prepared.tokenizer))
    return texts


def check(
    recipe: Recipe,
    settings: Settings,
    *,
    step: bool = True,
    tell: Callable[[Check], None] = lambda found: None,
) -> tuple[list[Check], Prepared, Any, Step | None]:
    """All checks, each told as soon as it is made; and the model that they loaded, if it came to
    that.

    With `step`, one real step is made over the longest examples. What was seen is kept in the run's
    folder.
    """
    folder = run_folder(settings, recipe)
    prepared = prepare(recipe, folder, settings)
    found: list[Check] = []

    def add(more: Sequence[Check]) -> bool:
        found.extend(more)
        for one in more:
            tell(one)
        return passed(found)

    model, took = None, None
    if add([*check_data(prepared), memory_check(prepared)]) and step:
        model = tuned_model(prepared, settings)
        if add(check_model(prepared, model)):
            checks, took = check_step(prepared, model)
            add(checks)
    (folder / CHECKS_FILE).write_text(
        json.dumps([one.as_dict() for one in found], indent=1), encoding="utf-8"
    )
    return found, prepared, model, took


def of_kind(examples: Sequence[Example]) -> dict[str, int]:
    """How many there are of each kind."""
    return dict(Counter(one.kind for one in examples))
