"""Which runtime computes. What the settings state; else what `reviewqa doctor --measure` chose on this
machine and wrote down; else torch where there is a GPU, OpenVINO where it is installed, and torch.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import Any, get_args

from rag.config import Settings
from rag.runtimes.base import Encoder, Name, Precision, Runtime
from rag.runtimes.bert import BertWeights
from rag.schema import ModelError, first_line

_log = logging.getLogger(__name__)

CHOICE_FILE = "runtime.json"  # in paths.cache_dir
_GPUS = ("nvidia[0-9]*", "kfd", "dxg")  # NVIDIA's, AMD's, and Windows' under WSL


def choose_runtime(settings: Settings | None = None) -> Runtime:
    """The runtime for these settings on this machine. Raises `ModelError` where they name one that is
    not installed.
    """
    if settings is None:
        return default_runtime()
    name, precision = settings.runtime.backend, settings.runtime.precision
    if name == "openvino" and not openvino_installed():
        raise ModelError(
            "runtime.backend names openvino, which is not installed: pip install openvino, or leave "
            "the setting out."
        )
    chosen = stored_choice(settings.paths.cache_dir) or default_runtime()
    backend: Name = chosen.name if name == "auto" else name
    if precision == "int8" and backend == "torch":
        raise ModelError('runtime.precision "int8" is OpenVINO\'s alone: pip install openvino.')
    if precision != "auto":
        return Runtime(backend, precision)
    return chosen if chosen.name == backend else Runtime(backend, best_precision(backend))


def default_runtime() -> Runtime:
    """The runtime where nobody chose one."""
    name: Name = "openvino" if openvino_installed() and not may_have_gpu() else "torch"
    return Runtime(name, best_precision(name))


def best_precision(name: Name) -> Precision:
    """bfloat16 where the processor, or the GPU, computes in it; else float32."""
    if name == "openvino":
        from rag.runtimes.openvino_encoder import supports_bfloat16 as supported
    else:
        from rag.runtimes.torch_encoder import supports_bfloat16 as supported
    return "bfloat16" if supported() else "float32"


def load_encoder(weights: BertWeights, runtime: Runtime) -> Encoder:
    """The encoder of these weights. Raises `RuntimeError` where the runtime cannot compute it."""
    if runtime.name == "openvino":
        from rag.runtimes.openvino_encoder import OpenVinoEncoder

        return OpenVinoEncoder(weights, runtime)
    from rag.runtimes.torch_encoder import TorchEncoder

    return TorchEncoder(weights, runtime)


def openvino_installed() -> bool:
    """Whether OpenVINO can be imported; it is not."""
    return importlib.util.find_spec("openvino") is not None


def may_have_gpu() -> bool:
    """Whether torch is to be asked for a GPU, which takes a second: without a device there is none."""
    if sys.platform != "linux":
        return True
    return any(next(Path("/dev").glob(pattern), None) for pattern in _GPUS)


def stored_choice(cache_dir: Path) -> Runtime | None:
    """What was measured best on this machine; None where nothing was, or it is not there any more,
    of which the log tells.
    """
    path = cache_dir / CHOICE_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        name, precision = stored["backend"], stored["precision"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s cannot be used: %s", path, first_line(error))
        return None
    if name not in get_args(Name) or precision not in get_args(Precision):
        _log.warning("%s names an unknown runtime, %s %s.", path, name, precision)
        return None
    if name == "openvino" and not openvino_installed():
        _log.warning("%s names openvino, which is no longer installed; torch computes.", path)
        return None
    return Runtime(name, precision)


def store_choice(cache_dir: Path, runtime: Runtime, measured: dict[str, Any]) -> Path:
    """Write down what is to compute on this machine, and what that was chosen by. Raises `OSError`."""
    path = cache_dir / CHOICE_FILE
    cache_dir.mkdir(parents=True, exist_ok=True)
    stated = {"backend": runtime.name, "precision": runtime.precision, "measured": measured}
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path
