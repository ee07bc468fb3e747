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
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.pairs import KINDS, MOST, Pair, make_pairs
from rag.config import Settings
from rag.embedding import Embedder, SentenceTransformerEmbedder
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.evaluation.retrieval import RetrievalReport, compare, evaluate_retrieval
from rag.evaluation.significance import Comparison
from rag.index import ReviewIndex, build_index
from rag.logging import quiet_libraries
from rag.retrieval import Retriever
from rag.schema import ModelError, Review, SettingsError

RECORD = "adaptation.json"
METRIC = "nDCG@10"
SIGNIFICANT = 0.05
GATE_REVIEWS = (
    2000  # reviews searched for the comparison: all gold ones, and others up to this number
)
HELD_OUT = 0.2  # of the reviews, where titles stand in for questions
_FEWEST_QUESTIONS = 20
_LIBRARIES = ("sentence-transformers", "transformers", "torch")

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total). Stages: "pairs", "training", "embedding", "before", "after"."""


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

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(KINDS)
        if unknown or not self.kinds:
            raise SettingsError(
                f"Pairs are of the kinds {', '.join(KINDS)}, not "
                f"{', '.join(sorted(unknown)) or 'none'}."
            )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the comparison is made on; `reviews` (reviews,) may be trained on. A `proxy` has titles
    for questions.
    """

    questions: list[RetrievalQuestion]
    reviews: NDArray[np.bool_]
    proxy: bool


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


def hold_out(index: ReviewIndex, questions: Sequence[Question]) -> HeldOut:
    """The dev questions of the set; or, without any, titles of a fifth of the reviews, copies kept
    together.

    Raises `SettingsError` where there are fewer than 20 of either.
    """
    known = set(index.review_ids())
    dev = [
        RetrievalQuestion(
            one.id, one.question, one.kind, one.split, dict.fromkeys(one.review_ids & known, 1)
        )
        for one in questions
        if one.split == "dev" and one.review_ids & known
    ]
    everything = np.ones(index.manifest.reviews, dtype=np.bool_)
    if len(dev) >= _FEWEST_QUESTIONS:
        return HeldOut(dev, everything, proxy=False)
    if questions:
        raise SettingsError(
            f'The question set has {len(dev)} questions of the split "dev" whose reviews are in '
            "the index "
            f'"{index.name}"; at least {_FEWEST_QUESTIONS} are needed to tell whether the embedder '
            "got better."
        )
    leaders = np.unique(index.review_group)
    chosen = np.random.default_rng(0).permutation(leaders)[: max(1, round(HELD_OUT * len(leaders)))]
    held = np.isin(index.review_group, chosen)
    titles = [
        RetrievalQuestion(f"title-{row}", review.title, "title", "held out", {review.review_id: 1})
        for row, review in enumerate(index.reviews())
        if held[row] and len(review.title.split()) >= 3
    ]
    if len(titles) < _FEWEST_QUESTIONS:
        raise SettingsError(
            f'The index "{index.name}" has {len(titles)} titles of three words or more among the '
            "reviews held out, and "
            f"at least {_FEWEST_QUESTIONS} are needed. Give a question set: --questions FILE."
        )
    return HeldOut(titles, ~held, proxy=True)


def training_pairs(
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[Question],
    held_out: HeldOut,
    training: Training,
) -> list[Pair]:
    """Pairs from the training questions and from the reviews that are not held out. Raises
    `SettingsError`: too few.
    """
    pairs = make_pairs(
        index,
        embedder,
        [one for one in questions if one.split == "train"],
        kinds=training.kinds,
        most=training.most,
        reviews=held_out.reviews,
        seed=training.seed,
    )
    if len(pairs) < 2:
        raise SettingsError(
            f'The index "{index.name}" gives {len(pairs)} pairs to train on. Its reviews need '
            "titles or neighbouring "
            "sentences, or the question set training questions."
        )
    return pairs


