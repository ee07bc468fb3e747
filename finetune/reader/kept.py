"""What the stages of a long training made, kept beside its output until the whole is done, so that
a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

_log = logging.getLogger(__name__)

_NAME = ".work-"
Tensors = Mapping[str, torch.Tensor]


class Kept:
    """Stages of the run that `key` describes in all that its result depends on, under `folder`."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / f"{_NAME}{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def tensors(self, stage: str, make: Callable[[], Tensors]) -> Tensors:
        """What the stage made, now or before. Always as it was written, so that a run that was
        interrupted comes to the same. Raises `OSError`.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file, save_file

        path = self.folder / f"{stage}.safetensors"
        try:
            return load_file(path)
        except (FileNotFoundError, SafetensorError):
            pass
        made = self.folder / f"{stage}.part"
        save_file(dict(make()), made)
        os.replace(made, path)
        _log.info("Kept %s.", path)
        return load_file(path)

    def finish(self, *files: str) -> None:
        """Move these files out, beside the folder, and remove what was kept, also of other runs
        into the same output. Raises `OSError`.
        """
        output = self.folder.parent
        for name in files:
            os.replace(self.folder / name, output / name)
        for work in output.glob(f"{_NAME}*"):
            shutil.rmtree(work, ignore_errors=True)
