"""Loading a tokenizer and a model with transformers, and saying plainly what stands in the way.

Weights are read from safetensors only, and no code that comes with a model is run.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag.logging import quiet_libraries
from rag.schema import GeneratorError, ModelError, ReviewQAError, first_line

_log = logging.getLogger(__name__)

_MEMORY_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
)
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def load_model(
    model: str, adapter: str, quantization: str, dtype: str, device: str
) -> tuple[Any, Any]:
    """The tokenizer and the model (with its adapter, if one is named), ready to answer. Raises
    `ModelError`.
    """
    quiet_libraries()
    _log.info("Loading the model %s.", model)
    model, adapter = os.path.expanduser(model), os.path.expanduser(adapter)
    try:
        return load_tokenizer(model), _load_for_answers(model, adapter, quantization, dtype, device)
    except ReviewQAError:
        raise
    except Exception as error:
        raise explain(model, error) from error


def load_tokenizer(model: str) -> Any:
    """The tokenizer of a hub name or folder."""
    _check_folder(model)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model, trust_remote_code=False)


def _load_for_answers(model: str, adapter: str, quantization: str, dtype: str, device: str) -> Any:
    import torch

    if device == "auto":
        usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        device = next((name for name, is_there in usable.items() if is_there), "cpu")
    if dtype == "auto":
        # A GPU without bf16 can emulate it, slowly: that does not count.
        has_bf16 = device.startswith("cuda") and torch.cuda.is_bf16_supported(
            including_emulation=False
        )
        dtype = "bfloat16" if has_bf16 else "float32"
    if adapter:
        check_adapter(adapter)
    nf4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    loaded = load_weights(
        model,
        dtype=dtype,
        device=device,
        quantization=nf4 | {"bnb_4bit_compute_dtype": dtype} if quantization == "4bit" else None,
    )
    return (put_adapter(loaded, adapter) if adapter else loaded).eval()


def load_weights(
    model: str,
    *,
    dtype: str,
    device: str,
    quantization: Mapping[str, Any] | None = None,
    attention: str = "",
) -> Any:
    """The weights of a hub name or folder, on `device`; in 4 bits with the given arguments of
    `BitsAndBytesConfig`.

    `attention` is transformers' `attn_implementation`, "" for the model's own. Raises `ModelError`,
    and whatever transformers raises (`explain` says it plainly).
    """
    import torch
    import transformers

    library: Any = transformers  # its own annotations do not know what from_pretrained returns
    config = library.AutoConfig.from_pretrained(model, trust_remote_code=False)
    # Gemma 3 and 4 with vision are in both mappings; other image-and-text models only in the
    # second.
    text_only = type(config) in library.MODEL_FOR_CAUSAL_LM_MAPPING
    auto = library.AutoModelForCausalLM if text_only else library.AutoModelForImageTextToText
    loaded, report = auto.from_pretrained(
        model,
        dtype=getattr(torch, dtype),
        device_map={"": device},
        quantization_config=library.BitsAndBytesConfig(**quantization) if quantization else None,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        **({"attn_implementation": attention} if attention else {}),
    )
    if missing := sorted(report["missing_keys"]):
        # transformers fills such gaps with random numbers and goes on
        raise ModelError(
            f'The weights of "{model}" lack {len(missing)} tensors ({missing[0]}, …). '
            "The download or copy is not complete: fetch the model again."
        )
    return loaded


def put_adapter(model: Any, adapter: str) -> Any:
    """The model with a LoRA adapter on it. Raises `ModelError` if it does not fit."""
    from peft import PeftModel

    with warnings.catch_warnings():
        # peft only warns when the adapter does not fit, and would answer as if there were none
        warnings.filterwarnings("error", message="Found missing adapter keys")
        warnings.filterwarnings(
            "ignore", message="`is_gradient_checkpointing` is deprecated"
        )  # peft 0.21
        try:
            return PeftModel.from_pretrained(model, adapter)
        except (RuntimeError, ValueError, UserWarning) as error:
            if is_memory_error(error):
                raise
            raise ModelError(_misfit(model, adapter, error)) from error


def _misfit(model: Any, adapter: str, error: Exception) -> str:
    """Why an adapter does not fit, and what to do."""
    from safetensors import safe_open

    tokens = model.get_input_embeddings().weight.shape[0]
    with safe_open(str(Path(adapter) / "adapter_model.safetensors"), "numpy") as tensors:
        for name in tensors.keys():  # noqa: SIM118
            rows = tensors.get_slice(name).get_shape()[0]
            whole = "lora_" not in name and ("embed_tokens" in name or "lm_head" in name)
            if whole and rows != tokens:
                return (
                    f'The adapter "{adapter}" was trained with {rows} tokens and this model has '
                    f"{tokens}: its vocabulary was enlarged. Merge the two where it was trained "
                    "(resize_token_embeddings, then merge_and_unload), save the result with the "
                    "adapter's tokenizer, and name that folder as generator."
                )
    return (
        f'The adapter "{adapter}" does not fit this model ({first_line(error)}). '
        "Use it with the base model it was trained on: base_model_name_or_path in its "
        "adapter_config.json."
    )


def _check_mergeable(tuned: Any, adapter: str) -> None:
    """Refuse what would change more than the adapter does. Raises `ModelError`."""
    layers = [tuned.get_output_embeddings(), tuned.get_input_embeddings()]
    output, given = (getattr(layer, "base_layer", layer).weight for layer in layers)
    if output is given and any(hasattr(layer, "base_layer") for layer in layers):
        raise ModelError(
            f'The adapter "{adapter}" is on the output layer, whose weights are those of the input '
            "embeddings as well: merged, it would change both. Use it unmerged (the setting "
            "adapter), or train one without lm_head and embed_tokens in target_modules."
        )


def merge_adapter(model: Any, adapter: str, dtype: str) -> Any:
    """The model with a LoRA adapter added into its weights, in `dtype`; 4-bit weights are
    dequantised first.

    Raises `ModelError` if it does not fit, or where tied weights would change with it.
    """
    import torch

    number, held_in = getattr(torch, dtype), model.dtype
    if getattr(model, "is_quantized", False):
        model = model.dequantize().to(held_in)
    tuned = put_adapter(model, adapter)
    _check_mergeable(tuned, adapter)
    merged = tuned.merge_and_unload(safe_merge=True).to(number).eval()
    merged.config.dtype = number
    for left in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(merged.config, left):
            delattr(merged.config, left)
    return merged


def _check_folder(model: str) -> None:
    folder = Path(model)
    if not folder.is_dir():
        if (
            folder.is_absolute()
            or model.startswith((".", "~"))
            or model.count("/") > 1
            or "\\" in model
        ):
            raise ModelError(
                f'There is no model folder "{model}". Give a folder that exists, or a hub name.'
            )
    elif not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ModelError(
                f'"{model}" is an adapter, not a model: name it as adapter, and its base as '
                "generator."
            )
        raise ModelError(f'"{model}" is not a model folder: it has no config.json.')
    elif not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        # transformers would make up a tokenizer without words
        raise ModelError(
            f'The model folder "{model}" has no tokenizer: copy tokenizer.json from the base model.'
        )


def problem_of(folder: Path) -> str:
    """Why a model folder cannot be loaded, as far as a quick look tells; "" where it seems whole.

    Looks at config.json, the tokenizer, and whether each weights file is as long as its header
    says. Nothing is loaded.
    """
    try:
        _check_folder(str(folder))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict) or "model_type" not in config:
            return "its config.json does not say what model it is"
        index = folder / "model.safetensors.index.json"
        weights = sorted(folder.glob("*.safetensors"))
        if index.is_file():
            listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            weights = [folder / name for name in sorted(set(listed))]
        if not weights:
            return "it has no weights (model.safetensors)"
        for file in weights:
            if not _is_whole(file):
                return f"its weights file {file.name} is not whole"
        for name in _JSON_FILES:
            if (folder / name).is_file():
                json.loads((folder / name).read_text(encoding="utf-8"))
    except ModelError as error:
        return str(error)
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        return f"a file of it cannot be read ({first_line(error)})"
    return ""


def _is_whole(weights: Path) -> bool:
    """Whether a safetensors file is as long as its header says: eight bytes of the header's
    length, the header, the numbers.
    """
    size = weights.stat().st_size
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            return False
        header = json.loads(file.read(length))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return bool(ends) and 8 + length + max(ends) == size


def check_adapter(adapter: str) -> None:
    """Raises `ModelError` unless there is a LoRA adapter in safetensors."""
    for name in ADAPTER_FILES:
        if not (Path(adapter) / name).is_file():
            raise ModelError(
                f'"{adapter}" is not a usable LoRA adapter folder: it has no {name}. '
                "Give the folder that training wrote; weights in pickle files (.bin) are not "
                "loaded."
            )


def explain(model: str, error: Exception) -> ReviewQAError:
    """The error to show for one that was met while loading `model`."""
    kinds = {type(cause).__name__ for cause in _causes(error)}
    text = str(error)
    if is_memory_error(error):
        return GeneratorError(
            f'"{model}" does not fit in memory. Set quantization = "4bit" or use a smaller model.'
        )
    if "GatedRepoError" in kinds:
        return ModelError(
            f'"{model}" is behind a licence: accept it at https://huggingface.co/{model}, then run '
            '"hf auth login".'
        )
    if "RepositoryNotFoundError" in kinds:
        return ModelError(
            f'The hub has no model "{model}", or it is private. Check the name, or run "hf auth '
            'login".'
        )
    if kinds & {"LocalEntryNotFoundError", "OfflineModeIsEnabled"} or "couldn't connect" in text:
        return ModelError(
            f'"{model}" is not a folder here and not in the local hub cache, and the hub cannot be '
            "reached. Give the "
            "folder of a downloaded model, or connect to the internet (and unset HF_HUB_OFFLINE) "
            "to download it once."
        )
    if "SafetensorError" in kinds or "ignore_mismatched_sizes" in text:
        text = (
            "their shapes are not what config.json says"
            if "ignore_mismatched_sizes" in text
            else first_line(error)
        )
        return ModelError(f'The weights of "{model}" are damaged: {text}. Fetch the model again.')
    if isinstance(error, OSError) and "safetensors" in text:
        return ModelError(
            f'"{model}" has no weights in safetensors format, and pickle files (.bin) are not '
            "loaded because they can "
            "run code. Get the safetensors version of the model."
        )
    if "custom code" in text:
        return ModelError(
            f'"{model}" needs program code of its own, which is not run. Choose another model.'
        )
    return ModelError(f'Cannot load the model "{model}": {first_line(error)}')


def is_memory_error(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(
        words in str(error).lower() for words in _MEMORY_WORDS
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
