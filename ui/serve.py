"""Serving the app with Streamlit, in a process that imports and reads nothing of the working folder
but what the settings name.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from rag.config import PROXY_VARIABLE, Settings, load_settings
from rag.process import passive_threads, safe_imports
from rag.schema import SettingsError
from ui.access import Gate, ignore_working_folder, what_is_open

FIRST_NEEDED = (
    "ui.pages",
    "rag.answering.answerers",
    "rag.reader.bundled",
    "rag.runtimes.sentence",
)
COMMAND = (sys.executable, "-P", "-m", "ui.serve")
APP = Path(__file__).with_name("app.py").resolve()


def serve(
    settings: Settings,
    announce: Callable[[str], None],
    *,
    allow_remote: bool = False,
    behind_proxy: bool = False,
) -> None:
    """Replace this process by the app's server. Raises `SettingsError` when the port is taken, or
    other machines may not be let in like this.
    """
    host, port = settings.server.host, settings.server.port
    opened = what_is_open(settings, allow_remote, behind_proxy)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {host}:{port} ({error.strerror}). Another app may be running "
                f"there; choose another port: reviewqa app --port {port + 1}"
            ) from error
    if opened:
        announce(opened)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    announce(f"The app is at {address}  (Ctrl-C ends it)")
    environment = {**os.environ, **settings.as_environment()}
    environment.pop(PROXY_VARIABLE, None)
    if behind_proxy:
        environment[PROXY_VARIABLE] = "1"
    sys.stdout.flush()
    os.execve(COMMAND[0], COMMAND, environment)


def run(script: Path = APP) -> None:
    """What the process then does: serve the app, or another `script`, as the environment says."""
    passive_threads()
    safe_imports()
    ignore_working_folder()
    from starlette.middleware import Middleware
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.starlette import App

    PagesManager.uses_pages_directory = False  # the files in pages/ are no scripts of their own
    settings = load_settings()
    threading.Thread(target=_import_pages, daemon=True).start()
    App(script, middleware=[Middleware(Gate, server=settings.server)]).run(
        config={
            "server.address": settings.server.host,
            "server.port": settings.server.port,
            "server.headless": True,
            "server.maxUploadSize": settings.reading.max_upload_mb,
            "server.fileWatcherType": "none",
            "server.enableAgentApi": False,
            "browser.gatherUsageStats": False,
            "client.toolbarMode": "minimal",
            "logger.hideWelcomeMessage": True,
        }
    )


def _import_pages() -> None:
    """Import what the first page needs while the server starts and the browser reads the app's own
    part: they would wait for each other otherwise.
    """
    for name in FIRST_NEEDED:
        importlib.import_module(name)


if __name__ == "__main__":
    run()
