"""Any sentence-transformers model as an `Embedder`."""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rag.config import BUNDLED_EMBEDDER
from rag.embedding.base import Vectors
from rag.files import sha256_of
from rag.logging import quiet_libraries
from rag.progress import Progress, no_progress
from rag.runtimes import Runtime, choose_runtime
from rag.runtimes.bundled import BUNDLED_SHA256, bundled_embedder_folder
from rag.runtimes.sentence import SentenceEncoder, SentenceModel
from rag.schema import ModelError, first_line, well_formed

_log = logging.getLogger(__name__)

# Prompts that a model was trained with and does not always bring in its configuration: (name,
# question's, review's).
_KNOWN_PROMPTS = (
    (re.compile(r"(?:^|[-_])e5(?:[-_]|$)"), "query: ", "passage: "),
    (
        re.compile(r"^bge-(?:small|base|large)-en"),
        "Represent this sentence for searching relevant passages: ",
        "",
    ),
)
SENTENCE_TRANSFORMERS = Runtime("torch", "float32")
"""What computed the vectors of an index that does not say: sentence-transformers does, this way."""


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, by hub name or folder; loaded on first use. Threads may
    share it: they take turns, for its tokenizer has settings that change with each call.

    `dimension` cuts the vectors (matryoshka representations, Kusupati et al. 2022; only for models
    trained for it), 0 leaves them whole. The prompts are put before questions and before reviews;
    None takes the model's own, or those that its family is known for.

    A plain BERT model in a folder, as the bundled one is, is computed by the `runtime` (by default,
    the best there is); any other by sentence-transformers, which takes seconds to load.
    """

    def __init__(
        self,
        name: str = BUNDLED_EMBEDDER,
        *,
        batch_size: int = 64,
        device: str | None = None,
        dimension: int = 0,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        runtime: Callable[[], Runtime] = choose_runtime,
    ) -> None:
        self.name = name
        self._cut_to = dimension
        self._stated_prompts = {"query": query_prompt, "document": document_prompt}
        self._batch_size = batch_size
        self._device = device
        self._choose_runtime = runtime
        self._lock = threading.RLock()
        self._loaded: Any = None

    @functools.cached_property
    def _folder_or_name(self) -> str:
        return str(bundled_embedder_folder()) if self.name == BUNDLED_EMBEDDER else self.name

    @functools.cached_property
    def _plain(self) -> SentenceModel | None:
        """What the folder says of the model, where a runtime computes it."""
        return SentenceModel.of(Path(self._folder_or_name)) if self._device is None else None

    @functools.cached_property
    def _encoder(self) -> SentenceEncoder | None:
        """The model, where a runtime computes it; loaded once."""
        with self._lock:
            if self._plain is None:
                return None
            _log.info("Loading the embedder %s.", self.name)
            try:
                encoder = SentenceEncoder(self._plain, self._choose_runtime())
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                raise self._unloadable(error) from error
            self._check_dimension(encoder.dimension)
            _log.info("%s computes it.", encoder.runtime)
            return encoder

    @property
    def runtime(self) -> str:
        """What computes the vectors."""
        return str(self._encoder.runtime) if self._encoder else str(SENTENCE_TRANSFORMERS)

    @property
    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = self.fresh_model()
            return self._loaded

    def fresh_model(self) -> Any:
        """The `SentenceTransformer`, loaded anew: what is done to it does not change this embedder."""
        quiet_libraries()
        _log.info("Loading the embedder %s.", self.name)
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(
                self._folder_or_name,
                device=self._device,
                trust_remote_code=False,
                truncate_dim=self._cut_to or None,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise self._unloadable(error) from error
        self._check_dimension(SentenceTransformer.get_embedding_dimension(model) or 0)
        return model

    def _unloadable(self, error: Exception) -> ModelError:
        return ModelError(
            f'Cannot load the embedder "{self.name}": {first_line(error)} '
            "Give a folder with a sentence-transformers model, or a hub name where a hub can "
            "be reached."
        )

    def _check_dimension(self, whole: int) -> None:
        if whole and self._cut_to > whole:
            raise ModelError(
                f'The embedder "{self.name}" has no {self._cut_to} dimensions: embedding.dimension is '
                "too large."
            )

    @functools.cached_property
    def _prompts(self) -> dict[str, str]:
        """What is put before a question ("query") and before a review ("document")."""
        stored = self._plain.prompts if self._plain else self._model.prompts
        own = {kind: text for kind, text in (stored or {}).items() if text}
        known = next(
            (one[1:] for one in _KNOWN_PROMPTS if one[0].search(Path(self.name).name.casefold())),
            ("", ""),
        )
        family = {} if own else dict(zip(("query", "document"), known, strict=True))
        prompts = {}
        for kind, stated in self._stated_prompts.items():
            of_model = own.get(kind, own.get("passage", "") if kind == "document" else "")
            prompts[kind] = stated if stated is not None else (of_model or family.get(kind, ""))
        return prompts

    @functools.cached_property
    def identity(self) -> str:
        """Name and weights hash; the dimension where it is cut, and what is put before reviews."""
        cut = f"/{self._cut_to}" if self._cut_to else ""
        if self.name == BUNDLED_EMBEDDER and self._stated_prompts["document"] is None:
            return self._weights + cut  # it has no prompts; so telling them apart needs no loading
        prompt = self._prompts["document"]
        return (
            self._weights
            + cut
            + (f"+{hashlib.sha256(prompt.encode()).hexdigest()[:8]}" if prompt else "")
        )

    @functools.cached_property
    def _weights(self) -> str:
        if self.name == BUNDLED_EMBEDDER:
            bundled_embedder_folder()  # checks the hash
            return f"{BUNDLED_EMBEDDER}@{BUNDLED_SHA256[:16]}"
        folder = Path(self._folder_or_name)
        if folder.is_dir():
            digest = hashlib.sha256()
            for file in sorted(folder.rglob("*.safetensors")):
                digest.update(sha256_of(file).encode())
            return f"{folder.name}@{digest.hexdigest()[:16]}"
        digest = (
            hashlib.sha256()
        )  # from a hub: hash what was loaded, since a name's weights can change
        for key, tensor in sorted(self._model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().float().numpy().tobytes())
        return f"{self.name}@{digest.hexdigest()[:16]}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        if self._encoder is not None:
            return self._cut_to or self._encoder.dimension
        return int(self._model.get_embedding_dimension())

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) unit vectors of questions."""
        distinct = list(dict.fromkeys(texts))  # a question may be its own content words
        place = {text: row for row, text in enumerate(distinct)}
        return self._embed(distinct, "query")[[place[text] for text in texts]]

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        """(len(texts), dimension) unit vectors; longest texts first, so that batches have little
        padding.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        step = self._batch_size * 8
        for start in range(0, len(order), step):
            rows = order[start : start + step]
            vectors[rows] = self._embed([texts[row] for row in rows], "document")
            progress("embedding", min(start + step, len(order)), len(order))
        return vectors

    def _embed(self, texts: Sequence[str], kind: Literal["query", "document"]) -> Vectors:
        """(len(texts), dimension) unit vectors, with the prompt for their kind."""
        prompt, formed = self._prompts[kind], list(map(well_formed, texts))
        with self._lock:
            if self._encoder is not None:
                prompted = [prompt + text for text in formed]
                return self._encoder.vectors(prompted, self.dimension, self._batch_size)
            encode = self._model.encode_query if kind == "query" else self._model.encode_document
            vectors = encode(
                formed,
                prompt=prompt,
                batch_size=self._batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the special tokens around it, not cut at the model's limit."""
        if not texts:
            return []
        formed = list(map(well_formed, texts))
        if self._encoder is not None:
            return self._encoder.tokenizer.count(formed)
        with self._lock:
            encoded = self._model.tokenizer(
                formed,
                add_special_tokens=False,
                truncation=False,
                padding=False,
                verbose=False,
            )
        return [len(ids) for ids in encoded["input_ids"]]
