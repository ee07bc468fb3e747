"""The stages of a fine-tuning, and `run`, all of them in a row: data, check, train, merge, compare.

Each stage looks at what is there: what was made of the same recipe, data and model is not made
again, so a run that was interrupted goes on where it stopped. Each takes a recipe, its name or the
path of its file, and returns a record of what it did; settings are those of `load_settings()`
unless given.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune.comparison import Compared, compare_models
from finetune.comparison_report import write_report
from finetune.data.encode import preview_text
from finetune.data.examples import TRAIN_FILE, read_examples
from finetune.data.make import MadeData, Sources, make_examples
from finetune.data.sources import Quotations, Teacher
from finetune.events import Callbacks, OnEvent, never_stopped, no_event
from finetune.exam import Exam
from finetune.folders import CHECKS_FILE, DATA, run_folder
from finetune.merging import Merged, merge_into_base
from finetune.preflight.checks import Check, passed
from finetune.preflight.fit import check_fit
from finetune.preflight.model import Step, check_model, check_step
from finetune.preflight.tokens import check_tokens
from finetune.recipe import Recipe, load_recipe
from finetune.statement_comparison import compare_writers
from finetune.training.trainer import (
    Prepared,
    Trained,
    prepare,
    train_adapter,
    trained_already,
    tuned_model,
)
from rag.config import Settings, load_settings
from rag.embedding import Embedder, make_embedder
from rag.evaluation.questions import read_questions
from rag.generators import Generator
from rag.generators.choice import choose_generator
from rag.index import BuildOptions, ReviewIndex, open_index
from rag.progress import Progress, no_progress
from rag.schema import ModelError

RecipeLike = Recipe | Path | str
IndexLike = ReviewIndex | str | Any
"""An index by name, as `rag.open` gives it, or as `ReviewIndex`."""

Paths = Sequence[Path | str]


@dataclass(frozen=True, slots=True)
class Checked:
    """All checks, and what one real step took, if it was made."""

    checks: tuple[Check, ...]
    renamed: tuple[str, ...]  # of the recipe's keys, one sentence each
    overridden: tuple[str, ...]
    step: Step | None

    def __str__(self) -> str:
        lines = [f"Other than the recipe: {text}" for text in self.overridden]
        lines += [f"As the installed version calls it: {text}" for text in self.renamed]
        return "\n".join(lines)

    @property
    def passed(self) -> bool:
        """Whether training may begin."""
        return passed(self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOn:
    """What the models are compared on: an index (the first of the run, if none is named), and the
    questions of a file, of one split or "all"; without a file, the two tasks alone.
    """

    index: IndexLike = ""
    questions: Path | str | None = None
    split: str = "test"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What each stage did, and whether what it returns was `reused`; `folder` is the run's."""

    recipe: Recipe
    folder: Path
    data: MadeData
    training: Trained
    merged: Merged
    comparison: Compared


def run(
    recipe: RecipeLike,
    *,
    index: IndexLike | Sequence[IndexLike],
    questions: Paths = (),
    spans: Paths = (),
    teacher: Generator | str | None = None,
    compare_on: CompareOn = CompareOn(),
    resume: bool = True,
    settings: Settings | None = None,
    stopped: Callable[[], bool] = never_stopped,
    progress: Progress = no_progress,
    on_event: OnEvent = no_event,
) -> RunResult:
    """From reviews to a merged model that is compared with the model it came from.

    What is there, made of the same, is used again; with `resume=False` the run begins anew.
    `on_event` is called with each `Check` and `TrainingStep` and with what each stage returns. When
    `stopped()` turns true while training, a checkpoint is written and `Interrupted` raised; the
    same call goes on from there. Raises `ReviewQAError`.
    """
    recipe, settings = load_recipe(recipe), settings or load_settings()
    _needs_packages()
    folder = run_folder(settings, recipe)
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    indexes = _listed(index)
    data = make_data(
        recipe,
        index=indexes,
        questions=questions,
        spans=spans,
        teacher=teacher,
        settings=settings,
        progress=progress,
    )
    on_event(data)
    training = _train(recipe, settings, True, Callbacks(progress, on_event, stopped))
    on_event(training)
    merged = merge(recipe, settings=settings, progress=progress)
    on_event(merged)
    on = compare_on if compare_on.index else replace(compare_on, index=indexes[0])
    comparison = compare(recipe, on=on, settings=settings, progress=progress)
    on_event(comparison)
    return RunResult(recipe, folder, data, training, merged, comparison)


