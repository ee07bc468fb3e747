"""A larger judge for what a language model wrote: Gemma 3 270M with an adapter of this project's.

It reads far fewer pairs than the reader does, a few for each sentence of an answer, and may take
its time. For those who have Gemma installed; its terms hold for the adapter too.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.reader.base import Probabilities, Support
from rag.reader.missing import supports
from rag.schema import ModelError, first_line, well_formed

_log = logging.getLogger(__name__)

ADAPTER = Path(__file__).parents[2] / "finetune/adapters/gemma-3-270m-judge/adapter.safetensors"
_BATCH = 16


class Judge:
    """A `Reader` on a decoder-only model: `base` is its folder. Loaded on first use; threads take
    turns.
    """

    name = "the Gemma judge"

    def __init__(self, base: Path, adapter: Path = ADAPTER) -> None:
        self._base = base
        self._adapter = adapter
        self._lock = threading.RLock()
        self._loaded: tuple[Any, dict[str, float]] | None = None

    def _network(self) -> tuple[Any, dict[str, float]]:
        """The network and each head's temperature. Raises `ModelError`."""
        if self._loaded is None:
            import torch
            from safetensors import SafetensorError

            from rag.reader.decoder import DecoderNetwork, merge_adapter

            _log.info("Loading the judge %s.", self._base)
            fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
            dtype = torch.bfloat16 if fast else torch.float32
            try:
                network = DecoderNetwork.untrained(self._base, dtype)
                metadata = merge_adapter(network, self._adapter)
                temperatures = json.loads(metadata["temperatures"])
            except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
                raise ModelError(
                    f"Cannot load the judge {self._adapter} on {self._base}: {first_line(error)} "
                    'Install the model again, or set reader.judge to "none".'
                ) from error
            self._loaded = network.eval(), temperatures
        return self._loaded

    def support(
        self, pairs: Sequence[tuple[Sequence[str], str]], known: Sequence[str] = ()
    ) -> list[Support]:
        """See `Reader`. Evidence that is too long is cut. Raises `ModelError`."""
        evidence = [" ".join(sentences) for sentences, _ in pairs]
        claims = [claim for _, claim in pairs]
        rows = self._judged([*zip(evidence, claims, strict=True)], "support")
        return supports(rows, evidence, claims, known)

    def stance(self, pairs: Sequence[tuple[str, str]]) -> Probabilities:
        """See `Reader`. Raises `ModelError`."""
        return self._judged(pairs, "stance")

    def answers(self, question: str, sentences: Sequence[str]) -> Probabilities:
        """See `Reader`. Raises `ModelError`."""
        return self._judged([(question, sentence) for sentence in sentences], "answers")[:, 1]

    def _judged(self, pairs: Sequence[tuple[str, str]], head: str) -> Probabilities:
        from rag.reader.decoder import probabilities

        texts = [(well_formed(first), well_formed(second)) for first, second in pairs]
        with self._lock:
            network, temperatures = self._network()
            return probabilities(
                network, texts, head, temperature=temperatures[head], batch_size=_BATCH
            )
