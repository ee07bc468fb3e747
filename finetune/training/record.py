"""What is kept beside an adapter or a merged model: all that is needed to repeat it, and to refuse
a wrong use.
"""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe
from rag.answering.templates import HASHES, RECORD
from rag.schema import ModelError

_LIBRARIES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "accelerate",
    "datasets",
    "reviewqa",
)


def new_record(recipe: Recipe, data_sha256: str) -> dict[str, Any]:
    """The record of a training that is about to begin."""
    template = recipe.data.template
    return {
        "base_model": recipe.base_model,
        "output": recipe.output,
        "template": template,
        "template_hash": HASHES[template]() if template else "",
        "recipe": recipe.model_dump(),
        "data_sha256": data_sha256,
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "git": git_state(),
    }


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write a record into a folder. Raises `ModelError` where that cannot be done."""
    try:
        (folder / RECORD).write_text(
            json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise ModelError(f"Cannot write {folder / RECORD}: {error.strerror}.") from error


def same_work(record: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two records are of the same recipe, data and prompt, so that one's result can stand
    for the other's.
    """
    keys = ("recipe", "data_sha256", "template_hash")
    return json.dumps([record.get(key) for key in keys], sort_keys=True) == json.dumps(
        [other.get(key) for key in keys], sort_keys=True
    )


def git_state() -> dict[str, str]:
    """The commit that the program is at, and whether files differ from it; empty outside a
    checkout.
    """
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "changed": "yes" if git("status", "--porcelain") else "no",
        }
    except (OSError, subprocess.SubprocessError):
        return {}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
