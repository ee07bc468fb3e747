"""Any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, LM Studio, or OpenAI's
own. A server is believed in nothing: its answer has a greatest length and a latest end, it may not
send the prompt on to another address, and what it writes in an error is shown without the key.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from rag.config import Settings, is_loopback
from rag.generators.base import Backend, never_cancelled
from rag.generators.openai_reply import Reply, bounded
from rag.generators.openai_reply import estimate_tokens as estimate_tokens
from rag.generators.server_words import shown
from rag.schema import GeneratorError, Message, SettingsError

_CONNECT_TIMEOUT_S = 10.0
_WHOLE_ANSWER = 10  # times the longest silence: when an answer must be over
# What a chat template adds: a default system message, turn tokens.
_PROMPT_OVERHEAD, _MESSAGE_OVERHEAD = 32, 8
_BYTES_PER_TOKEN, _BYTES_AROUND = 8192, 1 << 20  # of a whole reply, JSON and all


class OpenAIGenerator:
    """Answers from a server at `base_url`; `model` "" is the first one the server lists.

    The key is read from the environment variable named `api_key_env` when an answer is asked for,
    and sent to no other address; without one a dummy is sent, which local servers ignore. A request
    that fails before the answer has begun (no connection, time-out, status 408, 409, 429 or 5xx) is
    repeated up to `retries` times, with growing pauses. `timeout_s` is the longest time without a
    word; a whole answer may take ten times as long.
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
        self._local = is_loopback(parts.hostname or "")
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
            except Exception as error:  # whatever it is, the reader must hear of it
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
        model, reply = self._model, Reply(max_new_tokens, put)
        try:
            async with (
                asyncio.timeout(_WHOLE_ANSWER * self._timeout_s),
                self._client(key, max_new_tokens) as client,
            ):
                if not model:
                    model = await self._first_model(client)
                    self._served = shown(model, key)
                async with await _open_stream(client, model, messages, max_new_tokens) as stream:
                    await self._read(aiter(stream), reply)
        except GeneratorError:
            raise
        except TimeoutError:
            raise GeneratorError(
                f"The answer from {self._base_url} was not over after "
                f"{_WHOLE_ANSWER * self._timeout_s:g} s. See whether the server is busy, or raise "
                "openai.timeout_s."
            ) from None
        except openai.OpenAIError as error:
            # its context holds the request, and so the key
            raise self._explain(error, model, key, reply.begun) from None
        except Exception as error:  # the client trusts what a server sends: JSON, types, attributes
            raise self._no_completion(type(error).__name__) from None
        self._check_whole(reply, model, max_new_tokens)

    def _client(self, key: str, max_new_tokens: int) -> Any:
        import openai

        longest = _BYTES_AROUND + _BYTES_PER_TOKEN * max_new_tokens

        async def guard(response: Any) -> None:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._no_completion("compressed, though that was not asked for")
            too_long = f"The server at {self._base_url} sends without end; the answer was given up."
            response.stream = bounded(response, longest, GeneratorError(too_long))

        return openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=key or "none",
            max_retries=self._retries,
            timeout=openai.Timeout(
                self._timeout_s, connect=min(self._timeout_s, _CONNECT_TIMEOUT_S)
            ),
            default_headers={"Accept-Encoding": "identity"},
            http_client=openai.DefaultAsyncHttpxClient(
                trust_env=not self._local,  # a proxy cannot reach a server on this machine
                follow_redirects=False,  # the prompt goes to the address that was named
                event_hooks={"response": [guard]},
            ),
        )

    async def _first_model(self, client: Any) -> str:
        listed = (await client.models.list()).data
        if not listed:
            raise GeneratorError(f"The server at {self._base_url} lists no models: load one there.")
        if not isinstance(listed[0].id, str):
            raise self._no_completion("a model without a name")
        return listed[0].id

    async def _read(self, chunks: AsyncIterator[Any], reply: Reply) -> None:
        """Read to the end, or as far as the answer may go. What keeps a connection alive without a
        word counts as silence.
        """
        loop = asyncio.get_running_loop()
        silent_since = loop.time()
        while not reply.full:
            left = silent_since + self._timeout_s - loop.time()
            try:
                chunk = await asyncio.wait_for(anext(chunks), max(left, 0.001))
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise self._silent() from None
            if reply.add(chunk):
                silent_since = loop.time()
        reply.end()

    def _check_whole(self, reply: Reply, model: str, max_new_tokens: int) -> None:
        if not (reply.finished or reply.full):
            raise GeneratorError(
                self._broke_off()
                if reply.begun
                else f"The server at {self._base_url} sent no answer. Check openai.base_url; it "
                "usually ends in /v1."
            )
        if not reply.begun:
            raise GeneratorError(
                f'"{model}" at {self._base_url} answered with nothing. A model that thinks before '
                f"it answers may have used up max_new_tokens = {max_new_tokens}: raise it, or turn "
                "thinking off at the server."
            )

    def _silent(self) -> GeneratorError:
        return GeneratorError(
            f"The server at {self._base_url} was silent for {self._timeout_s:g} s. See whether it "
            "is busy, or raise openai.timeout_s."
        )

    def _broke_off(self) -> str:
        return (
            f"The answer from {self._base_url} broke off in the middle. Ask again, and look at the "
            "server's log."
        )

    def _no_completion(self, what: str) -> GeneratorError:
        return GeneratorError(
            f"The server at {self._base_url} sent something other than a streamed chat completion "
            f"({what}). Check that openai.base_url is right; it usually ends in /v1."
        )

    def _explain(self, error: Exception, model: str, key: str, begun: bool) -> GeneratorError:
        """The error to show; never with the key in it, though servers like to quote it."""
        import openai

        server = f"The server at {self._base_url}"
        said = shown(str(getattr(error, "message", error)), key)
        status = getattr(error, "status_code", 0)
        if isinstance(error.__cause__, GeneratorError):  # ours, wrapped by the client
            return error.__cause__
        if isinstance(error, openai.APITimeoutError):
            return self._silent()
        if isinstance(error, openai.APIConnectionError):
            words = (
                self._broke_off()
                if begun
                else f"Cannot reach {self._base_url}. Start the server there, or correct "
                "openai.base_url."
            )
        elif isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            held = "holds" if key else "does not hold"
            words = (
                f"{server} refused the API key. The environment variable that openai.api_key_env "
                f"names {held} one."
            )
        elif isinstance(error, openai.NotFoundError):
            words = (
                f'{server} has no model "{model}", or no such address ({said}). Check openai.model '
                "and openai.base_url (it usually ends in /v1)."
            )
        elif isinstance(error, openai.RateLimitError):
            words = (
                f"{server} takes no more requests for now ({said}). Wait, or check the account's "
                "quota."
            )
        elif 300 <= status < 400:
            words = (
                f"{server} sends requests on to another address (status {status}), and a prompt "
                "is sent only where openai.base_url says. Name the right address there."
            )
        elif status:
            words = f"{server} answered with HTTP status {status}: {said}"
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


def _from_settings(settings: Settings) -> OpenAIGenerator:
    chosen = settings.openai
    return OpenAIGenerator(
        chosen.base_url,
        model=chosen.model,
        api_key_env=chosen.api_key_env,
        timeout_s=chosen.timeout_s,
        retries=chosen.retries,
    )


def _about(settings: Settings) -> str:
    if not (settings.openai.model or settings.generator.name == BACKEND.name):
        return ""
    return f"{settings.openai.model or 'the server’s first model'}, {settings.openai.base_url}"


BACKEND = Backend("openai", _from_settings, _about)
