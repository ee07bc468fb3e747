"""Answers from reviews that can be checked.

    import rag

    index = rag.build("reviews.csv", name="my-hotel")
    answer = index.ask("Is it quiet at night?")

`open` and `build` give an `Index`; its `ask` gives an `Answer`. Everything else is loaded when it is
first used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rag.lazy import exporter

if TYPE_CHECKING:
    from rag.answer import Answer, AnswerSentence, Citation
    from rag.config import Settings, load_settings
    from rag.library import Index, build, open
    from rag.schema import RetrievedChunk, Review, ReviewQAError
    from rag.topics import Topic

# numpy's OpenBLAS reads this when it is loaded: its threads spin for 30 ms after each product, and
# those of the model that comes next wait for them. An answer took 2.1 s and takes 1.6.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2 ** 4 turns of the loop, not 2 ** 26

__all__ = [
    "Answer",
    "AnswerSentence",
    "Citation",
    "Index",
    "RetrievedChunk",
    "Review",
    "ReviewQAError",
    "Settings",
    "Topic",
    "build",
    "load_settings",
    "open",
]

__getattr__ = exporter(
    "rag",
    {
        "rag.answer": ("Answer", "AnswerSentence", "Citation"),
        "rag.config": ("Settings", "load_settings"),
        "rag.library": ("Index", "build", "open"),
        "rag.schema": ("RetrievedChunk", "Review", "ReviewQAError"),
        "rag.topics": ("Topic",),
    },
)


def __dir__() -> list[str]:
    return __all__
