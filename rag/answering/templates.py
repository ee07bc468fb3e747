"""Which prompt a tuned model was tuned on: recorded beside its weights, and a mismatch is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rag.answering import prompt, statement_prompt
from rag.schema import ModelError

RECORD = "training.json"  # in the folder of an adapter or of a merged model
HASHES = {
    prompt.ANSWERING: prompt.template_hash,
    statement_prompt.STATING: statement_prompt.template_hash,
}
"""What a model may be tuned for, and the hash of that prompt."""


def check_template(*folders: str, tuned_for: str = prompt.ANSWERING) -> None:
    """Refuse a model or an adapter in one of the folders that was tuned on another prompt; one with
    no prompt on record, as models from elsewhere are, is taken.

    Raises `ModelError`: the model would be asked in words that it was not tuned on, and would be
    worse for it without anybody's noticing.
    """
    for folder in filter(None, folders):
        record = _record(Path(os.path.expanduser(folder)))
        kind = record.get("template") or ""
        if kind not in ("", tuned_for):
            raise ModelError(
                f'"{folder}" was tuned for "{kind}", and is asked for "{tuned_for}". Name a model '
                "that was tuned for that, or tune one (reviewqa finetune run)."
            )
        if kind and record.get("template_hash") != HASHES[kind]():
            raise ModelError(
                f'"{folder}" was tuned on another prompt than this version writes, and would '
                "answer worse without a sign of it. Tune it again (reviewqa finetune run), or use "
                "the version of the program that tuned it."
            )
        if kind:
            return


def read_record(folder: Path) -> dict[str, Any]:
    """The record in the folder of an adapter or a merged model; empty where there is none, or it is
    not one.
    """
    try:
        return _record(folder)
    except ModelError:
        return {}


def _record(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"Cannot read {folder / RECORD}, the record of how this model was tuned: {error}."
        ) from error
    return found if isinstance(found, dict) else {}
