"""The small model that judges: does a sentence answer the question, is it for or against, do
sentences bear a claim out?
"""

from __future__ import annotations

import logging
from functools import lru_cache

from rag.config import Settings
from rag.reader.base import STANCES, Reader, Support
from rag.runtimes import Runtime, choose_runtime
from rag.schema import ModelError

__all__ = ["STANCES", "Reader", "Support", "load", "make_reader"]

_log = logging.getLogger(__name__)

NONE = "none"


@lru_cache(maxsize=4)
def load(name: str = "bundled", runtime: Runtime | None = None) -> Reader:
    """The bundled reader, or for support any NLI model or cross-encoder, by hub name or folder.
    Loaded on first use. The `runtime` computes the bundled one, by default the best there is.
    """
    from rag.reader.bundled import BundledReader

    if name == "bundled":
        return BundledReader(runtime=runtime)
    from rag.reader.nli import NliReader

    return NliReader(name, runtime)


def make_reader(settings: Settings) -> Reader | None:
    """The reader that the settings name, loaded; None where they name none, and where the bundled
    one cannot be loaded, for answers can do without. Raises `ModelError` for another.
    """
    name = settings.reader.model
    if name == NONE:
        return None
    reader = load(name, choose_runtime(settings))
    try:
        reader.support([(["It is quiet."], "It is quiet.")])
    except ModelError as error:
        if name != "bundled":
            raise
        _log.warning("%s", error)
        return None
    return reader
