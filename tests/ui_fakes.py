"""Ten reviews for the app's tests, one of them hostile, and a generator too slow to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rag.config import Settings
from rag.generators.base import never_cancelled
from rag.index import build_index
from rag.schema import Message, Review
from tests.fakes import FakeEmbedder

XSS = (
    '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">'
    "<a href='javascript:window.pwned=1'>x</a>"
)
_PADDING = (
    "I watched it on a train. The coffee was cold and the seat was hard. Nobody else in the "
    "carriage looked up. " * 3
)

REVIEWS = (
    Review(
        "r1",
        "The guards in masks are terrible actors. " + _PADDING,
        "Masks",
        3,
        0,
        10,
        "2021-09-20",
        "ann",
        "",
        12,
    ),
    Review(
        "r2",
        "The masks and the guards looked wonderful. I loved every costume.",
        "Costumes",
        9,
        0,
        10,
        "2021-09-21",
    ),
    Review(
        "r3",
        f"The villain in the mask is dull {XSS} and badly written.",
        XSS,
        2,
        0,
        10,
        XSS,
        XSS,
        XSS,
    ),
    Review("r4", "Masks hide the acting of the guards, and that is a pity.", "", 5, 0, 10),
    Review("r5", "The ending was rushed. It left me cold.", "Ending", 4, 0, 10),
    Review("r6", "A moving ending, I cried for an hour 😭.", "Tears", 10, 0, 10, author="bea"),
    Review("r7", "The music is haunting. I hum it at work.", "Music", 8, 0, 10),
    Review("r8", "Marbles broke my heart. The best episode by far.", "Marbles", 10, 0, 10),
    Review(
        "r9", "Too much blood for my taste.\n\nI stopped after the first game.", "Blood", 3, 0, 10
    ),
    Review("r10", "The game with the doll was clever and tense.", "Doll", 8, 0, 10),
)
QUESTION = "What about the masks of the guards?"
UNANSWERED = "Zebra quantum helicopter?"


class SlowGenerator:
    """Writes one word every tenth of a second, for longer than a test waits."""

    name = "slow"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return 0

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str]:
        for number in range(600):
            if cancelled():
                return
            time.sleep(0.1)
            yield f"<b>word</b>{number} "


def build_fake_index(
    folder: Path, name: str = "masks", reviews: Sequence[Review] = REVIEWS
) -> None:
    """An index of `reviews` for `FakeEmbedder` in `folder`."""
    settings = Settings()
    build_index(
        reviews,
        FakeEmbedder(),
        folder / name,
        chunking=settings.index.chunking,
        chunk_tokens=settings.index.chunk_tokens,
    )
