"""Where a run keeps what it makes."""

from __future__ import annotations

from pathlib import Path

from finetune.recipe import Recipe
from rag.config import Settings
from rag.index.store import index_folder

DATA, ADAPTER, CHECKPOINTS = "data", "adapter", "checkpoints"
CHECKS_FILE = "checks.json"


def run_folder(settings: Settings, recipe: Recipe) -> Path:
    """The folder of a recipe's run. Raises `IndexFileError` for an output that would leave the
    folder of all runs.
    """
    return index_folder(settings.paths.runs_dir, recipe.output)  # a run's name is as an index's


def merged_folder(settings: Settings, recipe: Recipe) -> Path:
    """The folder of a recipe's merged model."""
    return settings.paths.models_dir / recipe.output
