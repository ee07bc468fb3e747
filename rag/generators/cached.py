"""The one model that is in memory, for however many ask for it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from rag.answering.templates import check_template
from rag.config import Settings
from rag.generators import transformers

_loaded: dict[tuple[object, ...], transformers.TransformersGenerator] = {}
_loading = threading.Lock()


def load_cached(
    settings: Settings, model: str, *, folder: str = ""
) -> transformers.TransformersGenerator:
    """The model, loaded once however many ask for it; another one takes its place in memory.

    `model` is a hub name or a folder, or what to call the model in `folder`. Raises `ModelError`
    where it was tuned on another prompt than this version writes.
    """
    source = folder or model
    check_template(source, settings.generator.adapter)
    # a model may be tuned or merged again under its name
    written = weights_written(source), weights_written(settings.generator.adapter)
    key = (
        source,
        settings.generator.adapter,
        settings.generator.quantization,
        settings.generator.dtype,
        written,
    )
    with _loading:
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = transformers.TransformersGenerator(
                source,
                adapter=settings.generator.adapter,
                quantization=settings.generator.quantization,
                dtype=settings.generator.dtype,
                name=model if folder else "",
            )
        return _loaded[key]


def weights_written(folder: str) -> tuple[int, ...]:
    """When the weight files of a model's folder were written, in ns; empty for a hub name."""
    place = Path(os.path.expanduser(folder))
    if not folder or not place.is_dir():
        return ()
    return tuple(sorted(path.stat().st_mtime_ns for path in place.glob("*.safetensors")))
