"""The weights of a BERT encoder (Devlin et al. 2019), mapped into memory from a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST_HEADER = 16 * 2**20  # bytes
_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I64": np.int64, "I8": np.int8}


@dataclass(frozen=True, slots=True)
class BertWeights:
    """An encoder's tensors by their names in the transformers library, float32, and its shape."""

    tensors: Mapping[str, NDArray[Any]]
    layers: int
    heads: int
    width: int
    epsilon: float
    most_positions: int


def is_bert(folder: Path) -> bool:
    """Whether a folder holds an encoder that is built here: BERT as it was published."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        isinstance(config, dict)
        and config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder")
        and (folder / "model.safetensors").is_file()
        and (folder / "tokenizer.json").is_file()
    )


def read_bert(folder: Path) -> BertWeights:
    """The encoder in a folder for which `is_bert` holds. Raises `OSError`, `ValueError`, `KeyError`
    where it is damaged.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors, _ = mapped_tensors(folder / "model.safetensors")
    weights = BertWeights(
        tensors,
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        width=int(config["hidden_size"]),
        epsilon=float(config["layer_norm_eps"]),
        most_positions=int(config["max_position_embeddings"]),
    )
    for name in ("embeddings.word_embeddings.weight", "embeddings.LayerNorm.weight"):
        if tensors[name].shape[-1] != weights.width:
            raise ValueError(f"{name} has {tensors[name].shape[-1]} columns, not {weights.width}")
    return weights


def mapped_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The tensors of a safetensors file and its metadata. What is float32 there is mapped into
    memory and not to be written to; half precisions are made float32. Raises `OSError`,
    `ValueError`, `KeyError`.
    """
    # copy on write: OpenVINO takes no array that is read-only, and nothing reaches the file
    content = np.memmap(path, dtype=np.uint8, mode="c")
    length = int.from_bytes(content[:8].tobytes(), "little")
    if not 0 < length <= min(_LARGEST_HEADER, len(content) - 8):
        raise ValueError(f"{path.name} has a damaged header")
    header = json.loads(content[8 : 8 + length].tobytes())
    metadata = header.pop("__metadata__", {})
    data = content[8 + length :]
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        kind, shape = np.dtype(_TYPES[entry["dtype"]]), entry["shape"]
        if last - first != kind.itemsize * math.prod(shape) or not 0 <= first <= last <= len(data):
            raise ValueError(f"{path.name} is cut off or damaged at {name}")
        stored = data[first:last].view(kind).reshape(shape)
        if entry["dtype"] == "BF16":  # the upper half of a float32
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        elif entry["dtype"] == "F16":
            stored = stored.astype(np.float32)
        tensors[name] = np.asarray(stored)
    return tensors, metadata
