"""Models tuned on one's own reviews.

    import finetune

    finetune.run("gemma-2b-it", index="my-hotel", questions=["asked.jsonl"])

`run` goes through all stages; `make_data`, `check`, `train`, `merge` and `compare` are one each.
Everything is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune.comparison import Compared
    from finetune.data.make import MadeData
    from finetune.events import TrainingStep
    from finetune.merging import Merged
    from finetune.preflight.checks import Check
    from finetune.recipe import Recipe, load_recipe, recipe_names
    from finetune.stages import (
        Checked,
        CompareOn,
        RunResult,
        check,
        compare,
        make_data,
        merge,
        preview,
        run,
        train,
    )
    from finetune.training.trainer import Trained
    from finetune.training.watch import Interrupted

__all__ = [
    "Check",
    "Checked",
    "CompareOn",
    "Compared",
    "Interrupted",
    "MadeData",
    "Merged",
    "Recipe",
    "RunResult",
    "Trained",
    "TrainingStep",
    "check",
    "compare",
    "load_recipe",
    "make_data",
    "merge",
    "preview",
    "recipe_names",
    "run",
    "train",
]

_PLACES = {
    "finetune.comparison": ("Compared",),
    "finetune.data.make": ("MadeData",),
    "finetune.events": ("TrainingStep",),
    "finetune.merging": ("Merged",),
    "finetune.preflight.checks": ("Check",),
    "finetune.recipe": ("Recipe", "load_recipe", "recipe_names"),
    "finetune.stages": (
        *("Checked", "CompareOn", "RunResult"),
        *("check", "compare", "make_data", "merge", "preview", "run", "train"),
    ),
    "finetune.training.trainer": ("Trained",),
    "finetune.training.watch": ("Interrupted",),
}


def __getattr__(name: str) -> Any:
    """A public name, from its module, on first use (PEP 562)."""
    import importlib

    for module, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'finetune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
