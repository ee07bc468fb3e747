"""A BERT encoder as an OpenVINO graph, built from the weights where they lie: it takes a hundredth of
a second, needs no torch, and leaves no converted file behind.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from rag.runtimes.base import Batch, Floats, Runtime, threads
from rag.runtimes.bert import BertWeights

_MASKED = 10_000.0  # subtracted from the attention to padding
_QUANTIZED_TOGETHER = 64  # activations: of 384, MiniLM's cosine to float32 falls from .998 to .994

# of each kind of operation; of 5,000, as it comes, memory grew by 7 MB a question, and 64 are as fast
_SHAPES_KEPT = 64

_IMPORTING = threading.Lock()


class OpenVinoEncoder:
    """Computes on the processor. Raises `ImportError` where OpenVINO is not installed, and
    `RuntimeError` where it cannot compile.
    """

    def __init__(self, weights: BertWeights, runtime: Runtime) -> None:
        openvino = import_openvino()
        self.runtime = runtime
        self._weights = weights  # the graph reads them where they are mapped
        graph = _Graph(weights, quantized=runtime.precision == "int8").model()
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if runtime.precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": threads(),
            "ENABLE_CPU_PINNING": False,  # other programs run on these cores
            "CPU_RUNTIME_CACHE_CAPACITY": _SHAPES_KEPT,
        }
        if runtime.precision == "int8":
            settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = _QUANTIZED_TOGETHER
        compiled = openvino.Core().compile_model(graph, "CPU", settings)
        self._request = compiled.create_infer_request()

    def states(self, batch: Batch) -> Floats:
        """See `Encoder`."""
        inputs = (batch.ids, batch.owners, batch.types, batch.positions)
        outcome = self._request.infer(dict(enumerate(inputs)))
        return np.asarray(outcome[0], dtype=np.float32).reshape(-1, self._weights.width)


def import_openvino() -> Any:
    """The module, without the telemetry that it would start when it is imported: that makes up an id
    for the user and writes it into the home folder. Raises `ImportError`.
    """
    with _IMPORTING:
        if "openvino" in sys.modules or "openvino_telemetry" in sys.modules:
            import openvino

            return openvino
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        try:
            import openvino
        finally:
            del sys.modules["openvino_telemetry"]
    return openvino


def supports_bfloat16() -> bool:
    """Whether the processor computes in bfloat16."""
    return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _Graph:
    """The graph: token numbers, owners, types and positions, each (rows, tokens), to states (rows,
    tokens, width).
    """

    def __init__(self, weights: BertWeights, *, quantized: bool) -> None:
        from openvino import opset13

        self._ops: Any = opset13
        self._weights = weights
        self._quantized = quantized

    def model(self) -> Any:
        ops, shape = self._ops, [-1, -1]
        inputs = [
            ops.parameter(shape, np.int64, name=name)
            for name in ("ids", "owners", "types", "positions")
        ]
        ids, owners, types, positions = inputs
        same = ops.equal(
            ops.unsqueeze(owners, self._whole([1, 3])), ops.unsqueeze(owners, self._whole([1, 2]))
        )  # (rows, 1, tokens, tokens)
        bias = (ops.convert(same, "f32") - self._of(1.0)) * self._of(_MASKED)
        states = self._embedded(ids, types, positions)
        for layer in range(self._weights.layers):
            states = self._layer(states, bias, f"encoder.layer.{layer}")
        return import_openvino().Model([states.output(0)], inputs)

    def _embedded(self, ids: Any, types: Any, positions: Any) -> Any:
        axis = self._whole(0)
        words, kinds, places = (
            self._ops.gather(self._tensor(f"embeddings.{name}_embeddings.weight"), numbers, axis)
            for name, numbers in (("word", ids), ("token_type", types), ("position", positions))
        )
        return self._norm(words + kinds + places, "embeddings.LayerNorm")

    def _layer(self, states: Any, bias: Any, name: str) -> Any:
        ops, weights = self._ops, self._weights
        by_head = self._whole([0, 0, weights.heads, weights.width // weights.heads])
        swapped = self._whole([0, 2, 1, 3])
        query, key, value = (
            ops.transpose(
                ops.reshape(self._linear(states, f"{name}.attention.self.{part}"), by_head, True),
                swapped,
            )
            for part in ("query", "key", "value")
        )
        seen = ops.scaled_dot_product_attention(query, key, value, bias)
        joined = ops.reshape(ops.transpose(seen, swapped), self._whole([0, 0, weights.width]), True)
        attended = self._linear(joined, f"{name}.attention.output.dense") + states
        states = self._norm(attended, f"{name}.attention.output.LayerNorm")
        inner = ops.gelu(self._linear(states, f"{name}.intermediate.dense"), "erf")
        return self._norm(
            self._linear(inner, f"{name}.output.dense") + states, f"{name}.output.LayerNorm"
        )

    def _linear(self, states: Any, name: str) -> Any:
        weight = self._weights.tensors[f"{name}.weight"]
        if self._quantized:  # each row by its largest weight
            scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), 1e-12) / 127
            whole = self._ops.constant(np.round(weight / scale).astype(np.int8))
            matrix = self._ops.convert(whole, "f32") * self._of(scale)
        else:
            matrix = self._tensor(f"{name}.weight")
        return self._ops.matmul(states, matrix, False, True) + self._tensor(f"{name}.bias")

    def _norm(self, states: Any, name: str) -> Any:
        last, epsilon = self._whole([-1]), self._weights.epsilon
        normal = self._ops.mvn(states, last, True, epsilon, "inside_sqrt")
        return normal * self._tensor(f"{name}.weight") + self._tensor(f"{name}.bias")

    def _tensor(self, name: str) -> Any:
        values = np.ascontiguousarray(self._weights.tensors[name], dtype=np.float32)
        return self._ops.constant(values, shared_memory=True)

    def _of(self, value: Any) -> Any:
        return self._ops.constant(np.asarray(value, dtype=np.float32))

    def _whole(self, value: Any) -> Any:
        return self._ops.constant(np.asarray(value, dtype=np.int64))
