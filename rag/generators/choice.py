"""Which generator answers, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.answering.prompt import ANSWERING
from rag.answering.statement_prompt import STATING
from rag.answering.templates import read_record
from rag.config import Settings
from rag.generators.base import Generator
from rag.generators.loading import problem_of
from rag.generators.registry import load_generator, no_adapter
from rag.runtimes.choice import may_have_gpu

EXTRACTIVE = "extractive"
GPU_MODEL = "google/gemma-4-E2B-it"  # Apache-2.0, and no gate to pass


@dataclass(frozen=True, slots=True)
class ChosenGenerator:
    """A generator, None to quote the reviews without one, and why, in words for the screen."""

    generator: Generator | None
    reason: str


def choose_generator(settings: Settings) -> ChosenGenerator:
    """The generator that the settings name; for "auto" the first of these that can be had:

    the newest whole model that the user merged into `models_dir`; on a GPU, Gemma 4 E2B from a hub or its cache; else
    none, and the reviews are quoted, which was measured to be the best offline choice
    (docs/evaluation.md).
    """
    if settings.generator.name == EXTRACTIVE:
        return _quoting(settings, "it is what the settings name")
    if settings.generator.name != "auto":
        generator = load_generator(settings, settings.generator.name)
        return ChosenGenerator(generator, "it is what the settings name")
    name, reason = automatic(settings)
    if name == EXTRACTIVE:
        return _quoting(settings, reason)
    return ChosenGenerator(load_generator(settings, name), reason)


def automatic(settings: Settings) -> tuple[str, str]:
    """What "auto" stands for now: a name that `generator.name` takes, and why. Nothing is loaded."""
    passed_over = ""
    for merged in merged_models(settings.paths.models_dir):
        if problem := problem_of(merged):
            passed_over += f"; the merged model {merged.name} cannot be used: {problem}"
            continue
        where = settings.paths.models_dir
        return str(merged), f"it is the newest merged model in {where}/{passed_over}"
    gpu = gpu_available()
    if gpu and model_at_hand(GPU_MODEL):
        return GPU_MODEL, "there is a GPU, and this model can be had"
    missing = f"no way to get {GPU_MODEL} for the GPU" if gpu else "no GPU"
    words = merged_models(settings.paths.models_dir, (STATING,))
    offer = "" if words else " (make gemma adds a small model that says points in plain words)"
    return (
        EXTRACTIVE,
        f"there is no merged model that answers and {missing}; of what works offline, quoting the "
        f"reviews measured best{offer}{passed_over}",
    )


def _quoting(settings: Settings, reason: str) -> ChosenGenerator:
    if settings.generator.adapter:
        raise no_adapter(settings, "quotations, which need no language model")
    return ChosenGenerator(None, reason)


def merged_models(models_dir: Path, tuned_for: Sequence[str] = ("", ANSWERING)) -> list[Path]:
    """The folders in `models_dir` that hold a causal language model that was tuned for one of
    these, "" where its record does not say; newest first.
    """
    return [
        folder
        for folder in newest_first(models_dir, "config.json")
        if is_model(folder) and (read_record(folder).get("template") or "") in tuned_for
    ]


def newest_first(folder: Path, file: str) -> list[Path]:
    """The folders in `folder` that hold `file`, by when it was written; hidden ones are still being
    made.
    """
    dated: list[tuple[float, Path]] = []
    try:
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    for path in inside:
        try:
            dated.append(((path / file).stat().st_mtime, path))
        except OSError:  # not there, or gone since
            continue
    return [path for _, path in sorted(dated, key=lambda pair: (-pair[0], pair[1].name))]


def gpu_available() -> bool:
    """Whether torch sees a CUDA device. Where the system has none, torch is not asked, for it takes
    a second to load.
    """
    if not may_have_gpu():
        return False
    import torch

    return bool(torch.cuda.is_available())


def model_at_hand(name: str) -> bool:
    """Whether a hub model is in the local cache, or a hub that has it can be reached."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_OFFLINE

    # a config alone would be of no use
    weights = ("model.safetensors", "model.safetensors.index.json")
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
    tell. A sentence-transformers model, which embeds, has a modules.json beside them.
    """
    if (folder / "modules.json").exists():
        return False
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "model_type" in config and any(folder.glob("*.safetensors"))
