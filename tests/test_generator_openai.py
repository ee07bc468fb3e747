"""The OpenAI-compatible generator against a real server on the loopback interface."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.generators.base import Truncated
from rag.generators.openai import OpenAIGenerator, estimate_tokens
from rag.generators.server_words import shown
from rag.schema import GeneratorError, SettingsError

MESSAGES = [{"role": "user", "content": "What do people say?"}]
KEY = "sk-secret-0123456789"


class Server(ThreadingHTTPServer):
    """Answers `/models` itself and leaves each chat request to `script`, called with the handler
    and its number.
    """

    daemon_threads = True

    def __init__(self, script: Callable[[Handler, int], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.models = ["tiny-model", "other-model"]
        self.client_left = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of these tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("Authorization"))
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "me"}
            for name in self.server.models
        ]
        self.reply(200, {"object": "list", "data": listed})

    def do_POST(self) -> None:
        self.server.keys.append(self.headers.get("Authorization"))
        self.server.requests.append(
            json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        )
        self.server.script(self, len(self.server.requests))

    def reply(self, status: int, body: object, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.flush()

    def send_piece(self, content: str | None, finish: str | None = None) -> None:
        delta = {"role": "assistant"} if content is None else {"content": content}
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [choice],
        }
        self.send_event(json.dumps(chunk))

    def end_stream(self) -> None:
        self.send_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def good_answer(handler: Handler, number: int) -> None:
    handler.begin_stream()
    handler.send_piece(None)
    for piece in ("They ", "like it", " [1]. 日本"):
        handler.send_piece(piece)
    handler.send_piece("", "stop")
    handler.send_event(
        json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": None})
    )
    handler.end_stream()


StartServer = Callable[[Callable[[Handler, int], None]], Server]


@pytest.fixture
def start_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartServer]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    servers: list[Server] = []

    def start(script: Callable[[Handler, int], None]) -> Server:
        server = Server(script)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(generator: OpenAIGenerator) -> list[str]:
    return list(generator.stream(MESSAGES, max_new_tokens=20))


def test_streams_the_answer_of_the_first_listed_model(start_server: StartServer) -> None:
    server = start_server(good_answer)
    generator = OpenAIGenerator(server.base_url)
    assert generator.name == f"first model at {server.base_url}"
    assert answer(generator) == ["They ", "like it", " [1]. 日本"]
    (request,) = server.requests
    assert request["model"] == "tiny-model"
    assert request["messages"] == MESSAGES
    assert (request["stream"], request["temperature"], request["max_tokens"]) == (True, 0, 20)
    assert generator.name == f"tiny-model at {server.base_url}"


def test_uses_the_model_it_is_given(start_server: StartServer) -> None:
    server = start_server(good_answer)
    generator = OpenAIGenerator(server.base_url, model="other-model")
    answer(generator)
    assert server.requests[0]["model"] == "other-model"
    assert generator.name == f"other-model at {server.base_url}"


def test_sends_the_key_from_the_named_variable(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server = start_server(good_answer)
    answer(OpenAIGenerator(server.base_url, api_key_env="MY_KEY"))
    assert server.keys == [f"Bearer {KEY}"] * 2


def test_sends_a_dummy_without_a_key_and_ignores_proxies(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = start_server(good_answer)
    answer(OpenAIGenerator(server.base_url))
    assert server.keys == ["Bearer none"] * 2


@pytest.mark.parametrize("status", [429, 500])
def test_tries_again_when_the_server_fails(start_server: StartServer, status: int) -> None:
    def script(handler: Handler, number: int) -> None:
        if number == 1:
            handler.reply(status, {"error": {"message": "not now"}})
        else:
            good_answer(handler, number)

    server = start_server(script)
    assert "".join(answer(OpenAIGenerator(server.base_url, model="m", retries=1))).startswith(
        "They like it"
    )
    assert len(server.requests) == 2


def test_gives_up_when_the_server_keeps_failing(start_server: StartServer) -> None:
    server = start_server(
        lambda handler, number: handler.reply(503, {"error": {"message": "still loading"}})
    )
    with pytest.raises(GeneratorError, match=r"HTTP status 503: .*still loading"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=1))
    assert len(server.requests) == 2


def test_a_refused_key_is_not_shown(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server = start_server(
        lambda handler, _: handler.reply(401, {"error": {"message": f"bad key {KEY}"}})
    )
    with pytest.raises(
        GeneratorError, match=r"refused the API key.*openai\.api_key_env names holds one"
    ) as caught:
        answer(OpenAIGenerator(server.base_url, model="m", api_key_env="MY_KEY"))
    assert KEY not in str(caught.value) and "MY_KEY" not in str(caught.value)
    assert server.base_url in str(caught.value)
    assert len(server.requests) == 1


def test_a_key_quoted_by_the_server_is_blotted_out(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server = start_server(
        lambda handler, _: handler.reply(400, {"error": {"message": f"no: {KEY}"}})
    )
    with pytest.raises(GeneratorError, match=r"HTTP status 400: .*no: \*\*\*") as caught:
        answer(OpenAIGenerator(server.base_url, model="m", api_key_env="MY_KEY"))
    assert KEY not in str(caught.value)


def test_a_key_that_no_header_can_hold(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "schlüssel")
    server = start_server(good_answer)
    with pytest.raises(GeneratorError, match="MY_KEY holds no usable API key"):
        answer(OpenAIGenerator(server.base_url, api_key_env="MY_KEY"))


def test_unknown_model(start_server: StartServer) -> None:
    server = start_server(
        lambda handler, _: handler.reply(404, {"error": {"message": "no such model"}})
    )
    with pytest.raises(GeneratorError, match=r'has no model "nope".*openai\.model'):
        answer(OpenAIGenerator(server.base_url, model="nope"))


def test_server_without_models(start_server: StartServer) -> None:
    server = start_server(good_answer)
    server.models = []
    with pytest.raises(GeneratorError, match="lists no models"):
        answer(OpenAIGenerator(server.base_url))


def test_parameters_that_newer_models_refuse(start_server: StartServer) -> None:
    def script(handler: Handler, number: int) -> None:
        for name in ("max_tokens", "temperature"):
            if name in handler.server.requests[-1]:
                return handler.reply(
                    400, {"error": {"message": f"unsupported: {name}", "param": name}}
                )
        return good_answer(handler, number)

    server = start_server(script)
    assert answer(OpenAIGenerator(server.base_url, model="m"))
    assert server.requests[-1]["max_completion_tokens"] == 20


def test_server_down() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(
        GeneratorError, match=rf"Cannot reach http://127.0.0.1:{port}/v1\. Start the server"
    ):
        answer(OpenAIGenerator(f"http://127.0.0.1:{port}/v1", model="m", retries=0))


@pytest.mark.parametrize("begin", [False, True], ids=["before the answer", "within the answer"])
def test_slow_server(start_server: StartServer, begin: bool) -> None:
    def script(handler: Handler, number: int) -> None:
        if begin:
            handler.begin_stream()
            handler.send_piece("They")
        time.sleep(0.8)
        handler.close_connection = True

    server = start_server(script)
    with pytest.raises(GeneratorError, match=r"was silent for 0.2 s.*openai\.timeout_s"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=0, timeout_s=0.2))


def cut_connection(handler: Handler) -> None:
    handler.begin_stream()
    handler.send_piece("They ")
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def end_without_finish(handler: Handler) -> None:
    handler.begin_stream()
    handler.send_piece("They ")
    handler.end_stream()


@pytest.mark.parametrize("cut", [cut_connection, end_without_finish])
def test_a_cut_answer_is_not_taken_for_a_whole_one(
    start_server: StartServer, cut: Callable[[Handler], None]
) -> None:
    server = start_server(lambda handler, _: cut(handler))
    pieces = OpenAIGenerator(server.base_url, model="m").stream(MESSAGES, max_new_tokens=20)
    assert next(pieces) == "They "
    with pytest.raises(GeneratorError, match="broke off in the middle"):
        next(pieces)
    assert len(server.requests) == 1  # what has been shown cannot be asked for again


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"data: {broken\n\n",
        b"data: 3\n\n",
        b'data: {"error": {"message": "oops"}}\n\n',
    ],
)
def test_something_that_is_no_completion(start_server: StartServer, body: bytes) -> None:
    server = start_server(lambda handler, _: handler.reply(200, body, "text/event-stream"))
    with pytest.raises(GeneratorError, match=rf"(?s){server.base_url}.*(ends in /v1|oops)"):
        answer(OpenAIGenerator(server.base_url, model="m"))


def test_an_empty_answer_is_an_error(start_server: StartServer) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        handler.send_piece("", "length")
        handler.end_stream()

    server = start_server(script)
    with pytest.raises(GeneratorError, match=r"answered with nothing.*max_new_tokens = 20"):
        answer(OpenAIGenerator(server.base_url, model="m"))


def endless_answer(handler: Handler, number: int) -> None:
    handler.begin_stream()
    try:
        while True:
            handler.send_piece("on and ")
            time.sleep(0.01)
    except OSError:
        handler.server.client_left.set()
        handler.close_connection = True


def test_closing_the_iterator_closes_the_stream(start_server: StartServer) -> None:
    server = start_server(endless_answer)
    pieces = OpenAIGenerator(server.base_url, model="m").stream(MESSAGES, max_new_tokens=20)
    assert next(pieces) == "on and "
    pieces.close()  # type: ignore[attr-defined]
    assert server.client_left.wait(5)


def test_cancelling_closes_the_stream(start_server: StartServer) -> None:
    server = start_server(endless_answer)
    cancel = threading.Event()
    pieces = OpenAIGenerator(server.base_url, model="m").stream(
        MESSAGES, max_new_tokens=20, cancelled=cancel.is_set
    )
    assert next(pieces) == "on and "
    cancel.set()
    assert len(list(pieces)) <= 1
    assert server.client_left.wait(5)


def test_cancelling_does_not_wait_for_a_silent_server(start_server: StartServer) -> None:
    waiting, over = threading.Event(), threading.Event()

    def script(handler: Handler, number: int) -> None:
        waiting.set()
        over.wait(30)

    server = start_server(script)
    began = time.monotonic()
    pieces = OpenAIGenerator(server.base_url, model="m").stream(
        MESSAGES, max_new_tokens=20, cancelled=waiting.is_set
    )
    assert list(pieces) == []
    assert time.monotonic() - began < 20
    over.set()


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "localhost:8000",
        "file:///etc/passwd",
        "ftp://host/v1",
        "http://",
        "http://h:x/",
        "http://u:p@h/",
    ],
)
def test_refuses_what_is_no_server_address(base_url: str) -> None:
    with pytest.raises(SettingsError, match=r"openai\.base_url"):
        OpenAIGenerator(base_url)


def test_counts_characters_of_other_scripts_by_their_bytes() -> None:
    assert estimate_tokens("映画") == 6
    assert estimate_tokens("a film, 10/10") == 1 + 1 + 1 + 1 + 5
    assert estimate_tokens("unbelievable") == 3
    counted = OpenAIGenerator("http://127.0.0.1/v1").count_tokens(
        [{"role": "user", "content": "a film"}]
    )
    assert counted > estimate_tokens("a film")


# --- servers that misbehave


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_was_cut_off_says_so(start_server: StartServer, finish: str) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        handler.send_piece("They like")
        handler.send_piece("", finish)
        handler.end_stream()

    server = start_server(script)
    pieces = answer(OpenAIGenerator(server.base_url, model="m"))
    assert pieces == ["They like", ""] and isinstance(pieces[-1], Truncated)


def test_an_answer_without_end_is_cut_at_its_greatest_length(start_server: StartServer) -> None:
    server = start_server(endless_answer)
    pieces = answer(OpenAIGenerator(server.base_url, model="m"))
    assert isinstance(pieces[-1], Truncated) and len("".join(pieces)) < 20 * 100
    assert server.client_left.wait(5)


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_thoughts_are_not_shown(start_server: StartServer, size: int) -> None:
    text = "<think>Review 1 is <b>odd</b>.</think>\n\nThey like it <3 [1]."

    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        delta = {"role": "assistant", "reasoning_content": "hm"}
        handler.send_event(json.dumps({"choices": [{"index": 0, "delta": delta}]}))
        handler.send_event(json.dumps({"choices": None}))
        for start in range(0, len(text), size):
            handler.send_piece(text[start : start + size])
        handler.send_piece("", "stop")
        handler.end_stream()

    server = start_server(script)
    pieces = list(OpenAIGenerator(server.base_url, model="m").stream(MESSAGES, max_new_tokens=200))
    assert "".join(pieces) == "They like it <3 [1]."


def keep_alive(handler: Handler) -> None:
    handler.begin_stream()
    for _ in range(100):
        handler.wfile.write(b"f\r\n: keep-alive...\r\n")
        handler.wfile.flush()
        time.sleep(0.05)


def empty_events(handler: Handler) -> None:
    handler.begin_stream()
    for _ in range(100):
        handler.send_piece("")
        time.sleep(0.05)


@pytest.mark.parametrize("script", [keep_alive, empty_events])
def test_what_keeps_a_connection_alive_without_words_is_silence(
    start_server: StartServer, script: Callable[[Handler], None]
) -> None:
    server = start_server(lambda handler, _: script(handler))
    began = time.monotonic()
    with pytest.raises(GeneratorError, match=r"was silent for 0\.4 s"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=0, timeout_s=0.4))
    assert time.monotonic() - began < 4


def test_an_answer_of_drops_ends(start_server: StartServer) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        while True:
            handler.send_piece("a")
            time.sleep(0.1)

    server = start_server(script)
    generator = OpenAIGenerator(server.base_url, model="m", retries=0, timeout_s=0.2)
    with pytest.raises(GeneratorError, match=r"was not over after 2 s.*openai\.timeout_s"):
        list(generator.stream(MESSAGES, max_new_tokens=10_000))


def test_one_endless_line_is_given_up(start_server: StartServer) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        while True:
            handler.wfile.write(b"100000\r\n" + b"A" * (1 << 20) + b"\r\n")

    server = start_server(script)
    with pytest.raises(GeneratorError, match="sends without end"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=0))


@pytest.mark.parametrize("content", [["a", {"b": 1}], 7, {"text": "x"}])
def test_content_that_is_no_text(start_server: StartServer, content: Any) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        handler.send_piece(content)

    server = start_server(script)
    with pytest.raises(GeneratorError, match="something other than a streamed chat completion"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=0))


def test_half_an_emoji_and_control_characters_are_no_text(start_server: StartServer) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.begin_stream()
        handler.send_piece("half \ud83d\x00\x1b[31m")
        handler.send_piece("", "stop")
        handler.end_stream()

    pieces = answer(OpenAIGenerator(start_server(script).base_url, model="m"))
    assert pieces == ["half \ufffd[31m"]


def test_compressed_replies_are_refused(start_server: StartServer) -> None:
    def script(handler: Handler, number: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"\x1f\x8b\x08\x00")

    server = start_server(script)
    with pytest.raises(GeneratorError, match="compressed"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=0))


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_prompt_is_not_sent_on_to_another_address(start_server: StartServer, status: int) -> None:
    other = start_server(good_answer)

    def script(handler: Handler, number: int) -> None:
        handler.send_response(status)
        handler.send_header("Location", f"{other.base_url}/chat/completions")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server = start_server(script)
    with pytest.raises(GeneratorError, match=rf"on to another address \(status {status}\)"):
        answer(OpenAIGenerator(server.base_url, model="m", retries=0))
    assert other.requests == []


# --- the key in a server's words

KEYS = st.text(st.sampled_from("abcdefXYZ0123456789-_"), min_size=12, max_size=40).filter(
    lambda key: sum(letter.isalnum() for letter in key) >= 10
)
CODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "capitals": str.upper,
    "percent": lambda key: "".join(f"%{ord(letter):02X}" for letter in key),
    "base64": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64, cut": lambda key: base64.b64encode(key.encode()).decode()[1:],
    "hex": lambda key: key.encode().hex(),
    "escaped": lambda key: "".join(f"\\x{ord(letter):02x}" for letter in key),
    "unicode": lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
    "entities": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "half": lambda key: key[: len(key) // 2 + 4],
    "backwards": lambda key: key[::-1],
    "bytes": lambda key: repr(key.encode()),
    "spaced": " ".join,
}


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
@settings(max_examples=25, deadline=None)
@given(key=KEYS)
def test_a_key_is_not_shown_in_any_coding(coding: Callable[[str], str], key: str) -> None:
    coded = coding(key)
    line = shown(f"bad key {coded}, sorry", key)
    assert coded not in line and ("***" in line or "not shown" in line)


def test_other_words_are_shown_on_one_short_line() -> None:
    said = "No model \x1b[31m<b>llama-3</b>\r\n\u2028in 42 days " + "z" * 5000
    line = shown(said, KEY)
    assert line.startswith("No model [31m<b>llama-3</b> in 42 days zzz") and len(line) == 300
