"""A small hotel to tune on: what two guests each said about six things, and a recipe for a tiny
model.
"""

from __future__ import annotations

from pathlib import Path

ASPECTS = {
    "pool": ("The swimming pool was warm and clean.", "The swimming pool was cold and dirty."),
    "bed": ("The mattress was soft and I slept well.", "The mattress was hard as a board."),
    "lift": ("The lift came at once.", "The lift was broken all week."),
    "food": ("Breakfast had fresh bread.", "Breakfast was stale and cold."),
    "staff": ("The receptionist was kind to us.", "The receptionist was rude to us."),
    "wifi": ("The internet was fast in our room.", "The internet failed every evening."),
}
HELD_OUT = ("staff", "wifi")
_RECIPE = """
base_model = "{base}"
output = "mine"
licence = "none needed"
[data]
examples = ["answers", "tasks"]
distractors = 1
held_out = 0.3
max_length = 3000
[lora]
r = 4
lora_alpha = 8
target_modules = [{targets}]
[training]
per_device_train_batch_size = 2
learning_rate = 1e-2
logging_steps = 1
"""


def split_of(aspect: str) -> str:
    """Which split the question about an aspect is in."""
    return "dev" if aspect in HELD_OUT else "train"


def write_recipe(file: Path, base: Path, *targets: str) -> None:
    """Write a recipe for this base model, with LoRA on these modules."""
    names = ", ".join(f'"{target}"' for target in targets)
    file.write_text(_RECIPE.format(base=base, targets=names), encoding="utf-8")
