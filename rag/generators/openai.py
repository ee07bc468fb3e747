"""Any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, LM Studio, or OpenAI's
own.
"""

from __future__ import annotations

import asyncio
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from rag.config import Settings
from rag.generators.base import Backend, never_cancelled
from rag.schema import GeneratorError, Message, SettingsError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CONNECT_TIMEOUT_S = 10.0
_PROMPT_OVERHEAD, _MESSAGE_OVERHEAD = (
    32,
    8,
)  # what a chat template adds: a default system message, turn tokens
_WORD_OR_CHARACTER = re.compile(r" ?[A-Za-z]+|.", re.DOTALL)


class OpenAIGenerator:
    """Answers from a server at `base_url`; `model` "" is the first one the server lists.

    The key is read from the environment variable named `api_key_env` when an answer is asked for,
    and sent to no other address; without one a dummy is sent, which local servers ignore. A request
    that fails before the answer has begun (no connection, time-out, status 408, 409, 429 or 5xx) is
    repeated up to `retries` times, with growing pauses. `timeout_s` is the longest silence allowed,
    not the length of an answer.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key_env: str = "OPENAI_API_KEY",
        timeout_s: float = 60.0,
        retries: int = 3,
    ) -> None:
        try:
            parts = urlsplit(base_url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise SettingsError(
                f'openai.base_url = "{base_url}" must begin with http:// or https:// and name a '
                "host."
            )
        if parts.username or parts.password:
            raise SettingsError(
                "openai.base_url must hold no user name or password; put a key in the environment."
            )
        self._base_url = base_url
        self._local = parts.hostname in _LOOPBACK
        self._model = model
        self._served = model  # what `name` says, once it is known
        self._api_key_env = api_key_env
        self._timeout_s = timeout_s
        self._retries = retries

    @property
    def name(self) -> str:
        return f"{self._served or 'first model'} at {self._base_url}"

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An upper estimate; the server's tokenizer is not known here. See `estimate_tokens`."""
        return _PROMPT_OVERHEAD + sum(
            _MESSAGE_OVERHEAD + estimate_tokens(message["content"]) for message in messages
        )

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str]:
        pieces: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
        stop = threading.Event()

        def work() -> None:
            try:
                asyncio.run(_until(stop, self._answer(messages, max_new_tokens, pieces.put)))
            except (
                Exception
            ) as error:  # whatever it is, the reader must hear of it rather than wait
                pieces.put(error)
            pieces.put(None)

        # In a thread of its own with an event loop, because only there can a request that waits be
        # given up at once.
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            while not cancelled():
                try:
                    piece = pieces.get(timeout=0.05)
                except queue.Empty:
                    continue
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    return
                yield piece
        finally:
            stop.set()
            worker.join()

    async def _answer(
        self, messages: Sequence[Message], max_new_tokens: int, put: Callable[[str], None]
    ) -> None:
        """Ask, and `put` the pieces of the answer as they come. Raises `GeneratorError`."""
        import openai

        key = os.environ.get(self._api_key_env, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise GeneratorError(
                f"The environment variable {self._api_key_env} holds no usable API key: correct it."
            )
        model, begun, finished = self._model, False, False
        try:
            async with openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=key or "none",
                max_retries=self._retries,
                timeout=openai.Timeout(
                    self._timeout_s, connect=min(self._timeout_s, _CONNECT_TIMEOUT_S)
                ),
                # A proxy in the environment cannot reach a server on this machine.
                http_client=openai.DefaultAsyncHttpxClient(trust_env=not self._local),
            ) as client:
                if not model:
                    listed = (await client.models.list()).data
                    if not listed:
                        raise GeneratorError(
                            f"The server at {self._base_url} lists no models: load one there."
                        )
                    model = self._served = listed[0].id
                async with await _open_stream(client, model, messages, max_new_tokens) as stream:
                    async for chunk in stream:
                        for choice in chunk.choices[:1]:
                            if choice.delta.content:
                                begun = True
                                put(choice.delta.content)
                            finished = finished or choice.finish_reason is not None
        except GeneratorError:
            raise
        except openai.OpenAIError as error:
            raise self._explain(
                error, model, key, begun
            ) from None  # its context holds the request, and so the key
        except Exception as error:  # the client trusts what a server sends: JSON, types, attributes
            raise GeneratorError(
                f"The server at {self._base_url} sent something other than a streamed chat "
                "completion "
                f"({type(error).__name__}). Check that openai.base_url is right; it usually ends "
                "in /v1."
            ) from None
        if not finished:
            raise GeneratorError(
                f"The answer from {self._base_url} broke off in the middle. Ask again, and look at "
                "the server's log."
                if begun
                else f"The server at {self._base_url} sent no answer. Check openai.base_url; it usually ends in /v1."
            )
        if not begun:
            raise GeneratorError(
                f'"{model}" at {self._base_url} answered with nothing. A model that thinks before '
                "it answers may have "
                f"used up max_new_tokens = {max_new_tokens}: raise it, or turn thinking off at the "
                "server."
            )

    def _explain(self, error: Exception, model: str, key: str, begun: bool) -> GeneratorError:
        """The error to show; never with the key in it, though servers like to quote it."""
        import openai

        server = f"The server at {self._base_url}"
        said = str(getattr(error, "message", error))
        said = (said.replace(key, "***") if key else said)[:300]
        if isinstance(error, openai.APITimeoutError):
            words = f"{server} was silent for {self._timeout_s:g} s. See whether it is busy, or raise openai.timeout_s."
        elif isinstance(error, openai.APIConnectionError):
            words = (
                f"The answer from {self._base_url} broke off in the middle. Ask again, and look at "
                "the server's log."
                if begun
                else f"Cannot reach {self._base_url}. Start the server there, or correct openai.base_url."
            )
        elif isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            held = "holds" if key else "does not hold"
            words = f"{server} refused the API key. The environment variable that openai.api_key_env names {held} one."
        elif isinstance(error, openai.NotFoundError):
            words = (
                f'{server} has no model "{model}", or no such address ({said}). Check openai.model '
                "and openai.base_url "
                "(it usually ends in /v1)."
            )
        elif isinstance(error, openai.RateLimitError):
            words = f"{server} takes no more requests for now ({said}). Wait, or check the account's quota."
        elif isinstance(error, openai.APIStatusError):
            words = f"{server} answered with HTTP status {error.status_code}: {said}"
        else:
            words = f"{server} reported an error: {said}"
        return GeneratorError(words)


