"""Serving the app with Streamlit."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from rag.config import Settings
from rag.schema import SettingsError


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Replace this process by the app's server. Raises `SettingsError` when the port is taken."""
    with socket.socket(
        socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET, socket.SOCK_STREAM
    ) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.server.host, settings.server.port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {settings.server.host}:{settings.server.port} ({error.strerror}). "
                "Another app may be running there; choose another port: reviewqa app --port "
                f"{settings.server.port + 1}"
            ) from error
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    announce(f"http://{host}:{settings.server.port}")
    environment = {
        **os.environ,
        **settings.as_environment(),
        "STREAMLIT_SERVER_ADDRESS": settings.server.host,
        "STREAMLIT_SERVER_PORT": str(settings.server.port),
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.reading.max_upload_mb),
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
    }
    sys.stdout.flush()
    script = Path(__file__).with_name("app.py")
    os.execve(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script)], environment)
