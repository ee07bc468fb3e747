"""Which generator answers, and why."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path

from rag.answering.extractive import ExtractiveGenerator
from rag.answering.templates import check_template
from rag.config import BUNDLED_GENERATOR, Settings
from rag.embedding import Embedder
from rag.generators.base import Generator
from rag.reader.stance import LeaningModel
from rag.schema import SettingsError

GPU_MODEL = "google/gemma-4-E2B-it"  # Apache-2.0, and no gate to pass


@dataclass(frozen=True, slots=True)
class ChosenGenerator:
    """A generator and the reason it was chosen, in words for the screen."""

    generator: Generator
    reason: str


def choose_generator(
    settings: Settings, embedder: Embedder, leaning: LeaningModel
) -> ChosenGenerator:
    """The generator that the settings name; for "auto" the first of these that can be had:

    a model the user merged into `models_dir`; on a GPU, Gemma 4 E2B from a hub or its cache; else
    the extractive digest, which was measured to be the best offline choice (README, "Which
    generator").
    """
    if settings.generator.name != "auto":
        return ChosenGenerator(_named(settings, embedder, leaning), "it is what the settings name")
    merged = newest_merged_model(settings.paths.models_dir)
    if merged is not None:
        reason = f"it is the newest merged model in {settings.paths.models_dir}/"
        return ChosenGenerator(_transformers(settings, str(merged)), reason)
    gpu = gpu_available()
    if gpu and model_at_hand(GPU_MODEL):
        return ChosenGenerator(
            _transformers(settings, GPU_MODEL),
            "there is a GPU, and this model can be had",
        )
    missing = f"no way to get {GPU_MODEL} for the GPU" if gpu else "no GPU"
    reason = f"there is no merged model and {missing}; of what works offline, quoting the reviews measured best"
    return ChosenGenerator(
        _without_adapter(settings, ExtractiveGenerator(embedder, leaning)), reason
    )


def _named(settings: Settings, embedder: Embedder, leaning: LeaningModel) -> Generator:
    if settings.generator.name == "extractive":
        return _without_adapter(settings, ExtractiveGenerator(embedder, leaning))
    if settings.generator.name != "openai":
        return _transformers(settings, settings.generator.name)
    from rag.generators.openai import OpenAIGenerator

    generator = OpenAIGenerator(
        settings.openai.base_url,
        model=settings.openai.model,
        api_key_env=settings.openai.api_key_env,
        timeout_s=settings.openai.timeout_s,
        retries=settings.openai.retries,
    )
    return _without_adapter(settings, generator)


def _without_adapter(settings: Settings, generator: Generator) -> Generator:
    if settings.generator.adapter:
        raise SettingsError(
            f'The adapter "{settings.generator.adapter}" cannot be put on {generator.name}. '
            "Name its base model: generator.name = <hub name or folder>."
        )
    return generator


def newest_merged_model(models_dir: Path) -> Path | None:
    """The most recently written folder in `models_dir` that holds a causal language model."""
    if not models_dir.is_dir():
        return None
    found = [folder for folder in models_dir.iterdir() if is_model(folder)]
    return max(found, key=lambda folder: (folder / "config.json").stat().st_mtime, default=None)


def gpu_available() -> bool:
    """Whether torch sees a CUDA device."""
    import torch

    return bool(torch.cuda.is_available())


def model_at_hand(name: str) -> bool:
    """Whether a hub model is in the local cache, or a hub that has it can be reached."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_OFFLINE

    weights = (
        "model.safetensors",
        "model.safetensors.index.json",
    )  # a config alone would be of no use
    if any(isinstance(try_to_load_from_cache(name, file), str) for file in weights):
        return True
    if HF_HUB_OFFLINE:
        return False
    try:
        HfApi().model_info(name, timeout=3)
    except Exception:  # whatever the hub's client raises, the model cannot be had now
        return False
    return True


def is_model(folder: Path) -> bool:
    """Whether a folder holds a causal language model, as far as its files' names and config.json
    tell.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "model_type" in config and any(folder.glob("*.safetensors"))


_loaded: dict[tuple[object, ...], Generator] = {}
_loading = threading.Lock()


def _written(folder: str) -> tuple[int, ...]:
    """When the files of a model's folder were written, in ns; empty for a name on a hub."""
    place = Path(folder).expanduser()
    if not folder or not place.is_dir():
        return ()
    return tuple(sorted(path.stat().st_mtime_ns for path in place.glob("*.safetensors")))


def _transformers(settings: Settings, model: str) -> Generator:
    """The model, loaded once however many pipelines ask for it; another one takes its place in
    memory.

    Raises `ModelError` where it was tuned on another prompt.
    """
    from rag.generators.bundled import smollm2_folder
    from rag.generators.transformers import TransformersGenerator

    bundled = model == BUNDLED_GENERATOR
    folder = str(smollm2_folder(settings.paths.cache_dir)) if bundled else model
    check_template(folder, settings.generator.adapter)
    written = (
        _written(folder),
        _written(settings.generator.adapter),
    )  # a model may be tuned or merged again under its name
    key = (
        model,
        settings.generator.adapter,
        settings.generator.quantization,
        settings.generator.dtype,
        written,
    )
    with _loading:
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = TransformersGenerator(
                folder,
                adapter=settings.generator.adapter,
                quantization=settings.generator.quantization,
                dtype=settings.generator.dtype,
                name=model if bundled else "",
            )
        return _loaded[key]