async def _open_stream(
    client: Any, model: str, messages: Sequence[Message], max_new_tokens: int
) -> Any:
    import openai

    options: dict[str, Any] = {"max_tokens": max_new_tokens, "temperature": 0}
    while True:
        try:
            return await client.chat.completions.create(
                model=model,
                messages=[dict(message) for message in messages],
                stream=True,
                **options,
            )
        except openai.BadRequestError as error:
            # OpenAI's own newer models call the limit by another name and have one temperature
            # only.
            if error.param == "max_tokens" and "max_tokens" in options:
                options["max_completion_tokens"] = options.pop("max_tokens")
            elif error.param == "temperature" and "temperature" in options:
                del options["temperature"]
            else:
                raise


async def _until(stop: threading.Event, work: Any) -> None:
    """Run the coroutine `work`, and give it up as soon as `stop` is set; what it holds open is
    closed.
    """
    task = asyncio.ensure_future(work)
    while not task.done() and not stop.is_set():
        await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is, rather too many than too few.

    A run of Latin letters counts as one token per four letters begun, any other ASCII character as
    one, and every other character as one per UTF-8 byte, which is the most that a byte-level
    tokenizer makes of it. For English that is about a fifth too many. (Bytes divided by three, the
    usual rule, is half of the truth for Chinese or for digits with a tokenizer that knows little
    but English.)
    """
    count = 0
    for piece in _WORD_OR_CHARACTER.findall(text):
        if piece[-1].isascii():
            count += -(-len(piece.lstrip(" ")) // 4) if piece[-1].isalpha() else 1
        else:
            count += len(piece.encode("utf-8", "replace"))
    return count


def _from_settings(settings: Settings) -> OpenAIGenerator:
    return OpenAIGenerator(
        settings.openai.base_url,
        model=settings.openai.model,
        api_key_env=settings.openai.api_key_env,
        timeout_s=settings.openai.timeout_s,
        retries=settings.openai.retries,
    )


def _about(settings: Settings) -> str:
    if not (settings.openai.model or settings.generator.name == BACKEND.name):
        return ""
    return f"{settings.openai.model or 'the server’s first model'}, {settings.openai.base_url}"


BACKEND = Backend("openai", _from_settings, _about)
