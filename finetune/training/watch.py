"""Watching a training: progress with time left, a stop between two steps, and a diagnosis when the
loss runs away.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from finetune.preflight.estimate import in_words
from rag.schema import ModelError

Progress = Callable[[str, int, int, str], None]
"""Called with (stage, done, total, what to say beside it: loss, tokens per second, memory)."""

_EXPLODED = 3.0  # times the mean loss of the first steps
_FIRST = 5  # steps


def no_progress(stage: str, done: int, total: int, note: str) -> None:
    """The default: progress is told to nobody."""


class RunawayError(ModelError):
    """The loss became no number, or much larger than it began."""


class Interrupted(Exception):
    """The training was asked to stop, and a checkpoint was written."""

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(
            f"Stopped after step {step} of {steps}; a checkpoint is written. Go on with --resume."
        )


class Watch:
    """What is seen of one training. `tokens` is how many a batch has, on average; `memory` the most
    held so far.
    """

    def __init__(
        self,
        progress: Progress,
        stopped: Callable[[], bool],
        tokens: float,
        memory: Callable[[], int] = lambda: 0,
    ) -> None:
        self._progress = progress
        self._stopped = stopped
        self._tokens = tokens
        self._memory = memory
        self._first: list[float] = []
        self._last = math.nan
        self._began = 0.0
        self._seen = 0
        self.interrupted = False
        self.first_loss: float | None = None

    @property
    def tokens_per_second(self) -> float:
        """Trained on so far, evaluation included in the time."""
        passed = time.monotonic() - self._began if self._began else 0.0
        return self._seen * self._tokens / passed if passed else 0.0

    def check(self, loss: float, step: int, learning_rate: Callable[[], float]) -> None:
        """Raise `RunawayError` for a loss that training cannot come back from."""
        self._seen += 1
        start = sum(self._first) / len(self._first) if self._first else math.inf
        if math.isfinite(loss) and (
            len(self._first) < _FIRST or loss <= _EXPLODED * max(start, 1e-3)
        ):
            if len(self._first) < _FIRST:
                self._first.append(loss)
            self._last = loss
            return
        rate = learning_rate()
        if math.isfinite(loss):
            raise RunawayError(
                f"The loss rose to {loss:.2f} at step {step + 1}, from {start:.2f} in the first "
                "steps: the training "
                f"diverges. Set training.learning_rate lower (it was {rate:.1e}), or "
                "training.max_grad_norm."
            )
        raise RunawayError(
            f"The loss became {loss} at step {step + 1}; it was {self._last:.2f} before (learning "
            f"rate {rate:.1e}). In "
            "fp16 the activations of a Gemma overflow: set training.bf16=true (or neither, for "
            "fp32). Else an example "
            "may have no token under loss (reviewqa finetune check), or training.learning_rate is "
            "too high."
        )

    def callback(self) -> Any:
        """For the trainer."""
        from transformers import TrainerCallback

        watch = self

        class Watching(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch._began = time.monotonic()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.is_world_process_zero:
                    held = in_words(watch._memory())
                    note = f"loss {watch._last:.3f}, {watch.tokens_per_second:.0f} tokens/s, {held}"
                    watch._progress("training", state.global_step, state.max_steps, note)
                if watch._stopped():
                    watch.interrupted = control.should_save = control.should_training_stop = True

            def on_evaluate(
                self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any
            ) -> None:
                loss = (metrics or {}).get("eval_loss")
                if watch.first_loss is None and loss is not None and state.global_step == 0:
                    watch.first_loss = loss

        return Watching()
