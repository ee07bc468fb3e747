"""The reader that the project ships: a small network with three heads, trained by `finetune.reader`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.reader.base import Probabilities, Support
from rag.reader.heads import HEADS, MOST_TOKENS, ReaderWeights, features
from rag.reader.missing import supports
from rag.runtimes import Encoder, Runtime, choose_runtime, load_encoder
from rag.runtimes.bert import read_bert
from rag.runtimes.bundled import bundled_embedder_folder
from rag.runtimes.tokenizer import Tokenizer
from rag.schema import ModelError, first_line, well_formed

_log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "reader.safetensors"


@dataclass(frozen=True, slots=True)
class _Loaded:
    encoder: Encoder
    tokenizer: Tokenizer
    weights: ReaderWeights
    temperatures: dict[str, float]


class BundledReader:
    """Loaded on first use; threads take turns. The `runtime` computes it, by default the best there
    is.
    """

    name = "the bundled reader"

    def __init__(self, weights: Path = WEIGHTS, runtime: Runtime | None = None) -> None:
        self._weights = weights
        self._runtime = runtime
        self._lock = threading.RLock()
        self._loaded: _Loaded | None = None

    def _network(self) -> _Loaded:
        """Raises `ModelError`."""
        if self._loaded is None:
            _log.info("Loading the reader.")
            folder = bundled_embedder_folder()
            try:
                weights = ReaderWeights.read(self._weights)
                temperatures = json.loads(weights.metadata["temperatures"])
                base = read_bert(folder)
                bert = replace(base, tensors=weights.applied_to(base.tensors))
                encoder = load_encoder(bert, self._runtime or choose_runtime())
                tokenizer = Tokenizer(folder, MOST_TOKENS)
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                raise ModelError(
                    f"Cannot load the reader's weights {self._weights}: {first_line(error)} "
                    "Install the project again."
                ) from error
            self._loaded = _Loaded(encoder, tokenizer, weights, temperatures)
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
            loaded = self._network()
            judged = 0 if head == "support" else 1
            owners: list[int] = []
            windows: list[tuple[str, str]] = []
            for place, pair in enumerate(pairs):
                texts = well_formed(pair[0]), well_formed(pair[1])
                for window in windows_of(loaded.tokenizer, texts[judged], texts[1 - judged]):
                    owners.append(place)
                    windows.append((window, texts[1]) if head == "support" else (texts[0], window))
            rows = _probabilities(loaded, windows, head)
        if len(windows) == len(pairs):
            return rows
        owner = np.array(owners)
        return np.stack([combined(rows[owner == place]) for place in range(len(pairs))])


def windows_of(tokenizer: Tokenizer, text: str, beside: str) -> list[str]:
    """`text` itself, or where it is too long beside the other text, pieces of it that half overlap."""
    if len(text) + len(beside) < MOST_TOKENS:  # a token has a character at least
        return [text]
    spans = tokenizer.spans(text)
    (taken,) = tokenizer.count([beside])
    room = max(MOST_TOKENS - taken - 3, MOST_TOKENS // 2)
    if len(spans) <= room:
        return [text]
    starts = range(0, len(spans) - room // 2, room // 2)
    return [text[spans[at][0] : spans[min(at + room, len(spans)) - 1][1]] for at in starts]


def _probabilities(loaded: _Loaded, pairs: Sequence[tuple[str, str]], name: str) -> Probabilities:
    """(len(pairs), labels of the head of this name)."""
    rows = np.empty((len(pairs), len(HEADS[name])), dtype=np.float32)
    head, temperature = loaded.weights.heads[name], loaded.temperatures[name]
    for places, batch in loaded.tokenizer.batches(pairs):
        seen = features(loaded.encoder.states(batch), batch)
        rows[places] = head.probabilities(seen, temperature)
    return rows