def make_data(
    recipe: RecipeLike,
    *,
    index: IndexLike | Sequence[IndexLike],
    questions: Paths = (),
    spans: Paths = (),
    teacher: Generator | str | None = None,
    settings: Settings | None = None,
    progress: Progress = no_progress,
) -> MadeData:
    """Make training examples from the reviews of an index, or of several, with a data card.

    `questions` are files, or folders of .jsonl files, whose test splits are not used; `spans` files
    of questions with the words that answer them, a folder as SubjQA's or a file as SQuAD's.
    `teacher`, a generator or what the setting `generator` takes, or "base" for the base model,
    answers questions that have no answer; kept is what passes the check. Raises `ReviewQAError`.
    """
    recipe, settings = load_recipe(recipe), settings or load_settings()
    embedder = _embedder(_listed(index)[0], settings)
    sources = Sources(
        [_opened(each, settings, embedder) for each in _listed(index)],
        [Path(path) for path in questions],
        [Path(path) for path in spans],
        _teacher(teacher, recipe, settings),
    )
    return make_examples(recipe, settings, embedder, sources, progress)


def preview(recipe: RecipeLike, *, settings: Settings | None = None, most: int = 1) -> list[str]:
    """The first examples of each kind exactly as they are trained, loss tokens between ⟦ and ⟧."""
    prepared = prepare(load_recipe(recipe), settings or load_settings())
    examples = read_examples(prepared.folder / DATA / TRAIN_FILE)
    kinds = {example.id: example.kind for example in examples}
    seen: Counter[str] = Counter()
    texts = []
    for sequence in prepared.train.sequences:
        # a long text is of several sequences, the second of which has /1 after its name
        kind = kinds.get(sequence.id) or kinds.get(sequence.id.rpartition("/")[0], "")
        seen[kind] += 1
        if seen[kind] <= most:
            texts.append(preview_text(sequence, prepared.tokenizer))
    return texts


def check(
    recipe: RecipeLike,
    *,
    step: bool = True,
    settings: Settings | None = None,
    on_event: OnEvent = no_event,
) -> Checked:
    """Look for all that is known to ruin a training; `on_event` is called with each `Check` as soon
    as it is made.

    With `step`, the weights are loaded and one real step is made over the longest examples. What
    was seen is kept in the run's folder. Raises `ReviewQAError`.
    """
    checked, _, _ = _check(load_recipe(recipe), settings or load_settings(), step, on_event)
    return checked


def train(
    recipe: RecipeLike,
    *,
    resume: bool = True,
    settings: Settings | None = None,
    stopped: Callable[[], bool] = never_stopped,
    progress: Progress = no_progress,
    on_event: OnEvent = no_event,
) -> Trained:
    """Check, then train the adapter, if there is none of the same recipe and data; with `resume`
    from the last checkpoint. Raises `ReviewQAError`, and `Interrupted` after `stopped()`.
    """
    callbacks = Callbacks(progress, on_event, stopped)
    return _train(load_recipe(recipe), settings or load_settings(), resume, callbacks)


def merge(
    recipe: RecipeLike,
    *,
    way: str = "auto",
    dtype: str = "",
    settings: Settings | None = None,
    progress: Progress = no_progress,
) -> Merged:
    """Merge the adapter into its base model. `way` is "original" or "dequantised" weights, or
    "auto": both are measured; `dtype` what they are saved in. Raises `ReviewQAError`.
    """
    recipe, settings = load_recipe(recipe), settings or load_settings()
    return merge_into_base(recipe, settings, way=way, dtype=dtype, progress=progress)


