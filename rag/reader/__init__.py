"""The small model that judges: does a sentence answer the question, is it for or against, do
sentences bear a claim out?
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

from rag.config import GEMMA_BASE, Settings
from rag.reader.base import STANCES, Reader, Support
from rag.reader.judge import Judge
from rag.runtimes import Runtime, choose_runtime
from rag.schema import ModelError

__all__ = ["STANCES", "Reader", "Support", "load", "make_judge", "make_reader"]

_log = logging.getLogger(__name__)

NONE = "none"
BUNDLED = "bundled"


@lru_cache(maxsize=4)
def load(name: str = BUNDLED, runtime: Runtime | None = None) -> Reader:
    """The bundled reader, or for support any NLI model or cross-encoder, by hub name or folder.
    Loaded on first use. The `runtime` computes the bundled one, by default the best there is.
    """
    from rag.reader.bundled import BundledReader

    if name == BUNDLED:
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
        if name != BUNDLED:
            raise
        _log.warning("%s", error)
        return None
    return reader


def make_judge(settings: Settings, *, loaded: bool = True) -> Reader | None:
    """What checks the sentences of a language model in the reader's place: None where the settings
    name no judge or another reader, and where its base model is not there. Unless it is to be
    `loaded`, it is on first use, and raises `ModelError` then.
    """
    if settings.reader.judge == NONE or settings.reader.model != BUNDLED:
        return None
    configs = sorted(settings.paths.cache_dir.glob(f"{GEMMA_BASE}-*/config.json"))
    judge = _load_judge(configs[-1].parent) if configs else None
    try:
        if judge is not None and loaded:
            judge.support([(["It is quiet."], "It is quiet.")])
    except ModelError as error:
        _log.warning("%s The reader judges instead.", error)
        return None
    return judge


@lru_cache(maxsize=1)
def _load_judge(base: Path) -> Judge:
    return Judge(base)
