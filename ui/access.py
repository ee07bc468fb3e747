"""Who may reach the app: under which names, from which pages, and after which login."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import ipaddress
import os
import re
import secrets
import sys
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

from rag.config import PROXY_VARIABLE, Settings, is_loopback, load_settings
from rag.config.groups import Server
from rag.schema import SettingsError

BROWSER_COOKIE = "reviewqa_browser"
BROWSER_COOKIE_S = 90 * 24 * 3600  # from the last visit on
LOGIN_FILE = "~/.streamlit/secrets.toml"
_ALL_ADDRESSES = ("", "0.0.0.0", "::")
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:@/?#\\\[\]]+))(?::\d{1,5})?")
_REFUSED = (
    "This app is not served under this name, or a page of another site asked for it. "
    "docs/security.md says how to serve it under a name of yours.\n"
)


class Gate:
    """ASGI middleware: answers only requests to the app's own names from its own pages, and tells
    browsers to keep other sites out of its answers.

    A page of another site whose name is made to lead here (DNS rebinding) still sends that name.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app, self._server = app, server
        style, script = _own("first_paint.css"), _own("page.js")
        self._head = f"<style>{style}</style><script>{script}</script>".encode()
        self._headers = _response_headers(script)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""

        page: Message | None = None  # how the answer begins, where it is a page

        async def send_with_headers(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Set-Cookie", browser_cookie(scope))
                    page = message
                    return
            elif page is not None:
                begins, page = page, None
                if message.get("body"):
                    message = self._with_head(begins, message)
                await send(begins)
            await send(message)

        if scope["type"] == "lifespan" or (
            admits(self._server, Headers(scope=scope)) and not self._is_refused_upload(scope)
        ):
            await self._app(_unpacked(scope), receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(_REFUSED, 403)(scope, receive, send_with_headers)

    def _is_refused_upload(self, scope: Scope) -> bool:
        """Whether somebody sends a file to an app that is read-only."""
        return self._server.read_only == "on" and "/_stcore/upload_file" in scope.get("path", "")

    def _with_head(self, begins: Message, body: Message) -> Message:
        """The body of a page, which Streamlit sends in one piece, with what is ours in its head."""
        whole = body["body"].replace(b"</head>", self._head + b"</head>", 1)
        headers = MutableHeaders(scope=begins)
        if "content-length" in headers:
            added = len(whole) - len(body["body"])
            headers["content-length"] = str(int(headers["content-length"]) + added)
        return {**body, "body": whole}


def _unpacked(scope: Scope) -> Scope:
    """The request, which asks for a page as it is: into a packed one nothing can be put."""
    if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
        return scope
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
    return {**scope, "headers": kept}


def browser_cookie(scope: Scope) -> str:
    """The cookie that tells this browser from others: the one that it has, or a new one. It opens
    nothing but the questions that this browser asked, and no script can read it.
    """
    request = Request(scope)
    token = request.cookies.get(BROWSER_COOKIE, "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", token):
        token = secrets.token_urlsafe(32)
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    return (
        f"{BROWSER_COOKIE}={token}; Path=/; Max-Age={BROWSER_COOKIE_S}; HttpOnly; SameSite=Lax"
        + ("; Secure" if secure else "")
    )


def admits(server: Server, headers: Headers) -> bool:
    """Whether a request is to one of the app's own names, and from no page of another site."""
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    match = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
    if match is None or not _is_own_name(server, match[1] or match[2]):
        return False
    own = (f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower())
    return all(origin.lower() in own for origin in origins)


def _is_own_name(server: Server, name: str) -> bool:
    if is_loopback(name) or name in (server.host.lower(), server.public_name.lower()):
        return True
    return server.host in _ALL_ADDRESSES and _is_address(name)  # no page can take a number over


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _own(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def _response_headers(script: str) -> dict[str, str]:
    """The headers of all answers; of scripts in a page, Streamlit's and this one may run."""
    page = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in [*re.findall(r"<script>(.*?)</script>", page, re.DOTALL), script]
    ]
    scripts = " ".join(f"'sha256-{digest}'" for digest in hashes)
    policy = (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


def ignore_working_folder() -> None:
    """Let Streamlit read no `.streamlit/` in the working folder, where anybody's files may lie."""
    file_util.get_project_streamlit_file_path = file_util.get_streamlit_file_path


def what_is_open(settings: Settings, allow_remote: bool, behind_proxy: bool) -> str:
    """What others can do at the address that is set, "" where only this machine reaches it. Raises
    `SettingsError` where they may not be let in like this.
    """
    server = settings.server
    if not is_loopback(server.host) and not allow_remote:
        raise SettingsError(
            f'server.host = "{server.host}" lets other machines in. If you want that, add '
            "--allow-remote; docs/security.md says what is open then."
        )
    if not _is_for_others(server):
        return ""
    if not behind_proxy:
        _require_login_set_up()
    indexes, files = settings.paths.indexes_dir, settings.paths.reviews_dir
    can = (
        f"read all reviews in {indexes}/"
        if server.read_only == "on"
        else f"read all reviews in {indexes}/ and {files}/, upload files, and change and remove "
        "indexes"
    )
    return (
        f"Others can reach the app. Whoever your {'proxy' if behind_proxy else 'login'} lets in can "
        f"{can}. Without https, everybody on the way can read along."
    )


def is_read_only() -> bool:
    """Whether the app offers nothing that changes an index."""
    return load_settings().server.read_only == "on"


def _is_for_others(server: Server) -> bool:
    return not is_loopback(server.host) or bool(server.public_name)


def _require_login_set_up() -> None:
    ignore_working_folder()
    if not (st.secrets.load_if_toml_exists() and "auth" in st.secrets):
        raise SettingsError(
            f"Others are let in only after a login. Put [auth] into {LOGIN_FILE} "
            "(docs/security.md says how), or let a proxy ask who comes and add --behind-proxy."
        )
    if importlib.util.find_spec("authlib") is None:
        raise SettingsError(
            "The login needs one more package. This installs it: "
            f'{sys.executable} -m pip install "streamlit[auth]"'
        )


def lets_in(server: Server) -> bool:
    """Whether the page may be shown: not where others reach the app, no proxy asks people who they
    are, and this one has not said so; a button to log in is drawn then.
    """
    if not _is_for_others(server) or PROXY_VARIABLE in os.environ:
        return True
    if getattr(st.user, "is_logged_in", False):
        return True
    st.button("Log in", on_click=st.login, type="primary", key="login")
    return False
