"""Short completions of many prompts at once, for what is asked in batches and not streamed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from rag.answering.templates import check_template
from rag.generators.base import never_cancelled
from rag.generators.cached import weights_written
from rag.generators.chat_template import prompt_ids
from rag.generators.transformers import TransformersGenerator
from rag.schema import Message

# of samples; by `top_p` as well, all of Gemma's 262,144 tokens would be sorted at every step, which
# took a third of the time
_TEMPERATURE, _TOP_K = 0.7, 20


class Completer(Protocol):
    """Completes prompts; one of the things that tests replace."""

    @property
    def name(self) -> str:
        """What people are shown."""
        ...

    def complete(
        self,
        batch: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        samples: int = 0,
        seconds: float = 60.0,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> list[list[str]]:
        """For each prompt its likeliest completion, or `samples` drawn ones. Ends soon after
        `seconds`, or after `cancelled()` turns true, with what was written until then. Raises
        `GeneratorError`, `ModelError`.
        """
        ...


class HeldCompleter:
    """Completes with a model that is in memory."""

    def __init__(self, generator: TransformersGenerator) -> None:
        self._generator = generator
        self.name = generator.name

    def complete(
        self,
        batch: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        samples: int = 0,
        seconds: float = 60.0,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> list[list[str]]:
        if not batch:
            return []
        with self._model().exclusive() as (model, tokenizer):
            written = _completed(
                model, tokenizer, batch, max_new_tokens, samples, _Until(seconds, cancelled)
            )
        each = max(samples, 1)
        return [written[start : start + each] for start in range(0, len(written), each)]

    def _model(self) -> TransformersGenerator:
        return self._generator


class BatchCompleter(HeldCompleter):
    """Completes with a model that is loaded on first use: a folder or a hub name, with or without an
    adapter on it, called `name`.
    """

    def __init__(
        self, model: Path | str, tuned_for: str, *, adapter: str = "", name: str = ""
    ) -> None:
        self._model_name, self._adapter, self._tuned_for = str(model), adapter, tuned_for
        self.name = name or Path(model).name

    def _model(self) -> TransformersGenerator:
        written = weights_written(self._model_name), weights_written(self._adapter)
        return _loaded(self._model_name, self._adapter, self._tuned_for, written)


def quick_dtype() -> str:
    """What short completions are computed in here."""
    import torch

    fast = torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bfloat16" if fast else "float32"


@lru_cache(maxsize=1)
def _loaded(
    model: str, adapter: str, tuned_for: str, written: tuple[tuple[int, ...], ...]
) -> TransformersGenerator:
    """The model whose weights were `written` then; one at a time is kept in memory."""
    check_template(adapter or model, tuned_for=tuned_for)
    return TransformersGenerator(model, adapter=adapter, dtype=quick_dtype())


class _Until:
    """A stopping criterion of `generate`: time is up, or nobody waits any more."""

    def __init__(self, seconds: float, cancelled: Callable[[], bool]) -> None:
        self._ends, self._cancelled = time.monotonic() + seconds, cancelled

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        over = time.monotonic() > self._ends or self._cancelled()
        return torch.full((len(ids),), over, dtype=torch.bool, device=ids.device)


def _completed(
    model: Any,
    tokenizer: Any,
    batch: Sequence[Sequence[Message]],
    max_new_tokens: int,
    samples: int,
    until: _Until,
) -> list[str]:
    import torch
    from transformers import StoppingCriteriaList

    prompts = [prompt_ids(tokenizer, messages) for messages in batch]
    longest = max(map(len, prompts))
    padding = model.generation_config.pad_token_id or 0
    ids = torch.tensor([[padding] * (longest - len(ids)) + ids for ids in prompts])
    attention = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts])
    ids, attention = ids.to(model.device), attention.to(model.device)
    options: dict[str, Any] = {"do_sample": False}
    with torch.inference_mode(), torch.random.fork_rng():
        if samples:
            drawn = {"temperature": _TEMPERATURE, "top_k": _TOP_K, "top_p": 1.0}
            cache = _read(model, ids[:, :-1], attention[:, :-1])
            cache.batch_repeat_interleave(samples)
            options = {"do_sample": True, "past_key_values": cache, **drawn}
            ids = ids.repeat_interleave(samples, dim=0)
            attention = attention.repeat_interleave(samples, dim=0)
        torch.manual_seed(0)  # the same question has the same answer
        written = model.generate(
            input_ids=ids,
            attention_mask=attention,
            max_new_tokens=max_new_tokens,
            stopping_criteria=StoppingCriteriaList([until]),
            **options,
        )
    return [
        str(tokenizer.decode(row[longest:], skip_special_tokens=True)).strip() for row in written
    ]


def _read(model: Any, ids: Any, attention: Any) -> Any:
    """The keys and values of prompts, so that each is read once however many samples it gets."""
    positions = (attention.cumsum(dim=1) - 1).clamp(min=0)
    read = model(
        input_ids=ids,
        attention_mask=attention,
        position_ids=positions,
        use_cache=True,
        logits_to_keep=1,
    )
    return read.past_key_values
