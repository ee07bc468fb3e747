"""Packages whose public names are loaded when they are first used (PEP 562), so that a command takes
only what it needs: pydantic, pyarrow and faiss cost a third of a second together.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def exporter(package: str, places: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: `places` has the public names by the module they stand in."""
    module_of = {name: module for module, names in places.items() for name in names}

    def public_name(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module_of[name]), name)

    return public_name
