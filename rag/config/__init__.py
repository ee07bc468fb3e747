"""The settings, and an index's fingerprint."""

from typing import TYPE_CHECKING

from rag.lazy import exporter

if TYPE_CHECKING:
    from rag.config.fingerprint import NORMALISATION, index_fingerprint
    from rag.config.groups import (
        BUNDLED_EMBEDDER,
        BUNDLED_EMBEDDER_PACKAGE,
        BUNDLED_GENERATOR,
        GEMMA_BASE,
    )
    from rag.config.settings import COMMAND_LINE, Settings, allowed
    from rag.config.sources import load_settings, load_with_origins
    from rag.config.trust import ConsentError, is_loopback, needs_consent, record_consent
    from rag.config.variables import DEBUG_VARIABLE, LOG_VARIABLE, PROXY_VARIABLE

__all__ = [
    "BUNDLED_EMBEDDER",
    "BUNDLED_EMBEDDER_PACKAGE",
    "BUNDLED_GENERATOR",
    "COMMAND_LINE",
    "DEBUG_VARIABLE",
    "GEMMA_BASE",
    "LOG_VARIABLE",
    "NORMALISATION",
    "PROXY_VARIABLE",
    "ConsentError",
    "Settings",
    "allowed",
    "index_fingerprint",
    "is_loopback",
    "load_settings",
    "load_with_origins",
    "needs_consent",
    "record_consent",
]

__getattr__ = exporter(
    "rag.config",
    {
        "rag.config.fingerprint": ("NORMALISATION", "index_fingerprint"),
        "rag.config.groups": (
            "BUNDLED_EMBEDDER",
            "BUNDLED_EMBEDDER_PACKAGE",
            "BUNDLED_GENERATOR",
            "GEMMA_BASE",
        ),
        "rag.config.settings": ("COMMAND_LINE", "Settings", "allowed"),
        "rag.config.sources": ("load_settings", "load_with_origins"),
        "rag.config.trust": ("ConsentError", "is_loopback", "needs_consent", "record_consent"),
        "rag.config.variables": ("DEBUG_VARIABLE", "LOG_VARIABLE", "PROXY_VARIABLE"),
    },
)
