"""Any causal language model through transformers: a hub name or a folder, with or without a LoRA
adapter.

torch, transformers and peft are imported only when a model is loaded.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.generators.base import Truncated, never_cancelled
from rag.generators.chat_template import prompt_ids as prompt_ids
from rag.generators.loading import is_memory_error, load_model
from rag.generators.text_pieces import TextPieces
from rag.generators.thoughts import ThoughtFilter
from rag.schema import GeneratorError, Message, first_line

TURN_ENDS = ("<end_of_turn>", "<turn|>", "<|im_end|>")  # Gemma 1 to 3, Gemma 4, ChatML
_Tokens = queue.SimpleQueue[int | Exception | None]


class TransformersGenerator:
    """Greedy answers from a causal language model; answers asked for at the same time wait for each
    other.

    `model` is a hub name or a folder, `adapter` a LoRA adapter folder, `name` what to call the
    model instead of that. Raises `ModelError` if it cannot be loaded, `GeneratorError` if it does
    not fit in memory.
    """

    def __init__(
        self,
        model: str,
        *,
        adapter: str = "",
        quantization: str = "none",
        dtype: str = "auto",
        device: str = "auto",
        name: str = "",
    ) -> None:
        self._tokenizer, self._model = load_model(model, adapter, quantization, dtype, device)
        self.name = _shown_name(name or model, adapter, quantization)
        self._stop_ids = _stop_ids(self._tokenizer, self._model)
        self._lock = threading.Lock()
        # One tokenizer cannot be used by two threads: its settings change with each call.
        self._tokenizing = threading.Lock()
        self._stop = threading.Event()
        _make_greedy(self._model, self._stop_ids, self._tokenizer.pad_token_id)
        self._watch_layers()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(prompt_ids(self._tokenizer, messages, self._tokenizing))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str]:
        ids, max_new_tokens = self._fitting_prompt(messages, max_new_tokens)
        tokens: _Tokens = queue.SimpleQueue()
        stop = threading.Event()
        worker = threading.Thread(
            target=self._generate, args=(ids, max_new_tokens, tokens, stop), daemon=True
        )
        worker.start()
        text, thoughts = TextPieces(self._tokenizer, self._tokenizing), ThoughtFilter()
        ended = False  # by a token that ends an answer
        try:
            while not cancelled():
                try:
                    token = tokens.get(timeout=0.05)
                except queue.Empty:
                    continue
                if isinstance(token, Exception):
                    raise _explain_run(self.name, token) from token
                if token is None:
                    if piece := thoughts.add(text.rest()) + thoughts.rest():
                        yield piece
                    if not ended:
                        yield Truncated()
                    return
                ended = token in self._stop_ids
                if piece := thoughts.add(text.add(token)):
                    yield piece
        finally:
            stop.set()
            worker.join()

    @contextmanager
    def exclusive(self) -> Iterator[tuple[Any, Any]]:
        """The model and its tokenizer, for whoever asks them in another way than `stream`; answers
        asked for meanwhile wait. Raises `GeneratorError` for whatever goes wrong.
        """
        with self._lock, self._tokenizing:
            try:
                yield self._model, self._tokenizer
            except GeneratorError:
                raise
            except Exception as error:
                raise _explain_run(self.name, error) from error

    def _fitting_prompt(
        self, messages: Sequence[Message], max_new_tokens: int
    ) -> tuple[list[int], int]:
        """The ids of the prompt, and how many tokens the answer may have after it."""
        ids = prompt_ids(self._tokenizer, messages, self._tokenizing)
        limit = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        if limit is None:
            return ids, max_new_tokens
        if len(ids) >= limit:
            raise GeneratorError(
                f"The prompt is {len(ids)} tokens long and {self.name} takes at most {limit}. "
                "Set generator.max_prompt_tokens or retrieval.top_k lower."
            )
        return ids, min(max_new_tokens, limit - len(ids))

    def _generate(
        self,
        ids: list[int],
        max_new_tokens: int,
        tokens: _Tokens,
        stop: threading.Event,
    ) -> None:
        """Put the answer's tokens into `tokens`, then None; or an exception. Runs in a thread of
        its own.

        The lock is held here and not in `stream`, so that a reader who pauses does not hold up the
        next one.
        """
        try:
            while not self._lock.acquire(timeout=0.05):
                if stop.is_set():
                    return
            try:
                import torch

                self._stop = stop
                prompt = torch.tensor([ids], device=self._model.device)
                with torch.inference_mode():
                    self._model.generate(
                        input_ids=prompt,
                        attention_mask=torch.ones_like(prompt),
                        max_new_tokens=max_new_tokens,
                        streamer=_Streamer(tokens, self._check_stop),
                    )
            finally:
                self._stop = threading.Event()
                self._lock.release()
        except _StoppedError:
            pass
        except Exception as error:  # whatever it is, the reader must hear of it rather than wait
            tokens.put(error)
        tokens.put(None)

    def _check_stop(self, *_: object) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def _watch_layers(self) -> None:
        """Look for a stop before every layer: reading a long prompt on a CPU is one step that takes
        a minute.
        """
        from torch.nn import ModuleList

        for module in self._model.modules():
            if isinstance(module, ModuleList):
                for layer in module:
                    layer.register_forward_pre_hook(self._check_stop)


class _StoppedError(Exception):
    """Generation was asked to stop."""


class _Streamer:
    """What `generate` hands its tokens to."""

    def __init__(self, tokens: _Tokens, check_stop: Callable[[], None]) -> None:
        self._tokens = tokens
        self._check_stop = check_stop

    def put(self, value: Any) -> None:
        self._check_stop()
        if value.dim() == 1:  # the prompt comes first, as a batch of one
            self._tokens.put(int(value[0]))

    def end(self) -> None:
        """The end is told by `_generate`, which also knows of errors."""


def _stop_ids(tokenizer: Any, model: Any) -> list[int]:
    """Every token that ends an answer: the tokenizer's, the model's, and the end of a turn in a
    chat.
    """
    configured = model.generation_config.eos_token_id
    ends = [
        tokenizer.eos_token_id,
        *(configured if isinstance(configured, list) else [configured]),
    ]
    special = {
        token.content: id for id, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    ends += [special.get(end) for end in TURN_ENDS]
    return list(dict.fromkeys(id for id in ends if id is not None and id < len(tokenizer)))


def _make_greedy(model: Any, stop_ids: list[int], pad_id: int | None) -> None:
    """Forget the sampling settings that come with a model: an answer should be the same each time."""
    import transformers

    library: Any = transformers
    if pad_id is None and stop_ids:
        pad_id = stop_ids[0]
    model.generation_config = library.GenerationConfig(
        do_sample=False, eos_token_id=stop_ids or None, pad_token_id=pad_id
    )


def _shown_name(model: str, adapter: str, quantization: str) -> str:
    name = Path(model).resolve().name if Path(model).is_dir() else model
    folder = Path(adapter).resolve()  # a run's own is called "adapter", which says nothing
    extras = (
        [f"adapter {folder.parent.name if folder.name == 'adapter' else folder.name}"]
        if adapter
        else []
    )
    extras += ["4-bit"] if quantization == "4bit" else []
    return f"{name} ({', '.join(extras)})" if extras else name


def _explain_run(name: str, error: Exception) -> GeneratorError:
    """The error to show for one that was met while answering."""
    if is_memory_error(error):
        return GeneratorError(
            f"{name} ran out of memory. Set generator.max_prompt_tokens or max_new_tokens lower, "
            'quantization = "4bit", or use a smaller model.'
        )
    return GeneratorError(
        f"{name} failed while answering: {type(error).__name__}: {first_line(error)}"
    )
