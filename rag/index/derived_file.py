"""Files of JSON beside an index's others that hold what follows from its reviews, by rules that may
change: what other rules made is made again, and what this program does not write is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.files import read_small
from rag.index.manifest import Manifest

Stored = TypeVar("Stored", bound=BaseModel)


class _Rules(BaseModel):
    model_config = ConfigDict(strict=True)

    rules: int


def encoded(values: Mapping[str, Any], rules: int) -> bytes:
    """The content of such a file."""
    return json.dumps(
        {"rules": rules, **values}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def read(
    generation: Path, manifest: Manifest, name: str, stored: type[Stored], rules: int, largest: int
) -> Stored | None:
    """What the file `name` of a generation holds, None where there is none or it is of other rules
    than these. Raises `OSError`, `ValueError` for a file that this program does not write, or of
    more than `largest` bytes.
    """
    if name not in manifest.files:
        return None
    content = read_small(generation / name, largest)
    try:
        if _Rules.model_validate_json(content).rules != rules:
            return None
        return stored.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        what = name.removesuffix(".json")
        raise ValueError(f"{name} holds no {what}: {where} {first['msg']}") from error
