"""Adapting the embedder to one's own reviews: trained on their pairs, kept only if it finds better.

`MultipleNegativesRankingLoss` (Henderson et al. 2017): in a batch, each anchor should be nearer to
its positive than to any other positive or near miss. The adapted embedder is measured against the
one it came from, by the harness behind `reviewqa eval retrieval`, on questions that were not
trained on; without a question set, on titles of reviews that were not trained on, whose own review
should be found (a proxy, and told to be one). Unless nDCG@10 rises, and by the paired test not by
chance (p < .05), it is refused.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from finetune.data.pairs import KINDS, MOST, Draw, Pair, make_pairs
from finetune.gate import Gate, HeldOut, gate_reviews, hold_out
from rag.config import Settings
from rag.embedding import SentenceTransformerEmbedder
from rag.evaluation.questions import Question
from rag.evaluation.retrieval import RetrievalReport, compare
from rag.evaluation.significance import Comparison
from rag.index import ReviewIndex
from rag.logging import quiet_libraries
from rag.progress import Progress, no_progress
from rag.schema import ModelError, SettingsError, first_line

RECORD = "adaptation.json"
METRIC = "nDCG@10"
SIGNIFICANT = 0.05
_LIBRARIES = ("sentence-transformers", "transformers", "torch")

STAGES = ("pairs", "training", "embedding", "before", "after")
"""What progress is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to train."""

    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 2e-5
    warmup: float = 0.1  # share of the steps
    max_steps: int = -1  # -1: as the epochs say
    seed: int = 0
    kinds: tuple[str, ...] = KINDS
    most: int = MOST  # pairs of each kind
    any_gain: bool = False  # accept a rise that may be chance

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(KINDS)
        if unknown or not self.kinds:
            raise SettingsError(
                f"Pairs are of the kinds {', '.join(KINDS)}, not "
                f"{', '.join(sorted(unknown)) or 'none'}."
            )


@dataclass(frozen=True, slots=True)
class Material:
    """What the embedder is adapted to: an index that it built, and questions about its reviews."""

    index: ReviewIndex
    embedder: SentenceTransformerEmbedder
    questions: Sequence[Question] = ()


@dataclass(frozen=True, slots=True)
class Adapted:
    """The outcome: where the embedder is, if it was accepted."""

    accepted: bool
    folder: Path | None
    pairs: Mapping[str, int]
    before: RetrievalReport
    after: RetrievalReport
    difference: Comparison
    proxy: bool
    record: Mapping[str, Any] = field(default_factory=dict)


def training_pairs(material: Material, held_out: HeldOut, training: Training) -> list[Pair]:
    """Pairs from the training questions and from the reviews that are not held out. Raises
    `SettingsError`: too few.
    """
    questions = [question for question in material.questions if question.split == "train"]
    pairs = make_pairs(
        material.index,
        material.embedder,
        questions,
        kinds=training.kinds,
        draw=Draw(training.most, training.seed),
        reviews=held_out.reviews,
    )
    if len(pairs) < 2:
        raise SettingsError(
            f'The index "{material.index.name}" gives {len(pairs)} pairs to train on. Its reviews '
            "need titles or neighbouring sentences, or the question set training questions."
        )
    return pairs


def adapt_embedder(
    settings: Settings,
    material: Material,
    folder: Path,
    training: Training,
    *,
    resume: bool = False,
    progress: Progress = no_progress,
) -> Adapted:
    """Train, compare, and if it got better, put the embedder into `folder` with a record of how it
    was made.

    An interrupted training leaves its checkpoints beside `folder`, and goes on from them with
    `resume`. Raises `SettingsError` and `ModelError`.
    """
    if folder.exists():
        raise SettingsError(
            f"There is already something at {folder}. Take another name, or remove it."
        )
    held_out = hold_out(material.index, material.questions)
    progress("pairs", 0, 1)
    pairs = training_pairs(material, held_out, training)
    progress("pairs", 1, 1)
    work = folder.parent / f".training-{folder.name}"
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    draft = work / "model"
    _train(material.embedder, pairs, work, training, progress)
    batch_size = settings.embedding.batch_size
    adapted = SentenceTransformerEmbedder(str(draft), batch_size=batch_size)
    gate = Gate(settings, gate_reviews(material.index, held_out), held_out, progress)
    before = gate.measure("before", material.embedder)
    after = gate.measure("after", adapted)
    difference = compare(before, after, METRIC)
    better = training.any_gain or difference.p_value < SIGNIFICANT
    accepted = difference.difference > 0 and better
    of_kind = dict(Counter(pair.kind for pair in pairs))
    record = {
        "base": material.embedder.identity,
        "adapted": adapted.identity,
        "index": material.index.name,
        "reviews": material.index.manifest.reviews,
        "hard_negatives": sum(bool(pair.negative) for pair in pairs),
        "training": asdict(training),
        "held_out": gate.size,
        "pairs": of_kind,
        "before": before.as_dict()["means"],
        "after": after.as_dict()["means"],
        METRIC: asdict(difference),
        "accepted": accepted,
        "libraries": {name: version(name) for name in _LIBRARIES},
    }
    if accepted:
        (draft / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        os.replace(draft, folder)
    shutil.rmtree(work, ignore_errors=True)
    return Adapted(
        accepted=accepted,
        folder=folder if accepted else None,
        pairs=of_kind,
        before=before,
        after=after,
        difference=difference,
        proxy=held_out.proxy,
        record=record,
    )


def _train(
    embedder: SentenceTransformerEmbedder,
    pairs: Sequence[Pair],
    work: Path,
    training: Training,
    progress: Progress,
) -> None:
    """Train into ``work/model``, from the last checkpoint that is in ``work/checkpoints``."""
    quiet_libraries()
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import PrinterCallback, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress("training", state.global_step, state.max_steps)

    data = _datasets(pairs)
    model = embedder.fresh_model()
    model.model_card_data.generate_widget_examples = False  # no card is written
    batches = sum(-(-len(rows) // training.batch_size) for rows in data.values())
    steps = training.max_steps if training.max_steps > 0 else batches * training.epochs
    checkpoints, draft = work / "checkpoints", work / "model"
    trainer = SentenceTransformerTrainer(
        model=model,
        args=_arguments(training, steps, checkpoints),
        train_dataset=data,
        loss=MultipleNegativesRankingLoss(model),
        callbacks=[Told()],
    )
    trainer.remove_callback(PrinterCallback)  # progress is told by us
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    try:
        trainer.train(resume_from_checkpoint=last)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"The training failed: {first_line(error)}") from error
    shutil.rmtree(draft, ignore_errors=True)
    model.save_pretrained(str(draft), safe_serialization=True, create_model_card=False)


def _datasets(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Pairs with and without a near miss: a dataset's rows must all have the same columns."""
    from datasets import Dataset

    rows: dict[str, list[dict[str, str]]] = {"with": [], "without": []}
    for pair in pairs:
        row = {"anchor": pair.anchor, "positive": pair.positive}
        if pair.negative:
            rows["with"].append(row | {"negative": pair.negative})
        else:
            rows["without"].append(row)
    return {name: Dataset.from_list(part) for name, part in rows.items() if len(part) > 1}


def _arguments(training: Training, steps: int, checkpoints: Path) -> Any:
    import torch
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=training.epochs,
        max_steps=training.max_steps,
        per_device_train_batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        warmup_steps=int(training.warmup * steps),
        seed=training.seed,
        data_seed=training.seed,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        save_strategy="steps",
        save_steps=max(1, steps // 10),
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
