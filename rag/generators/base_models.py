"""Where a model that was named lies: a packaged one, a merged one, an adapter, a folder, a hub name."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rag.config import Settings
from rag.generators.bundled import SMOLLM2
from rag.generators.gemma import GEMMA
from rag.schema import ModelError

_ADAPTER_FILE = "adapter_config.json"


def base_folder(base_model: str, settings: Settings) -> str:
    """What to load: a hub name, a folder, or where a packaged model was converted to. Raises
    `ModelError`.
    """
    for packaged in (SMOLLM2, GEMMA):
        if base_model == packaged.name:
            return str(packaged.folder(settings.paths.cache_dir))
    return os.path.expanduser(base_model)


def model_and_adapter(name: str, settings: Settings) -> tuple[str, str]:
    """What to load for a model that was named, and the adapter to put on it, "" where it is none.

    A name is of a model merged here, of an adapter's folder, or as `base_folder` takes it. Raises
    `ModelError`.
    """
    merged = settings.paths.models_dir / name
    if (merged / "config.json").is_file():
        return str(merged), ""
    folder = Path(os.path.expanduser(name))
    if not (folder / _ADAPTER_FILE).is_file():
        return base_folder(name, settings), ""
    try:
        base = json.loads((folder / _ADAPTER_FILE).read_text("utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / _ADAPTER_FILE} names no base model: {error!r}.") from error
    return base_folder(str(base), settings), str(folder)
