"""Serving the app with Streamlit."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from rag.config import ENV_PREFIX, Settings
from rag.schema import SettingsError


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Replace this process by the app's server. Raises `SettingsError` when the port is taken."""
    with socket.socket(
        socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_STREAM
    ) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}). "
                "Another app may be running there; choose another port: reviewqa app --port "
                f"{settings.port + 1}"
            ) from error
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"http://{host}:{settings.port}")
    environment = {
        **os.environ,
        **{
            ENV_PREFIX + name.upper(): str(value)
            for name, value in dataclasses.asdict(settings).items()
        },
        "STREAMLIT_SERVER_ADDRESS": settings.host,
        "STREAMLIT_SERVER_PORT": str(settings.port),
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.max_upload_mb),
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
    }
    sys.stdout.flush()
    script = Path(__file__).with_name("app.py")
    os.execve(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script)], environment)