def adapt_embedder(
    settings: Settings,
    index: ReviewIndex,
    embedder: SentenceTransformerEmbedder,
    questions: Sequence[Question],
    folder: Path,
    training: Training,
    *,
    any_gain: bool = False,
    resume: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Adapted:
    """Train, compare, and if it got better, put the embedder into `folder` with a record of how it
    was made.

    An interrupted training leaves its checkpoints beside `folder`, and goes on from them with
    `resume`. With `any_gain` a rise that may be chance is enough. Raises `SettingsError` and
    `ModelError`.
    """
    if folder.exists():
        raise SettingsError(
            f"There is already something at {folder}. Take another name, or remove it."
        )
    held_out = hold_out(index, questions)
    progress("pairs", 0, 1)
    pairs = training_pairs(index, embedder, questions, held_out, training)
    progress("pairs", 1, 1)
    work = folder.parent / f".training-{folder.name}"
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    made = work / "model"
    _train(embedder, pairs, work, made, training, resume, progress)
    adapted = SentenceTransformerEmbedder(str(made), batch_size=settings.embedding.batch_size)
    searched = _gate_reviews(index, held_out)
    before = _measured("before", settings, searched, embedder, held_out, progress)
    after = _measured("after", settings, searched, adapted, held_out, progress)
    difference = compare(before, after, METRIC)
    accepted = difference.difference > 0 and (any_gain or difference.p_value < SIGNIFICANT)
    counts = dict(Counter(pair.kind for pair in pairs))
    record = {
        "base": embedder.identity,
        "adapted": adapted.identity,
        "index": index.name,
        "reviews": index.manifest.reviews,
        "pairs": counts,
        "hard_negatives": sum(bool(pair.negative) for pair in pairs),
        "training": asdict(training),
        "held_out": {
            "questions": len(held_out.questions),
            "proxy": held_out.proxy,
            "reviews_searched": len(searched),
        },
        "before": before.as_dict()["means"],
        "after": after.as_dict()["means"],
        METRIC: asdict(difference),
        "accepted": accepted,
        "libraries": {name: version(name) for name in _LIBRARIES},
    }
    if accepted:
        (made / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        os.replace(made, folder)
    shutil.rmtree(work, ignore_errors=True)
    return Adapted(
        accepted,
        folder if accepted else None,
        counts,
        before,
        after,
        difference,
        held_out.proxy,
        record,
    )


def _train(
    embedder: SentenceTransformerEmbedder,
    pairs: Sequence[Pair],
    work: Path,
    made: Path,
    training: Training,
    resume: bool,
    progress: Progress,
) -> None:
    quiet_libraries()
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers
    from transformers import PrinterCallback, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress("training", state.global_step, state.max_steps)

    # a dataset's rows must all have the same columns
    with_miss = [
        {"anchor": p.anchor, "positive": p.positive, "negative": p.negative}
        for p in pairs
        if p.negative
    ]
    without = [{"anchor": p.anchor, "positive": p.positive} for p in pairs if not p.negative]
    data = {
        name: Dataset.from_list(rows)
        for name, rows in (("with", with_miss), ("without", without))
        if len(rows) > 1
    }
    model = embedder.fresh_model()
    model.model_card_data.generate_widget_examples = False  # no card is written
    steps = sum(-(-len(one) // training.batch_size) for one in data.values()) * training.epochs
    steps = training.max_steps if training.max_steps > 0 else steps
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(work / "checkpoints"),
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
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        loss=MultipleNegativesRankingLoss(model),
        callbacks=[Told()],
    )
    trainer.remove_callback(PrinterCallback)  # progress is told by us
    checkpoints = work / "checkpoints"
    last = get_last_checkpoint(str(checkpoints)) if resume and checkpoints.is_dir() else None
    try:
        trainer.train(resume_from_checkpoint=last)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"The training failed: {next(iter(str(error).splitlines()), type(error).__name__)}"
        ) from error
    shutil.rmtree(made, ignore_errors=True)
    model.save_pretrained(str(made), safe_serialization=True, create_model_card=False)


def _gate_reviews(index: ReviewIndex, held_out: HeldOut) -> list[Review]:
    """All reviews, or of a large index the gold ones and a sample."""
    gold = {review_id for one in held_out.questions for review_id in one.relevance}
    ids = index.review_ids()
    others = np.array(
        [row for row, review_id in enumerate(ids) if review_id not in gold], dtype=np.int64
    )
    room = max(0, GATE_REVIEWS - len(gold))
    chosen = set(np.random.default_rng(0).permutation(others)[:room].tolist())
    return [
        one for row, one in enumerate(index.reviews()) if one.review_id in gold or row in chosen
    ]


def _measured(
    name: str,
    settings: Settings,
    reviews: Sequence[Review],
    embedder: Embedder,
    held_out: HeldOut,
    progress: Progress,
) -> RetrievalReport:
    def building(stage: str, done: int, total: int) -> None:
        if stage == "embedding":
            progress("embedding", done, total)

    with _temporary_folder() as folder:
        index = build_index(
            [_untitled(one) for one in reviews] if held_out.proxy else reviews,
            embedder,
            folder / name,
            chunking=settings.index.chunking,
            chunk_tokens=settings.index.chunk_tokens,
            progress=building,
        )
        retriever = Retriever(settings, index, embedder)
        return evaluate_retrieval(
            retriever,
            held_out.questions,
            lambda done, total: progress(name, done, total),
            name=name,
        )


def _untitled(review: Review) -> Review:
    """Without its title, which would be found by its own words."""
    return replace(review, title="")


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reviewqa-") as folder:
        yield Path(folder)
