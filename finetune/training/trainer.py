"""Training an adapter: TRL's SFTTrainer with peft and bitsandbytes, watched, interruptible and
resumable.

What is ours is around the trainer and not in it: tokens that match serving
(`finetune.data.encode`), arguments that fit the device (`finetune.training.arguments`), checks
before the first step (`finetune.preflight`) and a stop with a diagnosis when the loss is no number
any more or runs away (`finetune.training.watch`).
"""

from __future__ import annotations

import math
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from finetune.data.encode import EncodedSet, encode
from finetune.data.examples import HELD_OUT_FILE, TRAIN_FILE, data_hash, read_examples
from finetune.events import SILENT, Callbacks
from finetune.folders import ADAPTER, CHECKPOINTS, DATA, run_folder
from finetune.model_card import model_card
from finetune.preflight.estimate import Estimate, estimate, in_words
from finetune.recipe import Recipe
from finetune.training.arguments import Arguments, Device, is_gemma, resolve, this_device
from finetune.training.base import (
    adapter_in_fp32,
    add_adapter,
    base_config,
    base_tokenizer,
    keep_terms,
    load_base,
    save_adapter,
)
from finetune.training.memory import LESS_MEMORY, PeakMemory
from finetune.training.record import new_record, same_work, write_record
from finetune.training.watch import Interrupted, RunawayError, Watch
from rag.answering.templates import read_record
from rag.config import Settings
from rag.logging import quiet_libraries
from rag.schema import ModelError, ReviewFileError, first_line


@dataclass(frozen=True)
class Prepared:
    """A recipe brought together with its data and this device; no weights are loaded yet."""

    recipe: Recipe
    arguments: Arguments
    device: Device
    config: Any
    tokenizer: Any
    train: EncodedSet
    held_out: EncodedSet
    steps: int
    folder: Path  # of the run

    @property
    def gemma(self) -> bool:
        """Whether the base model is a Gemma."""
        return is_gemma(self.config.model_type)

    @cached_property
    def estimate(self) -> Estimate:
        """The memory that this training is expected to take."""
        return estimate(self.config, self.recipe, self.arguments, self.device, self.train.longest)


@dataclass(frozen=True, slots=True)
class Trained:
    """Where the adapter is, and its record; `reused` where it was there already."""

    folder: Path
    record: dict[str, Any]
    reused: bool

    def __str__(self) -> str:
        if self.reused:
            return f"The adapter was there already, of the same recipe and data: {self.folder}."
        record, loss = self.record, self.record["held_out_loss"]
        most, expected = record["peak_memory_bytes"], record["estimated_memory_bytes"]
        lines = [
            f"{record['steps']} steps in {record['seconds']:.0f} s, "
            f"{record['tokens_per_second']:.0f} tokens/s; most memory {in_words(most)} (estimated "
            f"{in_words(expected)})."
        ]
        if loss["before"] is not None:
            change = f"{loss['before']:.3f} before, {loss['after']:.3f} after"
            lines.append(f"Loss on the examples held out: {change}.")
        return "\n".join([*lines, f"The adapter is in {self.folder}."])


def prepare(recipe: Recipe, settings: Settings, device: Device | None = None) -> Prepared:
    """Read a run's examples and encode them for the recipe's base model. Raises `ReviewFileError`,
    `ModelError`.
    """
    folder, device = run_folder(settings, recipe), device or this_device()
    tokenizer, config = base_tokenizer(recipe, settings), base_config(recipe, settings)
    train, held_out = (
        encode(read_examples(folder / DATA / name), tokenizer, recipe.data.max_length)
        for name in (TRAIN_FILE, HELD_OUT_FILE)
    )
    steps = steps_of(recipe, len(train.sequences))
    arguments = resolve(recipe, device, steps, gemma=is_gemma(config.model_type))
    return Prepared(recipe, arguments, device, config, tokenizer, train, held_out, steps, folder)


