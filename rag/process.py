"""What an entry point (the command, the app, a job) sets in its process."""

from __future__ import annotations

import os


def passive_threads() -> None:
    """Let OpenMP's threads sleep while they wait. Call it before torch or faiss is loaded.

    By default they spin, and where something else runs on the same cores, each waits for one that
    is not running: on two cores of which one was busy, a question took 431 ms to embed and not 12,
    and 67 sentences a second were embedded and not 439.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def safe_imports() -> None:
    """Let the Python processes that this one starts import nothing from the working folder, where
    anybody's files may lie: a `json.py` in it is not ours.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
