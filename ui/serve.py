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
    host, port = settings.server.host, settings.server.port
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
    announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    environment = {
        **os.environ,
        **settings.as_environment(),
        "STREAMLIT_SERVER_ADDRESS": host,
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.reading.max_upload_mb),
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
    }
    sys.stdout.flush()
    script = Path(__file__).with_name("app.py")
    os.execve(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script)], environment)
