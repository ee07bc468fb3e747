"""The settings, and an index's fingerprint."""

from rag.config.fingerprint import NORMALISATION, index_fingerprint
from rag.config.groups import (
    BUNDLED_EMBEDDER,
    BUNDLED_EMBEDDER_PACKAGE,
    BUNDLED_GENERATOR,
    GEMMA_BASE,
)
from rag.config.settings import COMMAND_LINE, Settings, allowed
from rag.config.sources import (
    DEBUG_VARIABLE,
    LOG_VARIABLE,
    PROXY_VARIABLE,
    load_settings,
    load_with_origins,
)
from rag.config.trust import ConsentError, is_loopback, needs_consent, record_consent

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
