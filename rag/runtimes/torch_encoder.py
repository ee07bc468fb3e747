"""A BERT encoder computed by torch, from the same weights as OpenVINO's; on a GPU if there is one."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from rag.runtimes.base import Batch, Floats, Runtime
from rag.runtimes.bert import BertWeights


class TorchEncoder:
    """Computes where `device` says; on the first GPU, or the processor, unless it says."""

    def __init__(self, weights: BertWeights, runtime: Runtime, device: str | None = None) -> None:
        import torch

        self.runtime = runtime
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._weights = weights
        kind = torch.bfloat16 if runtime.precision == "bfloat16" else torch.float32
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            self._tensors = {
                name: torch.from_numpy(np.ascontiguousarray(values)).to(self._device, kind)
                for name, values in weights.tensors.items()
                if values.dtype == np.float32
            }

    def states(self, batch: Batch) -> Floats:
        """See `Encoder`."""
        import torch

        with torch.inference_mode():
            ids, owners, types, positions = (
                torch.from_numpy(array).to(self._device)
                for array in (batch.ids, batch.owners, batch.types, batch.positions)
            )
            seen = (owners[:, :, None] == owners[:, None, :])[:, None]
            states = self._embedded(ids, types, positions)
            for layer in range(self._weights.layers):
                states = self._layer(states, seen, f"encoder.layer.{layer}")
            return np.asarray(states.float().flatten(0, 1).cpu().numpy())

    def _embedded(self, ids: Any, types: Any, positions: Any) -> Any:
        words, kinds, places = (
            self._tensors[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "token_type", "position")
        )
        return self._norm(words[ids] + kinds[types] + places[positions], "embeddings.LayerNorm")

    def _layer(self, states: Any, seen: Any, name: str) -> Any:
        from torch.nn import functional

        texts, tokens, width = states.shape
        query, key, value = (
            self._linear(states, f"{name}.attention.self.{part}")
            .view(texts, tokens, self._weights.heads, -1)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        joined = attended.transpose(1, 2).reshape(texts, tokens, width)
        states = self._norm(
            self._linear(joined, f"{name}.attention.output.dense") + states,
            f"{name}.attention.output.LayerNorm",
        )
        inner = functional.gelu(self._linear(states, f"{name}.intermediate.dense"))
        return self._norm(
            self._linear(inner, f"{name}.output.dense") + states, f"{name}.output.LayerNorm"
        )

    def _linear(self, states: Any, name: str) -> Any:
        from torch.nn import functional

        tensors = self._tensors
        return functional.linear(states, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def _norm(self, states: Any, name: str) -> Any:
        from torch.nn import functional

        tensors = self._tensors
        return functional.layer_norm(
            states,
            (self._weights.width,),
            tensors[f"{name}.weight"],
            tensors[f"{name}.bias"],
            self._weights.epsilon,
        )


@functools.cache
def supports_bfloat16() -> bool:
    """Whether the GPU, or else the processor, computes in bfloat16 by itself."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
