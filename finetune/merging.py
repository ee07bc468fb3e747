"""Merging an adapter into its base model: two ways, both measured, the nearer to the trained model
kept.

An adapter trained on 4-bit weights has learnt to correct those weights. Added to the original
weights it corrects errors that are not there; added to the dequantised 4-bit weights it is exactly
what was trained, with the 4-bit errors. Both are compared with the model as trained: the mean
Kullback-Leibler divergence of the next token's distribution over the answers of the held-out
examples, in nats.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.data.encode import IGNORED, Encoded, encode, end_of_turn
from finetune.data.examples import HELD_OUT_FILE, read_examples
from finetune.model_card import model_card
from finetune.recipe import Recipe
from finetune.training.base import base_tokenizer, load_base
from finetune.training.record import write_record
from finetune.training.trainer import ADAPTER, DATA
from rag.answering.templates import read_record
from rag.config import Settings
from rag.files import sha256_of
from rag.generators.loading import merge_adapter, put_adapter
from rag.schema import ModelError

INTO_ORIGINAL, INTO_DEQUANTISED = "original", "dequantised"
WAYS = (INTO_ORIGINAL, INTO_DEQUANTISED)
MOST_SHARD = "4GB"
# held-out examples at most: a Gemma has 256,000 probabilities for each token of their answers
_MEASURED = 32
_ROOM = 1.2  # of the model's size, free on the disk before anything is written

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged model and its record; `again` is False where it was there already."""

    folder: Path
    way: str
    divergence: dict[str, float | None]
    again: bool


def merge(
    recipe: Recipe,
    run: Path,
    settings: Settings,
    *,
    way: str = "auto",
    dtype: str = "",
    progress: Progress = lambda stage, done, total: None,
) -> Merged:
    """Merge ``<run>/adapter`` into ``models_dir/<output>``, by the way that diverges least from the
    trained model.

    `dtype` is what the weights are saved in, "" for bfloat16 (float16 where the recipe trains in
    fp16). Where the model there was made of the same adapter in the same way, nothing is done.
    Raises `ModelError`: no adapter, no room, or another model of that name in the way.
    """
    adapter, target = run / ADAPTER, settings.models_dir / recipe.output
    trained = read_record(adapter)
    if not trained:
        raise ModelError(
            f"There is no trained adapter in {adapter}. Train one: reviewqa finetune train."
        )
    dtype = dtype or ("float16" if recipe.training.fp16 else "bfloat16")
    ways = (
        (way,) if way != "auto" else WAYS if recipe.quantization.load_in_4bit else (INTO_ORIGINAL,)
    )
    wanted = {
        "adapter_sha256": sha256_of(adapter / "adapter_model.safetensors"),
        "dtype": dtype,
        "asked": way,
    }
    made = read_record(target).get("merge", {})
    if all(made.get(key) == value for key, value in wanted.items()):
        return Merged(target, made["way"], made["divergence"], again=False)
    if target.exists() and not made:
        raise ModelError(
            f"{target} is not a merged model of this program: move it away, or set another output."
        )
    tokenizer = base_tokenizer(recipe, settings)
    held_out = [
        one
        for one in encode(
            read_examples(run / DATA / HELD_OUT_FILE), tokenizer, recipe.data.max_length
        ).sequences
        if any(label != IGNORED for label in one.labels)
    ][:_MEASURED]
    divergence: dict[str, float | None] = {}
    reference: list[Any] = []
    if len(ways) > 1 and held_out:
        reference = _distributions(
            as_trained(recipe, settings, adapter), held_out, "as trained", progress
        )
    model = None
    for one in ways:
        model = None  # there is room for one at a time
        model = merged_model(recipe, settings, adapter, one, dtype)
        divergence[one] = (
            _divergence(reference, model, held_out, one, progress) if reference else None
        )
    chosen = min(ways, key=lambda one: divergence[one] or 0.0)
    if chosen != ways[-1]:
        model = None
        model = merged_model(recipe, settings, adapter, chosen, dtype)
    _check_room(model, target)
    record = trained | {
        "merge": wanted | {"way": chosen, "divergence": divergence, "examples": len(held_out)}
    }
    _write(model, tokenizer, recipe, settings, target, record)
    return Merged(target, chosen, divergence, again=True)


