"""The reader that the project ships: a small network with three heads, trained by `finetune.reader`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.reader.base import Probabilities, Support
from rag.reader.missing import supports
from rag.schema import ModelError, first_line, well_formed

_log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "reader.safetensors"
_BATCH = 64


class BundledReader:
    """Loaded on first use; threads take turns."""

    name = "the bundled reader"

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights
        self._lock = threading.RLock()
        self._loaded: tuple[Any, Any, dict[str, float]] | None = None

    def _network(self) -> tuple[Any, Any, dict[str, float]]:
        """The network, its tokenizer and each head's temperature. Raises `ModelError`."""
        if self._loaded is None:
            from safetensors import SafetensorError

            _log.info("Loading the reader.")
            try:
                from rag.reader.network import load_difference, lower_precision

                network, tokenizer, metadata = load_difference(self._weights)
                temperatures = json.loads(metadata["temperatures"])
            except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
                raise ModelError(
                    f"Cannot load the reader's weights {self._weights}: {first_line(error)} "
                    "Install the project again."
                ) from error
            self._loaded = lower_precision(network), tokenizer, temperatures
        return self._loaded

    def support(
        self, pairs: Sequence[tuple[Sequence[str], str]], known: Sequence[str] = ()
    ) -> list[Support]:
        """See `Reader`. Evidence that is too long is read in windows, and what bears the claim out
        best decides; else what contradicts it most.
        """
        evidence = [" ".join(sentences) for sentences, _ in pairs]
        rows = self._windowed(
            [(text, claim) for text, (_, claim) in zip(evidence, pairs, strict=True)],
            "support",
            lambda windows: windows[int(np.argmax(windows[:, :2].max(axis=1)))],
        )
        return supports(rows, evidence, [claim for _, claim in pairs], known)

    def stance(self, pairs: Sequence[tuple[str, str]]) -> Probabilities:
        """See `Reader`. A sentence that is too long is read in windows; their mean counts."""
        return self._windowed(pairs, "stance", lambda windows: windows.mean(axis=0))

    def answers(self, question: str, sentences: Sequence[str]) -> Probabilities:
        """See `Reader`. Of a sentence that is too long, the window that answers best counts."""
        pairs = [(question, sentence) for sentence in sentences]
        return self._windowed(
            pairs, "answers", lambda windows: windows[int(np.argmax(windows[:, 1]))]
        )[:, 1]

    def _windowed(
        self,
        pairs: Sequence[tuple[str, str]],
        head: str,
        combined: Callable[[Probabilities], Probabilities],
    ) -> Probabilities:
        """(len(pairs), labels of the head) probabilities. The text that is judged is cut into
        windows where it is too long: the first of a pair for "support", else the second.
        """
        with self._lock:
            network, tokenizer, temperatures = self._network()
            judged = 0 if head == "support" else 1
            owners: list[int] = []
            windows: list[tuple[str, str]] = []
            for place, pair in enumerate(pairs):
                texts = well_formed(pair[0]), well_formed(pair[1])
                for window in windows_of(tokenizer, texts[judged], texts[1 - judged]):
                    owners.append(place)
                    windows.append((window, texts[1]) if head == "support" else (texts[0], window))
            rows = _probabilities(network, tokenizer, windows, head, temperatures[head])
        if len(windows) == len(pairs):
            return rows
        owner = np.array(owners)
        return np.stack([combined(rows[owner == place]) for place in range(len(pairs))])


def windows_of(tokenizer: Any, text: str, beside: str) -> list[str]:
    """`text` itself, or where it is too long beside the other text, pieces of it that half overlap."""
    from rag.reader.network import MOST_TOKENS

    if len(text) + len(beside) < MOST_TOKENS:  # a token has a character at least
        return [text]
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    spans = offsets["offset_mapping"]
    taken = len(tokenizer(beside, add_special_tokens=False, verbose=False)["input_ids"])
    room = max(MOST_TOKENS - taken - 3, MOST_TOKENS // 2)
    if len(spans) <= room:
        return [text]
    starts = range(0, len(spans) - room // 2, room // 2)
    return [text[spans[at][0] : spans[min(at + room, len(spans)) - 1][1]] for at in starts]


def _probabilities(
    network: Any, tokenizer: Any, pairs: Sequence[tuple[str, str]], head: str, temperature: float
) -> Probabilities:
    """(len(pairs), labels of the head), longest pairs first, so that batches have little padding."""
    import torch

    from rag.reader.network import HEADS, encode

    rows = np.empty((len(pairs), len(HEADS[head])), dtype=np.float32)
    order = sorted(
        range(len(pairs)), key=lambda place: -len(pairs[place][0]) - len(pairs[place][1])
    )
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        with torch.inference_mode():
            logits = network(encode(tokenizer, [pairs[place] for place in places]), head)
            rows[places] = (logits.float() / temperature).softmax(dim=-1).numpy()
    return rows
