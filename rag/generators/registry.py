"""The generator back ends by the name that the settings use. A back end is one file here with a
`BACKEND`, and its line in `_BUILT_IN`; whatever no back end is called is a model for transformers.
"""

from __future__ import annotations

from rag.config import Settings
from rag.generators import bundled, cached, gemma, openai
from rag.generators.base import Backend, Generator
from rag.schema import SettingsError

_BUILT_IN = (openai.BACKEND, bundled.BACKEND, gemma.BACKEND)
_backends: dict[str, Backend] = {backend.name: backend for backend in _BUILT_IN}


def register(backend: Backend) -> None:
    """Add a back end, or put it in the place of the one of its name."""
    _backends[backend.name] = backend


def backends() -> tuple[Backend, ...]:
    """All that are registered."""
    return tuple(_backends.values())


def load_generator(settings: Settings, name: str) -> Generator:
    """The generator of this name: a back end's, or a model's hub name or folder.

    Raises `SettingsError` for an adapter on what takes none, `ModelError` for a model that cannot
    be loaded.
    """
    backend = _backends.get(name)
    if backend is None:
        return cached.load_cached(settings, name)
    if settings.generator.adapter and not backend.takes_adapter:
        raise no_adapter(settings, name)
    return backend.load(settings)


def no_adapter(settings: Settings, name: str) -> SettingsError:
    """The error for an adapter on something that takes none."""
    return SettingsError(
        f'The adapter "{settings.generator.adapter}" cannot be put on {name}. '
        "Name its base model: generator.name = <hub name or folder>."
    )