def merged_model(recipe: Recipe, settings: Settings, adapter: Path, way: str, dtype: str) -> Any:
    """The base model with the adapter added into its weights, on the CPU, in `dtype`."""
    nf4 = (
        _quantization(recipe) | {"bnb_4bit_compute_dtype": dtype}
        if way == INTO_DEQUANTISED
        else None
    )
    return merge_adapter(
        load_base(recipe, settings, dtype=dtype, quantization=nf4, device="cpu"),
        str(adapter),
        dtype,
    )


def _quantization(recipe: Recipe) -> dict[str, Any]:
    """The 4-bit weights as they were trained on; what is computed with them, in fp32."""
    return asdict(recipe.quantization) | {"load_in_4bit": True, "bnb_4bit_compute_dtype": "float32"}


def as_trained(recipe: Recipe, settings: Settings, adapter: Path) -> Any:
    """The base model as it was held in training, with the adapter on it."""
    quantization = _quantization(recipe) if recipe.quantization.load_in_4bit else None
    base = load_base(recipe, settings, dtype="float32", quantization=quantization, device="cpu")
    return put_adapter(base, str(adapter)).eval()


def _distributions(
    model: Any, sequences: Sequence[Encoded], stage: str, progress: Progress
) -> list[Any]:
    """Log-probabilities (answer tokens, vocabulary) of each sequence."""
    import torch

    found = []
    with torch.inference_mode():
        for number, one in enumerate(sequences, 1):
            logits = model(input_ids=torch.tensor([one.input_ids])).logits[0].float()
            places = [
                place - 1 for place, label in enumerate(one.labels) if label != IGNORED and place
            ]
            found.append(torch.log_softmax(logits[places], dim=-1))
            progress(stage, number, len(sequences))
    return found


def _divergence(
    reference: Sequence[Any],
    model: Any,
    sequences: Sequence[Encoded],
    stage: str,
    progress: Progress,
) -> float:
    """Mean over answer tokens of KL(as trained || merged), in nats."""
    import torch

    total, tokens = 0.0, 0
    for number, (wanted, one) in enumerate(zip(reference, sequences, strict=True), 1):
        (found,) = _distributions(model, [one], "", lambda *_: None)
        total += float(torch.nn.functional.kl_div(found, wanted, log_target=True, reduction="sum"))
        tokens += len(wanted)
        progress(stage, number, len(sequences))
    return total / max(1, tokens)


def _check_room(model: Any, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    free = shutil.disk_usage(target.parent).free
    if free < _ROOM * size:
        raise ModelError(
            f"The merged model needs {_ROOM * size / 1e9:.1f} GB in {target.parent}, and "
            f"{free / 1e9:.1f} are free."
        )


def _write(
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    settings: Settings,
    target: Path,
    record: dict[str, Any],
) -> None:
    """Write beside the place, then put it there."""
    made = target.with_name(f".{target.name}")
    shutil.rmtree(made, ignore_errors=True)
    try:
        model.generation_config = _generation_config(model, tokenizer)
        model.save_pretrained(str(made), max_shard_size=MOST_SHARD)
        tokenizer.save_pretrained(str(made))
        write_record(made, record)
        (made / "README.md").write_text(model_card(recipe, record), encoding="utf-8")
        _without_paths(made / "config.json")
        if target.exists():
            shutil.rmtree(target)
        made.rename(target)
    except OSError as error:
        raise ModelError(f"Cannot write the merged model to {target}: {error}.") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _generation_config(model: Any, tokenizer: Any) -> Any:
    """Greedy, and with every token that ends an answer: without the end of a turn a merged model
    talks on for ever.
    """
    import transformers

    library: Any = transformers
    known = model.generation_config.eos_token_id
    ends = [
        end_of_turn(tokenizer),
        tokenizer.eos_token_id,
        *(known if isinstance(known, list) else [known]),
    ]
    ends = list(dict.fromkeys(one for one in ends if one is not None))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    return library.GenerationConfig(
        do_sample=False, bos_token_id=tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=pad
    )


def _without_paths(config: Path) -> None:
    """A configuration remembers the folder that it came from, which is nobody else's business."""
    table = json.loads(config.read_text(encoding="utf-8"))
    table.pop("_name_or_path", None)
    config.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")
