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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finetune.data.encode import IGNORED, Encoded, encode, end_of_turn
from finetune.data.examples import HELD_OUT_FILE, read_examples
from finetune.folders import ADAPTER, DATA, merged_folder, run_folder
from finetune.model_card import model_card
from finetune.recipe import Recipe
from finetune.training.base import base_tokenizer, keep_terms, load_base
from finetune.training.record import write_record
from rag.answering.templates import read_record
from rag.config import Settings
from rag.files import sha256_of
from rag.generators.loading import merge_adapter, put_adapter
from rag.progress import Progress, no_progress
from rag.schema import ModelError

INTO_ORIGINAL, INTO_DEQUANTISED = "original", "dequantised"
WAYS = (INTO_ORIGINAL, INTO_DEQUANTISED)
MOST_SHARD = "4GB"
# held-out examples at most: a Gemma has 256,000 probabilities for each token of their answers
_MEASURED = 32
_ROOM = 1.2  # of the model's size, free on the disk before anything is written


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged model and how far each way was from the trained model, in nats a token; `reused`
    where it was there already.
    """

    folder: Path
    way: str
    divergence: dict[str, float | None]
    reused: bool

    def __str__(self) -> str:
        lines = [
            f"Into the {way} weights: KL {value:.6f} nats a token from the model as trained."
            for way, value in self.divergence.items()
            if value is not None
        ]
        how = "Was merged already" if self.reused else "Merged"
        ask = f'Ask it: reviewqa ask "..." --generator {self.folder}'
        return "\n".join([*lines, f"{how} into the {self.way} weights: {self.folder}. {ask}"])


@dataclass(frozen=True, slots=True)
class _Merging:
    """What is merged."""

    recipe: Recipe
    settings: Settings
    adapter: Path
    dtype: str  # of the merged weights

    def load(self, way: str) -> Any:
        return merged_model(self.recipe, self.settings, self.adapter, way, self.dtype)


def merge_into_base(
    recipe: Recipe,
    settings: Settings,
    *,
    way: str = "auto",
    dtype: str = "",
    adapter: Path | None = None,
    progress: Progress = no_progress,
) -> Merged:
    """Merge a run's adapter into ``models_dir/<output>``, by the way that diverges least from the
    trained model; or the adapter in another folder, if one is named.

    `dtype` is what the weights are saved in, "" for bfloat16 (float16 where the recipe trains in
    fp16). Where the model there was made of the same adapter in the same way, nothing is done.
    Raises `ModelError`: no adapter, no room, or another model of that name in the way.
    """
    adapter = adapter or run_folder(settings, recipe) / ADAPTER
    target = merged_folder(settings, recipe)
    trained = read_record(adapter)
    if not trained:
        raise ModelError(
            f"There is no trained adapter in {adapter}. Train one: reviewqa finetune train."
        )
    dtype = dtype or ("float16" if recipe.training.fp16 else "bfloat16")
    asked = {
        "adapter_sha256": sha256_of(adapter / "adapter_model.safetensors"),
        "dtype": dtype,
        "asked": way,
    }
    earlier = read_record(target).get("merge", {})
    if all(earlier.get(key) == value for key, value in asked.items()):
        return Merged(target, earlier["way"], earlier["divergence"], reused=True)
    if target.exists() and not earlier:
        raise ModelError(
            f"{target} is not a merged model of this program: move it away, or set another output."
        )
    ways: tuple[str, ...] = (way,)
    if way == "auto":
        ways = WAYS if recipe.quantization.load_in_4bit else (INTO_ORIGINAL,)
    tokenizer = base_tokenizer(recipe, settings)
    answers = _held_out_answers(recipe, settings, tokenizer) if len(ways) > 1 else []
    merging = _Merging(recipe, settings, adapter, dtype)
    chosen, divergence, model = _nearest(merging, ways, answers, progress)
    if model is None:
        model = merging.load(chosen)
    _check_room(model, target)
    merge = asked | {"way": chosen, "divergence": divergence, "examples": len(answers)}
    _write(model, tokenizer, recipe, target, trained | {"merge": merge})
    return Merged(target, chosen, divergence, reused=False)


def _held_out_answers(recipe: Recipe, settings: Settings, tokenizer: Any) -> list[Encoded]:
    """What the ways are compared on."""
    examples = read_examples(run_folder(settings, recipe) / DATA / HELD_OUT_FILE)
    sequences = encode(examples, tokenizer, recipe.data.max_length).sequences
    return [sequence for sequence in sequences if set(sequence.labels) != {IGNORED}][:_MEASURED]


def _nearest(
    merging: _Merging, ways: Sequence[str], answers: Sequence[Encoded], progress: Progress
) -> tuple[str, dict[str, float | None], Any]:
    """The way that is nearest to the model as trained, how far each is (None: there is nothing to
    compare, and the first is taken), and the model of the nearest, if it is the one that was loaded
    last: there is room for one at a time.
    """
    divergence: dict[str, float | None] = dict.fromkeys(ways)
    if len(ways) < 2 or not answers:
        return ways[0], divergence, None
    trained = as_trained(merging.recipe, merging.settings, merging.adapter)
    reference = _distributions(trained, answers, "as trained", progress)
    del trained
    model = None
    for way in ways:
        model = None
        model = merging.load(way)
        divergence[way] = _divergence(reference, model, answers, partial(progress, way))
    nearest = min(ways, key=lambda name: divergence[name] or 0.0)
    return nearest, divergence, model if nearest == ways[-1] else None


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
    return recipe.quantization.model_dump() | {
        "load_in_4bit": True,
        "bnb_4bit_compute_dtype": "float32",
    }


def as_trained(recipe: Recipe, settings: Settings, adapter: Path) -> Any:
    """The base model as it was held in training, with the adapter on it."""
    quantization = _quantization(recipe) if recipe.quantization.load_in_4bit else None
    base = load_base(recipe, settings, dtype="float32", quantization=quantization, device="cpu")
    return put_adapter(base, str(adapter)).eval()


def _distributions(
    model: Any, sequences: Sequence[Encoded], stage: str, progress: Progress
) -> list[Any]:
    """Log-probabilities (answer tokens, vocabulary) of each sequence."""
    distributions = []
    for number, sequence in enumerate(sequences, 1):
        distributions.append(_distribution(model, sequence))
        progress(stage, number, len(sequences))
    return distributions


def _distribution(model: Any, sequence: Encoded) -> Any:
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([sequence.input_ids])).logits[0].float()
        before = [place - 1 for place, label in enumerate(sequence.labels) if label != IGNORED]
        return torch.log_softmax(logits[[place for place in before if place >= 0]], dim=-1)


def _divergence(
    reference: Sequence[Any],
    model: Any,
    sequences: Sequence[Encoded],
    progress: Callable[[int, int], None],
) -> float:
    """Mean over answer tokens of KL(as trained || merged), in nats."""
    from torch.nn.functional import kl_div

    total, tokens = 0.0, 0
    for number, (expected, sequence) in enumerate(zip(reference, sequences, strict=True), 1):
        merged = _distribution(model, sequence)
        total += float(kl_div(merged, expected, log_target=True, reduction="sum"))
        tokens += len(expected)
        progress(number, len(sequences))
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
    model: Any, tokenizer: Any, recipe: Recipe, target: Path, record: dict[str, Any]
) -> None:
    """Write beside the place, then put it there."""
    draft = target.with_name(f".{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        model.generation_config = _generation_config(model, tokenizer)
        model.save_pretrained(str(draft), max_shard_size=MOST_SHARD)
        tokenizer.save_pretrained(str(draft))
        write_record(draft, record)
        (draft / "README.md").write_text(model_card(recipe, record), encoding="utf-8")
        keep_terms(recipe.base_model, draft)
        _without_paths(draft / "config.json")
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    except OSError as error:
        raise ModelError(f"Cannot write the merged model to {target}: {error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _generation_config(model: Any, tokenizer: Any) -> Any:
    """Greedy, and with every token that ends an answer: without the end of a turn a merged model
    talks on for ever.
    """
    import transformers

    library: Any = transformers
    configured = model.generation_config.eos_token_id
    ends = [end_of_turn(tokenizer), tokenizer.eos_token_id]
    ends += configured if isinstance(configured, list) else [configured]
    ends = list(dict.fromkeys(token for token in ends if token is not None))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    return library.GenerationConfig(
        do_sample=False, bos_token_id=tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=pad
    )


def _without_paths(config: Path) -> None:
    """A configuration remembers the folder that it came from, which is nobody else's business."""
    table = json.loads(config.read_text(encoding="utf-8"))
    table.pop("_name_or_path", None)
    config.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")
