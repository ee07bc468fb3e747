"""How much memory a piece of work took at most, on the device that it ran on."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class PeakMemory:
    """Inside `with`: `peak` is the most bytes held. On a GPU what torch held; on a CPU this process's resident memory
    above what it was at the start, looked at ten times a second."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None
        self.peak = 0

    def __enter__(self) -> PeakMemory:
        if self._kind == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
            return self
        self._start = _resident()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kind == "cuda":
            import torch

            self.peak = int(torch.cuda.max_memory_allocated())
            return
        self._ended.set()
        assert self._watcher is not None
        self._watcher.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, _resident() - self._start)
            if self._ended.wait(0.1):
                return


def _resident() -> int:
    import psutil

    return int(psutil.Process(os.getpid()).memory_info().rss)