def compare(
    recipe: RecipeLike,
    *,
    on: CompareOn,
    settings: Settings | None = None,
    progress: Progress = no_progress,
) -> Compared:
    """Ask the base model, the adapter and the merged model the same; the report is written into the
    run's folder. Raises `ReviewQAError`.
    """
    recipe, settings = load_recipe(recipe), settings or load_settings()
    embedder = _embedder(on.index, settings)
    split = None if on.split == "all" else on.split
    questions = read_questions(Path(on.questions), split) if on.questions else []
    exam = Exam(_opened(on.index, settings, embedder), embedder, questions)
    asks = compare_writers if recipe.data.states else compare_models
    compared = asks(recipe, settings, exam, progress)
    write_report(compared)
    return compared


def _check(
    recipe: Recipe, settings: Settings, step: bool, on_event: OnEvent
) -> tuple[Checked, Prepared, Any]:
    """The checks, what was prepared for them, and the model that they loaded, if they did."""
    _needs_packages()
    prepared = prepare(recipe, settings)
    checks: list[Check] = []

    def add(more: Sequence[Check]) -> bool:
        checks.extend(more)
        for single in more:
            on_event(single)
        return passed(checks)

    model, taken = None, None
    if add([*check_tokens(prepared), *check_fit(prepared)]) and step:
        model = tuned_model(prepared, settings)
        if add(check_model(prepared, model)):
            more, taken = check_step(prepared, model)
            add(more)
    table = json.dumps([single.as_dict() for single in checks], indent=1)
    (prepared.folder / CHECKS_FILE).write_text(table, encoding="utf-8")
    arguments = prepared.arguments
    checked = Checked(tuple(checks), arguments.renamed, arguments.overridden, taken)
    return checked, prepared, model


def _train(recipe: Recipe, settings: Settings, resume: bool, callbacks: Callbacks) -> Trained:
    if done := trained_already(recipe, run_folder(settings, recipe)):
        return done
    checked, prepared, model = _check(recipe, settings, True, callbacks.on_event)
    callbacks.on_event(checked)
    if not checked.passed:
        failed = [single for single in checked.checks if single.verdict == "failed"]
        reasons = " ".join(f"{single.name}: {single.saw}. {single.mend}" for single in failed)
        raise ModelError(f"Nothing was trained, for it would go wrong. {reasons}")
    return train_adapter(prepared, settings, resume=resume, model=model, callbacks=callbacks)


def _needs_packages() -> None:
    """Raise `ModelError` where what trains is not installed."""
    missing = [name for name in ("trl", "peft", "bitsandbytes") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"Fine-tuning needs packages that are not installed ({', '.join(missing)}). Install them: "
            'python3 ui/install.py --with finetune, or pip install "reviewqa[finetune]".'
        )


def _listed(index: IndexLike | Sequence[IndexLike]) -> list[IndexLike]:
    return list(index) if isinstance(index, list | tuple) else [index]


def _embedder(index: IndexLike, settings: Settings) -> Embedder:
    """The open index's own, or the one that the settings name."""
    return getattr(index, "embedder", None) or make_embedder(settings)


def _opened(index: IndexLike, settings: Settings, embedder: Embedder) -> ReviewIndex:
    """Raises `IndexFileError` for one that was built with another embedder."""
    if isinstance(index, str):
        return open_index(settings, index, embedder)
    snapshot: ReviewIndex = getattr(index, "snapshot", index)
    snapshot.check_fingerprint(embedder, BuildOptions.from_settings(settings))
    return snapshot


def _teacher(teacher: Generator | str | None, recipe: Recipe, settings: Settings) -> Teacher | None:
    if not isinstance(teacher, str):
        return teacher
    name = recipe.base_model if teacher == "base" else teacher
    return choose_generator(settings.changed({"generator.name": name})).generator or Quotations()
