"""The examples of a run: made from indexes and questions, or found, made of the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.examples import (
    HELD_OUT_FILE,
    TRAIN_FILE,
    ExampleSet,
    joined,
    read_examples,
    write_examples,
)
from finetune.data.sources import ExampleMaker, Teacher
from finetune.data.squad import is_squad, read_squad
from finetune.data.statements import statement_examples, statement_files
from finetune.folders import DATA, run_folder
from finetune.recipe import Recipe
from rag.answering.statement_prompt import template_hash
from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion, read_question_set
from rag.evaluation.questions import Question, read_questions
from rag.files import sha256_of
from rag.index import ReviewIndex
from rag.progress import Progress, no_progress
from rag.schema import ReviewFileError, SettingsError

_MADE_FROM = "made_from.json"


@dataclass(frozen=True, slots=True)
class MadeData:
    """A run's examples; `reused` where they were there, made of the same."""

    folder: Path
    examples: ExampleSet
    reused: bool

    def __str__(self) -> str:
        lines = []
        sides = {"to train on": self.examples.train, "held out": self.examples.held_out}
        for name, side in sides.items():
            counts = Counter(example.kind for example in side)
            kinds = ", ".join(f"{count} of the kind {kind}" for kind, count in counts.items())
            lines.append(f"{len(side)} examples {name}: {kinds}.")
        lines += [f"  left out {count}: {why}" for why, count in self.examples.left_out.items()]
        how = "Were there already, made of the same" if self.reused else "Written to"
        return "\n".join([*lines, f"{how}: {self.folder}."])


@dataclass(frozen=True, slots=True)
class Sources:
    """What examples are made of: indexes, files of questions about their reviews, and files with
    the words that answer, about the first index; `teacher` answers where there is no answer.
    """

    indexes: Sequence[ReviewIndex]
    questions: Sequence[Path] = ()
    spans: Sequence[Path] = ()
    teacher: Teacher | None = None


def make_examples(
    recipe: Recipe,
    settings: Settings,
    embedder: Embedder,
    sources: Sources,
    progress: Progress = no_progress,
) -> MadeData:
    """Make a run's examples, or find them. Raises `SettingsError` where there is nothing to train
    on.
    """
    folder = run_folder(settings, recipe) / DATA
    made_from = _made_from(recipe, sources)
    if kept := _kept(folder, made_from):
        return MadeData(folder, kept, reused=True)
    examples = (
        statement_examples()
        if recipe.data.states
        else _from_indexes(recipe, settings, embedder, sources, progress)
    )
    if not examples.train:
        reasons = [f"Left out, {count}: {why}." for why, count in examples.left_out.items()]
        raise SettingsError(
            f"There is no example to train on. The recipe wants {', '.join(recipe.data.examples)}: "
            '"reviews" and "tasks" are made of the index alone, "answers" need questions '
            f"(--questions, --spans). {' '.join(reasons)}"
        )
    try:
        write_examples(examples, folder)
        (folder / _MADE_FROM).write_text(json.dumps(made_from, indent=1), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"Cannot write the examples to {folder}: {error.strerror}.") from error
    return MadeData(folder, examples, reused=False)


def _from_indexes(
    recipe: Recipe, settings: Settings, embedder: Embedder, sources: Sources, progress: Progress
) -> ExampleSet:
    questions = questions_of(sources.indexes, sources.questions)
    spans = _read_spans(sources)
    parts = []
    for index in sources.indexes:
        maker = ExampleMaker(index, embedder, settings, recipe.data, recipe.training.seed)
        marked = spans if index is sources.indexes[0] else []
        parts.append(
            maker.make(questions[index.name], marked, teacher=sources.teacher, progress=progress)
        )
    return joined(parts)


def _made_from(recipe: Recipe, sources: Sources) -> dict[str, Any]:
    """What decides how the examples come out, as JSON has it."""
    if recipe.data.states:
        return {
            "template_hash": template_hash(),
            "statements": [sha256_of(file) for file in statement_files()],
        }
    files = _question_files(sources.questions)
    for path in sources.spans:
        files += _all_files(path)
    return {
        "data": recipe.data.model_dump(mode="json"),
        "seed": recipe.training.seed,
        "indexes": [
            [index.name, index.manifest.created, index.manifest.reviews]
            for index in sources.indexes
        ],
        "questions": [sha256_of(file) for file in files],
        "teacher": sources.teacher.name if sources.teacher else "",
    }


def _kept(folder: Path, made_from: dict[str, Any]) -> ExampleSet | None:
    """The examples that are there, if they were made of the same."""
    try:
        if json.loads((folder / _MADE_FROM).read_text(encoding="utf-8")) != made_from:
            return None
        train, held_out = (read_examples(folder / name) for name in (TRAIN_FILE, HELD_OUT_FILE))
    except (OSError, ValueError, ReviewFileError):
        return None
    return ExampleSet(train, held_out, {})


def _question_files(paths: Sequence[Path]) -> list[Path]:
    """The files, and the .jsonl files of folders."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.jsonl")) or [path]
    return files


def _all_files(path: Path) -> list[Path]:
    files = [path] if path.is_file() else path.rglob("*")
    return sorted(file for file in files if file.is_file())


def questions_of(
    indexes: Sequence[ReviewIndex], paths: Sequence[Path]
) -> dict[str, list[Question]]:
    """The questions of each file, or of the .jsonl files of a folder, by the name of the index
    whose reviews they are about.

    Raises `ReviewFileError` for a file that is about none of them.
    """
    questions: dict[str, list[Question]] = {index.name: [] for index in indexes}
    ids = {index.name: set(index.review_ids()) for index in indexes}
    for file in _question_files(paths):
        in_file = read_questions(file)
        shares = {name: _about(in_file, in_index) for name, in_index in ids.items()}
        best = max(shares, key=lambda name: shares[name])
        if not shares[best] and any(question.review_ids for question in in_file):
            raise ReviewFileError(
                f"No question of {file} is about a review of the index {', '.join(ids)}."
            )
        questions[best] += in_file
    return questions


def _about(questions: Sequence[Question], review_ids: set[str]) -> int:
    """How many of the questions are about one of these reviews."""
    return sum(not question.review_ids.isdisjoint(review_ids) for question in questions)


def _read_spans(sources: Sources) -> list[RetrievalQuestion]:
    spans: list[RetrievalQuestion] = []
    for path in sources.spans:
        if is_squad(path):
            spans += read_squad(path, sources.indexes[0])
        else:
            spans += read_question_set(path, "train")
    return spans
