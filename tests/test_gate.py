"""What the gate before the app adds to a page, and which uploads it refuses."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

import pytest
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from rag.config.groups import Server
from ui.access import BROWSER_COOKIE, BROWSER_COOKIE_S, Gate, browser_cookie

PAGE = "<html><head><title>x</title></head><body>y</head></body></html>"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """A page, and other things, as Streamlit serves them."""
    path = Request(scope).url.path

    def pieces() -> Iterator[str]:
        yield from ("a</head>", "b</head>")

    answer: Response = HTMLResponse(PAGE)
    if path.startswith("/_stcore"):
        answer = PlainTextResponse("taken")
    elif path == "/pieces":
        answer = StreamingResponse(pieces(), media_type="text/html")
    elif path == "/empty":
        answer = HTMLResponse("", 304)
    await answer(scope, receive, send)


def client(**server: object) -> TestClient:
    return TestClient(Gate(app, Server(**server)), base_url="http://localhost")  # type: ignore[arg-type]


def cookie_of(response: object) -> str:
    headers = response.headers  # type: ignore[attr-defined]
    assert len(headers.get_list("set-cookie")) <= 1
    match = re.match(rf"{BROWSER_COOKIE}=([\w-]+);", headers.get("set-cookie", ""))
    return match[1] if match else ""


def test_a_browser_gets_one_cookie_and_keeps_it() -> None:
    browser = client()
    first = browser.get("/")
    said = first.headers["set-cookie"]
    assert {"Path=/", "HttpOnly", "SameSite=Lax", f"Max-Age={BROWSER_COOKIE_S}"} <= set(
        said.split("; ")
    )
    assert "Secure" not in said
    token = cookie_of(first)
    assert len(token) == 43
    assert cookie_of(browser.get("/")) == token  # said anew, so that it lasts
    assert cookie_of(client().get("/")) not in ("", token)


@pytest.mark.parametrize("forged", ["short", "x" * 44, "a" * 42 + "%"])
def test_a_cookie_that_was_not_made_here_is_replaced(forged: str) -> None:
    told = client().get("/", headers={"Cookie": f"{BROWSER_COOKIE}={forged}"})
    assert cookie_of(told) not in ("", forged)


def test_a_cookie_that_came_by_https_goes_only_there() -> None:
    told = client().get("/", headers={"X-Forwarded-Proto": "https"})
    assert told.headers["set-cookie"].endswith("; Secure")
    scope = {"type": "http", "scheme": "https", "path": "/", "headers": [(b"host", b"localhost")]}
    assert browser_cookie(scope).endswith("; Secure")


def test_only_a_page_gets_our_head_once_and_the_policy_lets_that_script_run() -> None:
    told = client().get("/")
    assert told.headers["content-length"] == str(len(told.content))
    style, script = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", told.text, re.DOTALL)
    assert told.text.replace(f"<style>{style}</style><script>{script}</script>", "", 1) == PAGE
    assert told.text.index("<script>") < told.text.index("</head>")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = told.headers["content-security-policy"]
    assert f"'sha256-{digest}'" in policy and "'unsafe-inline'" not in policy.split("; ")[1]
    other = client().get("/_stcore/health")
    assert other.text == "taken" and cookie_of(other) == ""
    assert other.headers["content-security-policy"] == policy


def test_a_page_comes_unpacked_and_with_our_head_all_else_as_it_was() -> None:
    packing = TestClient(Gate(GZipMiddleware(app, minimum_size=1), Server()), "http://localhost")
    page = packing.get("/", headers={"Accept": "text/html,*/*;q=0.8", "Accept-Encoding": "gzip"})
    assert "content-encoding" not in page.headers and "<script>" in page.text
    other = packing.get("/_stcore/health", headers={"Accept-Encoding": "gzip"})
    assert other.headers["content-encoding"] == "gzip" and other.text == "taken"


def test_a_page_in_pieces_or_without_a_body_comes_whole() -> None:
    pieces = client().get("/pieces").text
    assert pieces.startswith("a<style>") and pieces.endswith("</script></head>b</head>")
    empty = client().get("/empty")
    assert empty.status_code == 304 and empty.text == ""


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_an_app_that_is_read_only_takes_no_files(method: str) -> None:
    place = "/_stcore/upload_file/session/file"
    assert client().request(method, place).text == "taken"
    guarded = client(read_only="on")
    refused = guarded.request(method, place)
    assert refused.status_code == 403 and "taken" not in refused.text
    assert guarded.request(method, f"/below{place}").status_code == 403
    assert guarded.get("/_stcore/health").text == "taken"
    assert guarded.get("/").status_code == 200
