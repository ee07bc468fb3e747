"""How much memory a piece of work took at most, on the device that it ran on."""

from __future__ import annotations

import os
import threading

LESS_MEMORY = (
    "Lower training.per_device_train_batch_size (and raise gradient_accumulation_steps by as "
    "much), or "
    "data.max_length; or quantization.load_in_4bit=true."
)
"""What to do where a training does not fit."""


class PeakMemory:
    """`peak` is the most bytes held since the beginning of `with`, also while it lasts.

    On a GPU what torch held; on a CPU this process's resident memory above what it was at the
    start, looked at ten times a second.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None
        self._most = 0

    @property
    def peak(self) -> int:
        """The most so far."""
        if self._kind == "cuda" and not self._ended.is_set():
            import torch

            self._most = int(torch.cuda.max_memory_allocated())
        return self._most

    def __enter__(self) -> PeakMemory:
        if self._kind == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
            return self
        self._start = _resident()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_error: object) -> None:
        _ = self.peak
        self._ended.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self) -> None:
        while True:
            self._most = max(self._most, _resident() - self._start)
            if self._ended.wait(0.1):
                return


def _resident() -> int:
    import psutil

    return int(psutil.Process(os.getpid()).memory_info().rss)
