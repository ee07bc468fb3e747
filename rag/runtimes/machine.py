"""What this machine has, as far as the system tells."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.runtimes.base import threads

# what makes an encoder fast, by the names of Linux
_INSTRUCTIONS = (
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "bf16",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """`memory` and `free_disk` are bytes, of the folder asked about; 0 where it is not known."""

    processor: str
    cores: int
    instructions: tuple[str, ...]
    memory: int
    free_disk: int
    python: str

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """This machine; `folder` need not exist."""
        info = _processor()
        flags = set((info.get("flags") or info.get("Features") or "").split())
        present = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        return cls(
            processor=info.get("model name") or platform.processor() or platform.machine(),
            cores=threads(),
            instructions=tuple(name for name in _INSTRUCTIONS if name in flags),
            memory=_memory(),
            free_disk=shutil.disk_usage(present).free,
            python=platform.python_version(),
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _processor() -> dict[str, str]:
    """What Linux says of the first core; empty elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
