"""Adapters that come with the program, each for a base model that is installed on request: merged
on the user's machine, since the weights of the base are not ours to hand on.
"""

from __future__ import annotations

from pathlib import Path

from finetune.merging import INTO_ORIGINAL, Merged, merge_into_base
from finetune.recipe import load_recipe
from rag.answering.templates import read_record
from rag.config import Settings
from rag.files import sha256_of
from rag.progress import Progress, no_progress
from rag.schema import ModelError

ADAPTERS = Path(__file__).parent / "adapters"
STATEMENT_WRITER = "gemma-3-270m-statement"
"""Words counted points; see `rag.answering.wording`."""

_WEIGHTS, _SUM = "adapter_model.safetensors", "adapter_model.sha256"


def merge_shipped(name: str, settings: Settings, progress: Progress = no_progress) -> Merged:
    """Merge the adapter that comes with the program into its base model, as ``models_dir/<name>``.

    Raises `ModelError`: there is none of that name, or it is not the one that was shipped; no base
    model, no room.
    """
    folder = ADAPTERS / name
    try:
        expected = (folder / _SUM).read_text(encoding="ascii").split()[0]
        found = sha256_of(folder / _WEIGHTS)
    except (OSError, IndexError) as error:
        raise ModelError(f"The adapter {name} is not here: {error}. Install again.") from error
    if found != expected:
        raise ModelError(
            f"{folder / _WEIGHTS} is not the file expected (SHA-256 {found}, not {expected}). "
            "Install the program again."
        )
    way = read_record(folder).get("merge", {}).get("way", INTO_ORIGINAL)
    return merge_into_base(load_recipe(name), settings, way=way, adapter=folder, progress=progress)
