"""Training an adapter: TRL's SFTTrainer with peft and bitsandbytes, watched, interruptible and
resumable.

What is ours is around the trainer and not in it: tokens that match serving (`finetune.data.encode`),
arguments that fit the device (`finetune.training.arguments`), checks before the first step
(`finetune.preflight`) and a stop with a diagnosis when the loss is no number any more or runs away
(`finetune.training.watch`).
"""

from __future__ import annotations

import math
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.encode import EncodedSet, encode
from finetune.data.examples import HELD_OUT_FILE, TRAIN_FILE, data_hash, read_examples
from finetune.model_card import model_card
from finetune.recipe import Recipe
from finetune.training.arguments import Arguments, Device, is_gemma, resolve, this_device
from finetune.training.base import add_adapter, base_config, base_tokenizer, load_base, put_down
from finetune.training.memory import LESS_MEMORY, PeakMemory
from finetune.training.record import new_record, same_work, write_record
from finetune.training.watch import Interrupted, Progress, RunawayError, Watch, no_progress
from rag.answering.templates import read_record
from rag.config import Settings
from rag.logging import quiet_libraries
from rag.schema import ModelError, ReviewFileError

DATA, ADAPTER, CHECKPOINTS = "data", "adapter", "checkpoints"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Trained:
    """Where the adapter is, and its record; `again` is False where it was there already."""

    folder: Path
    record: dict[str, Any]
    again: bool


def prepare(
    recipe: Recipe, folder: Path, settings: Settings, device: Device | None = None
) -> Prepared:
    """Read a run's examples and encode them for the recipe's base model. Raises `ReviewFileError`,
    `ModelError`.
    """
    device = device or this_device()
    tokenizer, config = base_tokenizer(recipe, settings), base_config(recipe, settings)
    train, held_out = (
        encode(read_examples(folder / DATA / name), tokenizer, recipe.data.max_length)
        for name in (TRAIN_FILE, HELD_OUT_FILE)
    )
    steps = steps_of(recipe, len(train.sequences))
    arguments = resolve(recipe, device, steps, gemma=is_gemma(config.model_type))
    return Prepared(recipe, arguments, device, config, tokenizer, train, held_out, steps, folder)


def steps_of(recipe: Recipe, sequences: int, processes: int = 1) -> int:
    """Optimizer steps of a whole run: the last batch of an epoch may be short."""
    training = recipe.training
    if training.max_steps > 0:
        return training.max_steps
    batches = -(-sequences // (training.per_device_train_batch_size * processes))
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


def train(
    prepared: Prepared,
    settings: Settings,
    *,
    resume: bool = False,
    model: Any = None,
    stopped: Callable[[], bool] = lambda: False,
    progress: Progress = no_progress,
) -> Trained:
    """Train the adapter into ``<run>/adapter``; with `resume`, go on from the last checkpoint of
    the same work.

    Where that adapter is there already, of the same recipe, data and prompt, nothing is done.
    `stopped` is asked after every step; when it turns true a checkpoint is written and
    `Interrupted` raised. Raises `ModelError` when the training fails, and `RunawayError`, which is
    one, when the loss does.
    """
    folder, record = prepared.folder, new_record(prepared.recipe, data_hash(prepared.folder / DATA))
    kept = read_record(folder / ADAPTER)
    if kept and same_work(kept, record):
        return Trained(folder / ADAPTER, kept, again=False)
    if not prepared.train.sequences:
        raise ReviewFileError(f"{folder / DATA / TRAIN_FILE} has no example that fits max_length.")
    checkpoint = _checkpoint(folder, record, resume)
    model = model or tuned_model(prepared, settings)
    memory = PeakMemory(prepared.device.kind)
    batch_tokens = prepared.train.tokens / len(prepared.train.sequences)
    batch_tokens *= prepared.recipe.training.per_device_train_batch_size
    watch = Watch(progress, stopped, batch_tokens, lambda: memory.peak)
    trainer = _trainer(prepared, model, watch)
    began = time.monotonic()
    with _failures(prepared), memory:
        trainer.train(resume_from_checkpoint=checkpoint)
        if watch.interrupted:
            raise Interrupted(trainer.state.global_step, prepared.steps)
        final = trainer.evaluate() if prepared.held_out.sequences else {}
    record |= {
        "device": prepared.device.name,
        "renamed": list(prepared.arguments.renamed),
        "overridden": list(prepared.arguments.overridden),
        "sequences": {
            "train": len(prepared.train.sequences),
            "held_out": len(prepared.held_out.sequences),
        },
        "tokens": prepared.train.tokens,
        "left_out": {**prepared.train.left_out},
        "steps": trainer.state.global_step,
        "seconds": round(time.monotonic() - began, 1),
        "resumed": bool(checkpoint),
        "tokens_per_second": round(watch.tokens_per_second, 1),
        "peak_memory_bytes": memory.peak,
        "held_out_loss": {"before": watch.first_loss, "after": final.get("eval_loss")},
        "log": trainer.state.log_history,
    }
    if trainer.accelerator.is_main_process:
        _keep(model, folder, prepared.recipe, record)
    return Trained(folder / ADAPTER, record, again=True)


def _keep(model: Any, folder: Path, recipe: Recipe, record: dict[str, Any]) -> None:
    """Write the adapter beside its place, then put it there: a half-written one is never seen."""
    made = folder / f".{ADAPTER}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    put_down(model, made, record["base_model"])
    write_record(made, record)
    (made / "README.md").write_text(model_card(recipe, record), encoding="utf-8")
    shutil.rmtree(folder / ADAPTER, ignore_errors=True)
    made.rename(folder / ADAPTER)


def _checkpoint(folder: Path, record: dict[str, Any], resume: bool) -> str | None:
    """The last checkpoint of the same work; those of other work are removed, and so are all without
    `resume`.
    """
    from transformers.trainer_utils import get_last_checkpoint

    checkpoints = folder / CHECKPOINTS
    mine = read_record(checkpoints)
    if not (resume and mine and same_work(mine, record)):
        shutil.rmtree(checkpoints, ignore_errors=True)
    checkpoints.mkdir(parents=True, exist_ok=True)
    write_record(checkpoints, record)
    found: str | None = get_last_checkpoint(str(checkpoints))
    return found


def _trainer(prepared: Prepared, model: Any, watch: Watch) -> Any:
    quiet_libraries()
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    def dataset(encoded: EncodedSet) -> Any:
        return Dataset.from_list(
            [{"input_ids": s.input_ids, "labels": s.labels} for s in encoded.sequences]
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
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(
                torch.float32
            )  # TRL rounds adapters on 4-bit weights to bf16
    return trainer


@contextmanager
def _failures(prepared: Prepared) -> Iterator[None]:
    """Whatever the libraries raise while training, as one of our errors."""
    from rag.generators.loading import first_line, is_memory_error

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
