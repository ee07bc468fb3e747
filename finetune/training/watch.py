"""Watching a training: its steps told, a stop between two of them, and a diagnosis when the loss
runs away.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from finetune.events import Callbacks, TrainingStep
from rag.schema import ModelError

_EXPLODED = 3.0  # times the mean loss of the first steps
_FIRST = 5  # steps


class RunawayError(ModelError):
    """The loss became no number, or much larger than it began."""


class Interrupted(Exception):
    """The training was asked to stop, and a checkpoint was written."""

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(
            f"Stopped after step {step} of {steps}; a checkpoint is written. Go on with --resume."
        )


class Watch:
    """What is seen of one training. `batch_tokens` is how many a batch has, on average; `memory`
    the most held so far, in bytes.
    """

    def __init__(
        self,
        callbacks: Callbacks,
        batch_tokens: float = 0.0,
        memory: Callable[[], int] = lambda: 0,
    ) -> None:
        self._callbacks = callbacks
        self._batch_tokens = batch_tokens
        self._memory = memory
        self._first: list[float] = []
        self._last = math.nan
        self._began = time.monotonic()
        self._batches = 0
        self.interrupted = False

    @property
    def tokens_per_second(self) -> float:
        """Trained on so far, evaluation included in the time."""
        return self._batches * self._batch_tokens / max(1e-9, time.monotonic() - self._began)

    def check(self, loss: float, step: int, learning_rate: Callable[[], float]) -> None:
        """Raise `RunawayError` for a loss that training cannot come back from."""
        self._batches += 1
        start = sum(self._first) / len(self._first) if self._first else math.inf
        if not math.isfinite(loss):
            raise RunawayError(
                f"The loss became {loss} at step {step + 1}; it was {self._last:.2f} before "
                f"(learning rate {learning_rate():.1e}). In fp16 the activations of a Gemma "
                "overflow: set training.bf16=true (or neither, for fp32). Else an example may have "
                "no token under loss (reviewqa finetune check), or training.learning_rate is too "
                "high."
            )
        if len(self._first) < _FIRST:
            self._first.append(loss)
        elif loss > _EXPLODED * max(start, 1e-3):
            raise RunawayError(
                f"The loss rose to {loss:.2f} at step {step + 1}, from {start:.2f} in the first "
                "steps: the training diverges. Set training.learning_rate lower (it was "
                f"{learning_rate():.1e}), or training.max_grad_norm."
            )
        self._last = loss

    def callback(self) -> Any:
        """For the trainer."""
        from transformers import TrainerCallback

        watch, callbacks = self, self._callbacks

        class Watching(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch._began = time.monotonic()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                step, steps = state.global_step, state.max_steps
                if state.is_world_process_zero:
                    rate, memory = watch.tokens_per_second, watch._memory()
                    callbacks.on_event(TrainingStep(step, steps, watch._last, rate, memory))
                    callbacks.progress("training", step, steps)
                if callbacks.stopped():
                    watch.interrupted = control.should_save = control.should_training_stop = True

        return Watching()
