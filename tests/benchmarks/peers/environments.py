"""A virtual environment for each system that is measured beside ours, made with pip once."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGES: Mapping[str, Sequence[str]] = {
    "langchain": ("langchain-core", "langchain-community", "langchain-huggingface"),
    "txtai": ("txtai",),
    "chroma": ("chromadb",),
    "llamaindex": ("llama-index-core", "llama-index-embeddings-huggingface"),
    "haystack": ("haystack-ai", "sentence-transformers-haystack"),
}
_PINNED = ("torch", "transformers", "sentence-transformers", "tokenizers", "faiss-cpu")


def python_of(system: str, folder: Path, constraints: Path) -> Path:
    """The interpreter of a system's environment in `folder`, which is made if it is missing.

    It sees the packages of this environment, too (torch, sentence-transformers, FAISS), so that all
    systems compute with the same versions of them, which are pinned, and little is fetched. Raises
    `RuntimeError` where pip fails.
    """
    home = folder / system
    python = home / "bin" / "python"
    done = home / "installed"
    if done.exists():
        return python
    print(f"Making {home}.", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", "--without-pip", str(home)])
    site = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    pinned = home / "constraints.txt"
    lines = constraints.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition("==")[0].strip() in _PINNED]
    pinned.write_text("\n".join(kept) + "\n", encoding="utf-8")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*command, "--constraint", str(pinned), *PACKAGES[system]])
    done.touch()
    return python


def _run(command: Sequence[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {finished.stderr.strip()[-2000:]}")