def steps_of(recipe: Recipe, sequences: int) -> int:
    """Optimizer steps of a whole run: the last batch of an epoch may be short."""
    training = recipe.training
    if training.max_steps > 0:
        return training.max_steps
    batches = -(-sequences // training.per_device_train_batch_size)
    return math.ceil(
        training.num_train_epochs * max(1, -(-batches // training.gradient_accumulation_steps))
    )


def tuned_model(prepared: Prepared, settings: Settings) -> Any:
    """The base model with a fresh adapter, ready for training. Raises `ModelError`,
    `SettingsError`.
    """
    import torch

    torch.manual_seed(prepared.recipe.training.seed)  # the adapter's first weights are drawn
    arguments = prepared.arguments
    base = load_base(
        prepared.recipe, settings, dtype=arguments.dtype, quantization=arguments.quantization
    )
    base.config.use_cache = False
    model = add_adapter(base, arguments)
    if prepared.recipe.training.gradient_checkpointing:
        model.enable_input_require_grads()
    return model


def trained_already(recipe: Recipe, folder: Path) -> Trained | None:
    """A run's adapter, if there is one of the same recipe, data and prompt."""
    kept = read_record(folder / ADAPTER)
    if not kept or not (folder / DATA).is_dir():
        return None
    same = same_work(kept, new_record(recipe, data_hash(folder / DATA)))
    return Trained(folder / ADAPTER, kept, reused=True) if same else None


def train_adapter(
    prepared: Prepared,
    settings: Settings,
    *,
    resume: bool = False,
    model: Any = None,
    callbacks: Callbacks = SILENT,
) -> Trained:
    """Train the adapter into ``<run>/adapter``; with `resume`, go on from the last checkpoint of
    the same work.

    Where that adapter is there already, of the same recipe, data and prompt, nothing is done. When
    `callbacks.stopped` turns true a checkpoint is written and `Interrupted` raised. Raises
    `ModelError` when the training fails, and `RunawayError`, which is one, when the loss does.
    """
    if done := trained_already(prepared.recipe, prepared.folder):
        return done
    folder, sequences = prepared.folder, prepared.train.sequences
    record = new_record(prepared.recipe, data_hash(folder / DATA))
    if not sequences:
        raise ReviewFileError(f"{folder / DATA / TRAIN_FILE} has no example that fits max_length.")
    checkpoint = _checkpoint(folder, record, resume)
    model = model or tuned_model(prepared, settings)
    memory = PeakMemory(prepared.device.kind)
    batch_tokens = prepared.train.tokens / len(sequences)
    batch_tokens *= prepared.recipe.training.per_device_train_batch_size
    watch = Watch(callbacks, batch_tokens, lambda: memory.peak)
    began = time.monotonic()
    with _failures(prepared), memory:
        trainer = _trainer(prepared, model, watch)
        trainer.train(resume_from_checkpoint=checkpoint)
        if watch.interrupted:
            raise Interrupted(trainer.state.global_step, prepared.steps)
        final = trainer.evaluate() if prepared.held_out.sequences else {}
    log = trainer.state.log_history
    record |= {
        "device": prepared.device.name,
        "renamed": list(prepared.arguments.renamed),
        "overridden": list(prepared.arguments.overridden),
        "sequences": {"train": len(sequences), "held_out": len(prepared.held_out.sequences)},
        "tokens": prepared.train.tokens,
        "left_out": {**prepared.train.left_out},
        "steps": trainer.state.global_step,
        "seconds": round(time.monotonic() - began, 1),
        "resumed": bool(checkpoint),
        "tokens_per_second": round(watch.tokens_per_second, 1),
        "peak_memory_bytes": memory.peak,
        "estimated_memory_bytes": prepared.estimate.total,
        "held_out_loss": {"before": _loss_before(log), "after": final.get("eval_loss")},
        "log": log,
    }
    if trainer.accelerator.is_main_process:
        _keep(model, folder, prepared.recipe, record)
    return Trained(folder / ADAPTER, record, reused=False)


def _loss_before(log: Sequence[Mapping[str, Any]]) -> float | None:
    """The held-out loss before the first step, also of a run that was resumed."""
    losses = [line["eval_loss"] for line in log if line["step"] == 0 and "eval_loss" in line]
    return losses[0] if losses else None


def _keep(model: Any, folder: Path, recipe: Recipe, record: dict[str, Any]) -> None:
    """Write the adapter beside its place, then put it there: a half-written one is never seen."""
    draft = folder / f".{ADAPTER}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_adapter(model, draft, record["base_model"])
    write_record(draft, record)
    (draft / "README.md").write_text(model_card(recipe, record), encoding="utf-8")
    keep_terms(recipe.base_model, draft)
    shutil.rmtree(folder / ADAPTER, ignore_errors=True)
    draft.rename(folder / ADAPTER)


def _checkpoint(folder: Path, record: dict[str, Any], resume: bool) -> str | None:
    """The last checkpoint of the same work; those of other work are removed, and so are all without
    `resume`.
    """
    from transformers.trainer_utils import get_last_checkpoint

    checkpoints = folder / CHECKPOINTS
    kept = read_record(checkpoints)
    if not (resume and kept and same_work(kept, record)):
        shutil.rmtree(checkpoints, ignore_errors=True)
    checkpoints.mkdir(parents=True, exist_ok=True)
    write_record(checkpoints, record)
    last: str | None = get_last_checkpoint(str(checkpoints))
    return last


def _trainer(prepared: Prepared, model: Any, watch: Watch) -> Any:
    quiet_libraries()
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    def dataset(encoded: EncodedSet) -> Any:
        return Dataset.from_list(
            [{"input_ids": part.input_ids, "labels": part.labels} for part in encoded.sequences]
        )

    class WatchedTrainer(SFTTrainer):  # type: ignore[misc]
        def training_step(self, *args: Any, **more: Any) -> Any:
            loss = super().training_step(*args, **more)
            # each part of an accumulated batch is divided by the tokens of the whole
            watch.check(
                float(loss) * self.current_gradient_accumulation_steps,
                self.state.global_step,
                self._get_learning_rate,
            )
            return loss

    arguments = dict(prepared.arguments.training)
    if not prepared.held_out.sequences:
        arguments |= {"eval_strategy": "no", "eval_on_start": False}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*`eval_on_start`.*")
        trainer = WatchedTrainer(
            model=model,
            args=SFTConfig(output_dir=str(prepared.folder / CHECKPOINTS), **arguments),
            train_dataset=dataset(prepared.train),
            eval_dataset=dataset(prepared.held_out) if prepared.held_out.sequences else None,
            processing_class=prepared.tokenizer,
            callbacks=[watch.callback()],
        )
    trainer.remove_callback(PrinterCallback)  # progress is told by us
    adapter_in_fp32(model)  # TRL rounds adapters on 4-bit weights to bf16
    return trainer


@contextmanager
def _failures(prepared: Prepared) -> Iterator[None]:
    """Whatever the libraries raise while training, as one of our errors."""
    from rag.generators.loading import is_memory_error

    try:
        yield
    except (RunawayError, Interrupted):
        raise
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        if is_memory_error(error):
            raise ModelError(
                f"The training ran out of memory; the longest example has {prepared.train.longest} "
                "tokens. " + LESS_MEMORY
            ) from error
        raise ModelError(
            f"The training failed ({type(error).__name__}): {first_line(error)}"
        ) from error
