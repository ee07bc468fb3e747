"""Support judged by a model of another's: any for natural language inference, or a cross-encoder
with one score. For stance and answers it asks the bundled reader.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.logging import quiet_libraries
from rag.reader.base import Probabilities, Support
from rag.reader.bundled import BundledReader
from rag.reader.missing import supports
from rag.runtimes import Runtime
from rag.schema import ModelError, first_line, well_formed

_log = logging.getLogger(__name__)

_BATCH = 32
_MOST_TOKENS = 512
_BEGINNINGS = {  # of label names, in lower case
    "entailed": ("entail", "support", "consistent", "true", "yes", "label_1"),
    "contradicted": ("contradict", "refute"),
    "not_stated": ("neutral", "not enough", "not_enough", "unrelated"),
}


class NliReader:
    """A model with labels such as entailment, neutral and contradiction (`cross-encoder/nli-*`), or
    with two or one that say only whether a claim is borne out (MiniCheck, Tang et al. 2024).
    """

    def __init__(self, name: str, runtime: Runtime | None = None) -> None:
        self.name = Path(name).name
        self._where = name
        self._lock = threading.RLock()
        self._loaded: tuple[Any, Any] | None = None
        self._bundled = BundledReader(runtime=runtime)

    def support(
        self, pairs: Sequence[tuple[Sequence[str], str]], known: Sequence[str] = ()
    ) -> list[Support]:
        """See `Reader`. Raises `ModelError`."""
        evidence = [" ".join(map(well_formed, sentences)) for sentences, _ in pairs]
        claims = [well_formed(claim) for _, claim in pairs]
        rows = self._probabilities(evidence, claims)
        return supports(rows, evidence, claims, known)

    def stance(self, pairs: Sequence[tuple[str, str]]) -> Probabilities:
        """The bundled reader's."""
        return self._bundled.stance(pairs)

    def answers(self, question: str, sentences: Sequence[str]) -> Probabilities:
        """The bundled reader's."""
        return self._bundled.answers(question, sentences)

    def _probabilities(self, evidence: Sequence[str], claims: Sequence[str]) -> Probabilities:
        """(claims, 3): entailed, contradicted, not stated."""
        import torch

        rows = np.zeros((len(claims), 3), dtype=np.float32)
        with self._lock:
            model, tokenizer = self._model()
            for start in range(0, len(claims), _BATCH):
                some = slice(start, start + _BATCH)
                batch = tokenizer(
                    list(evidence[some]),
                    list(claims[some]),
                    truncation="only_first",
                    max_length=min(_MOST_TOKENS, tokenizer.model_max_length),
                    padding=True,
                    return_tensors="pt",
                )
                with torch.inference_mode():
                    logits = model(**batch).logits.float()
                if logits.shape[1] == 1:
                    entailed = logits[:, 0].sigmoid().numpy()
                    rows[some] = np.stack([entailed, np.zeros_like(entailed), 1 - entailed], axis=1)
                else:
                    places = label_places(model.config.id2label)
                    values = logits.softmax(dim=-1).numpy()
                    for label, place in places.items():
                        rows[some, place] += values[:, label]
        return rows

    def _model(self) -> tuple[Any, Any]:
        if self._loaded is None:
            quiet_libraries()
            _log.info("Loading the reader %s.", self._where)
            from safetensors import SafetensorError
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            try:
                model = AutoModelForSequenceClassification.from_pretrained(
                    self._where, use_safetensors=True, trust_remote_code=False
                )
                tokenizer = AutoTokenizer.from_pretrained(self._where, trust_remote_code=False)
                if model.config.num_labels > 1:
                    label_places(model.config.id2label)
            except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
                raise ModelError(
                    f'Cannot load the reader "{self._where}": {first_line(error)} Set reader.model to '
                    '"bundled", or to the name or folder of a model for natural language inference.'
                ) from error
            self._loaded = model.eval(), tokenizer
        return self._loaded


def label_places(names: Mapping[int, str]) -> dict[int, int]:
    """Of each label of a model which column it is added to: 0 entailed, 1 contradicted, 2 not
    stated. Raises `ValueError` where none of them is entailment.
    """
    columns = list(_BEGINNINGS)
    places: dict[int, int] = {}
    for label, name in names.items():
        plain = str(name).lower().replace("-", "_")
        place = next(
            (
                columns.index(column)
                for column, starts in _BEGINNINGS.items()
                if plain.startswith(starts)
            ),
            2,
        )
        places[int(label)] = place
    if 0 not in places.values():
        raise ValueError(
            f"its labels {', '.join(map(str, names.values()))} do not say which is entailment."
        )
    return places
