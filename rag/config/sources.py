"""Where the settings come from: a TOML file, the environment, the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag.config.settings import (
    COMMAND_LINE,
    ENV_PREFIX,
    GROUPS,
    NAMES,
    Settings,
    unknown_setting,
    variable_of,
)
from rag.config.trust import require_consent
from rag.config.variables import NO_SETTINGS, SETTINGS_FILE
from rag.schema import SettingsError


def load_settings(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Defaults, then the TOML file, then the environment, then `overrides` by name, as
    ``{"retrieval.top_k": 5}`` (None values are left out).

    Without `path`, `reviewqa.toml` in the working directory is read if there is one, and if the
    environment leaves it anything to say. Raises `SettingsError` for a file that cannot be read, an
    unknown name, or a value that is not allowed, and `ConsentError` where that file sets what
    needs the user's consent.
    """
    return load_with_origins(path, environ=environ, overrides=overrides)[0]


def load_with_origins(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Settings, dict[str, str]]:
    """As `load_settings`, and where each value that is no default came from, by name."""
    environ = os.environ if environ is None else environ
    file, content = path or Path(SETTINGS_FILE), b""
    if path is not None or (file.exists() and not {*map(variable_of, NAMES)} <= {*environ}):
        content = _read(file, found=path is None)
    stated = _in_file(file, content) + _in_environment(environ)
    given = (overrides or {}).items()
    stated += [(name, value, COMMAND_LINE) for name, value in given if value is not None]
    settings, origins = Settings(), {}
    for name, value, source in stated:
        settings = settings.with_value(name, value, source)
        origins[name] = source
    if path is None:
        in_force = ((n, value) for n, value in settings.items() if origins.get(n) == str(file))
        require_consent(file, content, in_force)
    return settings, origins


def _read(file: Path, found: bool) -> bytes:
    try:
        if found and not file.is_file():  # reading a pipe that somebody left there would never end
            raise SettingsError(f"{file} in this folder is not a file. Remove it.")
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"Cannot read the settings file {file}: {error.strerror}.") from error


def _in_file(file: Path, content: bytes) -> list[tuple[str, Any, str]]:
    """Names, values and where they stand."""
    try:
        tables = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from error
    stated: list[tuple[str, Any, str]] = []
    for table, values in tables.items():
        if not isinstance(values, dict) or (not values and table not in GROUPS):
            raise unknown_setting(table, str(file))
        stated += [(f"{table}.{key}", value, str(file)) for key, value in values.items()]
    return stated


def _in_environment(environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    return [
        (variable.removeprefix(ENV_PREFIX).lower().replace("__", ".", 1), text, variable)
        for variable, text in environ.items()
        if variable.startswith(ENV_PREFIX) and variable not in NO_SETTINGS
    ]
