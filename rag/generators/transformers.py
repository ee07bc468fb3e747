"""Any causal language model through transformers: a hub name or a folder, with or without a LoRA
adapter.

torch, transformers and peft are imported only when a model is loaded.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from rag.answering.templates import check_template
from rag.config import Settings
from rag.generators.base import Truncated, never_cancelled
from rag.generators.chat_template import UNLOCKED
from rag.generators.chat_template import prompt_ids as prompt_ids
from rag.generators.loading import is_memory_error, load_model
from rag.generators.thoughts import ThoughtFilter
from rag.schema import GeneratorError, Message, first_line

TURN_ENDS = ("<end_of_turn>", "<turn|>", "<|im_end|>")  # Gemma 1 to 3, Gemma 4, ChatML
# Gemma 4 may open an answer with an (empty) thought.
_THOUGHT, _THOUGHT_END = "<|channel>", "<channel|>"
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
        text, thoughts = _TextPieces(self._tokenizer, self._tokenizing), ThoughtFilter()
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


class _TextPieces:
    """Turns tokens into text as they come: no special token, no half character, no thoughts.

    Each piece is the difference between two decodings that begin a little earlier, because many
    tokenizers write a token differently at the beginning of a text.
    """

    def __init__(self, tokenizer: Any, lock: AbstractContextManager[object] = UNLOCKED) -> None:
        self._tokenizer = tokenizer
        self._lock = lock
        self._special = {
            id for id, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        added = tokenizer.get_added_vocab()
        self._thought, self._thought_end = added.get(_THOUGHT), added.get(_THOUGHT_END)
        self._thinking = False
        self._ids: list[int] = []
        self._told = 0  # ids whose text has been given out

    def add(self, token: int) -> str:
        """The text that `token` completes; empty if none."""
        if token in (self._thought, self._thought_end):
            self._thinking = token == self._thought
        elif token not in self._special and not self._thinking:
            self._ids.append(token)
            return self._new_text(final=False)
        return ""

    def rest(self) -> str:
        """What is left at the end."""
        return self._new_text(final=True)

    def _new_text(self, *, final: bool) -> str:
        before, now = self._decode(self._ids[: self._told]), self._decode(self._ids)
        if final:
            now = now.rstrip("\ufffd")
        elif len(now) == len(before) or now.endswith(
            "\ufffd"
        ):  # part of a character: wait for the rest
            return ""
        self._ids, self._told = self._ids[self._told :], len(self._ids) - self._told
        return now[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        with self._lock:
            return str(
                self._tokenizer.decode(
                    ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            )


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


_loaded: dict[tuple[object, ...], TransformersGenerator] = {}
_loading = threading.Lock()


def load_cached(settings: Settings, model: str, *, folder: str = "") -> TransformersGenerator:
    """The model, loaded once however many ask for it; another one takes its place in memory.

    `model` is a hub name or a folder, or what to call the model in `folder`. Raises `ModelError`
    where it was tuned on another prompt than this version writes.
    """
    source = folder or model
    check_template(source, settings.generator.adapter)
    # a model may be tuned or merged again under its name
    written = weights_written(source), weights_written(settings.generator.adapter)
    key = (
        source,
        settings.generator.adapter,
        settings.generator.quantization,
        settings.generator.dtype,
        written,
    )
    with _loading:
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = TransformersGenerator(
                source,
                adapter=settings.generator.adapter,
                quantization=settings.generator.quantization,
                dtype=settings.generator.dtype,
                name=model if folder else "",
            )
        return _loaded[key]


def weights_written(folder: str) -> tuple[int, ...]:
    """When the weight files of a model's folder were written, in ns; empty for a hub name."""
    place = Path(folder).expanduser()
    if not folder or not place.is_dir():
        return ()
    return tuple(sorted(path.stat().st_mtime_ns for path in place.glob("*.safetensors")))
