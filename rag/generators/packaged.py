"""Language models that come as Python packages: a GGUF file, whole or in parts, that is checked by
its hash and converted once into a folder that transformers reads as it reads any other model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.files import sha256_of
from rag.generators.base import Backend, Generator
from rag.generators.cached import load_cached
from rag.logging import announced, quiet_libraries
from rag.schema import ModelError

# file name -> SHA-256 of every converted file, and of the file they were made from
_RECORD = "sha256.json"
_BLOCK = 2**20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model inside packages. `parts` are the (package, file) that make up its GGUF file, and
    `sha256` is of them all; `beside` are files, terms and notices, that are kept with the model.
    """

    name: str  # as the settings call it
    title: str  # as people do
    parts: tuple[tuple[str, str], ...]
    sha256: str
    install: str  # the command that installs the packages
    megabytes: int  # that the converted model takes
    dtype: str = "float16"  # of the converted weights
    chat_template: str = ""  # where the file has none
    beside: tuple[tuple[str, str], ...] = ()

    @property
    def installed(self) -> bool:
        """Whether its packages are there."""
        return all(importlib.util.find_spec(package) is not None for package, _ in self.parts)

    def folder(self, cache_dir: Path) -> Path:
        """The folder of the converted model under `cache_dir`; converts it (about half a minute) if
        it is not there.

        The converted files are checked against the SHA-256 recorded for them, and made anew if one
        differs. Raises `ModelError` if a packaged file is missing or is not the one known.
        """
        folder = cache_dir / f"{self.name}-{self.sha256[:12]}"
        if not _is_intact(folder, self.sha256):
            parts = self._checked_parts()
            _log.info("Converting %s into %s.", self.title, folder)
            self._made_once(folder, lambda made: _convert(self, parts, made))
        return folder

    def _checked_parts(self) -> list[Path]:
        """The files of the installed packages, after checking that they are the ones known."""
        digest = hashlib.sha256()
        parts = [self._file(package, name) for package, name in self.parts]
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        if (found := digest.hexdigest()) != self.sha256:
            raise ModelError(
                f"{parts[0].name} is not the file expected (SHA-256 {found}, not {self.sha256}): "
                f"reinstall it: {self.install}."
            )
        return parts

    def _file(self, package: str, name: str) -> Path:
        # not imported: nothing of its code is needed
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ModelError(f"{self.title} is not installed: run {self.install}.")
        file = Path(spec.origin).parent / name
        if not file.is_file():
            raise ModelError(
                f"The package {package} holds no {name}: reinstall it: {self.install}."
            )
        return file

    def _made_once(self, folder: Path, make: Callable[[Path], None]) -> None:
        """Make the model's folder, saying plainly what stands in the way."""
        try:
            _make_into(folder, self.sha256, make)
        except ImportError as error:
            raise ModelError(
                f"Converting {self.title} needs the package {error.name}: install it."
            ) from error
        except OSError as error:
            raise ModelError(
                f"Cannot write {self.title} to {folder.parent}: {error}. Set paths.cache_dir to a "
                f"folder with {2 * self.megabytes} MB free."
            ) from error

    def keep_beside(self, folder: Path) -> None:
        """Copy its terms and notices into a folder: of the model, or of what was made from it."""
        for package, name in self.beside:
            shutil.copyfile(self._file(package, name), folder / Path(name).name)

    def backend(self, about: str) -> Backend:
        """It as a generator back end; `about` it, in a few words, where it is installed."""

        def load(settings: Settings) -> Generator:
            folder = self.folder(settings.paths.cache_dir)
            return load_cached(settings, self.name, folder=str(folder))

        def tell(settings: Settings) -> str:
            return about if self.installed else ""

        return Backend(self.name, load, tell, takes_adapter=True)


def _is_intact(folder: Path, source: str) -> bool:
    """Whether every file that the record names is there, unchanged."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return record["source"] == source and all(
            sha256_of(folder / name) == recorded for name, recorded in record["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _make_into(folder: Path, source: str, make: Callable[[Path], None]) -> None:
    """Make it beside `folder`, then move there in one step: a half-written model is never seen."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        target = work / "model"
        make(target)
        files = {path.name: sha256_of(path) for path in sorted(target.iterdir())}
        record = json.dumps({"source": source, "files": files}, indent=1)
        (target / _RECORD).write_text(record + "\n", encoding="utf-8")
        try:
            os.replace(target, folder)
        except OSError:
            # Something is there already: another process's model, just finished, or the damaged
            # one.
            if not _is_intact(folder, source):
                os.replace(folder, work / "damaged")
                os.replace(target, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _convert(model: PackagedModel, parts: list[Path], folder: Path) -> None:
    with announced(f"Preparing {model.title}, which is done once", steps=3) as step:
        whole = parts[0]
        if len(parts) > 1:
            whole = folder.with_suffix(".gguf")
            with whole.open("wb") as file:
                for part in parts:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, file, _BLOCK)
        _convert_in_steps(model, whole, folder, step)


def _convert_in_steps(
    model: PackagedModel, gguf: Path, folder: Path, step: Callable[[], object]
) -> None:
    quiet_libraries()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if model.chat_template:
        tokenizer.chat_template = model.chat_template
    step()
    weights = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        # otherwise it counts as quantized and cannot be saved
        quantization_config=GgufConfig(dequantize=True),
        # 4-bit steps with fp16 scales: exact to a thousandth, in half the room of fp32
        dtype=getattr(torch, model.dtype),
    )
    step()
    weights.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model.keep_beside(folder)
    step()
