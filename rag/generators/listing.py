"""Which generators can be asked here: what the settings say, the program's own, and what was tuned
or merged here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rag.answering.templates import RECORD, read_record
from rag.config import Settings
from rag.generators.choice import EXTRACTIVE, automatic, merged_models, newest_first
from rag.generators.loading import ADAPTER_FILES
from rag.generators.registry import backends

SETTINGS_SAY = "as the settings say"
_ADAPTER = "adapter"  # the folder of a fine-tuning run that holds what it trained


@dataclass(frozen=True, slots=True)
class ListedGenerator:
    """A generator to choose: `name`, which no other on the list has, `about` it in a few words, and
    the two settings that ask it. `tuned`: it was merged or tuned on this machine."""

    name: str
    about: str
    generator: str
    adapter: str = ""
    tuned: bool = False

    @property
    def label(self) -> str:
        """``my-gemma (merged model)``."""
        return f"{self.name} ({self.about})"

    def asked(self, settings: Settings) -> Settings:
        """The settings that ask this generator."""
        return settings.changed(
            {"generator.name": self.generator, "generator.adapter": self.adapter}
        )


def list_generators(settings: Settings) -> tuple[ListedGenerator, ...]:
    """What the settings say first, then each other generator that answers here; none of them is
    loaded for that.

    Whether one fits into memory, or was tuned on this version's prompt, shows only when it is
    asked.
    """
    found: list[ListedGenerator] = []
    names: set[str] = set()
    for one in _all(settings):
        if any(_place(other) == _place(one) for other in found):
            continue
        name, number = one.name, 2
        while name in names:
            name, number = f"{one.name} {number}", number + 1
        names.add(name)
        found.append(replace(one, name=name))
    return tuple(found)


def same_model(settings: Settings, one: ListedGenerator, other: ListedGenerator) -> bool:
    """Whether two of the list come to one model, "auto" taken for what it stands for now."""

    def meant(listed: ListedGenerator) -> ListedGenerator:
        if listed.generator != "auto":
            return listed
        return replace(listed, generator=automatic(settings)[0])

    return one == other or _place(meant(one)) == _place(meant(other))


def _all(settings: Settings) -> Iterator[ListedGenerator]:
    known = list(_known(settings))
    yield _of_settings(settings, known)
    yield from known


def _of_settings(settings: Settings, known: list[ListedGenerator]) -> ListedGenerator:
    """What the settings say, under the name it has on the list anyhow, if it is there."""
    adapter = f" with {settings.generator.adapter}" if settings.generator.adapter else ""
    said = ListedGenerator(
        f"{settings.generator.name}{adapter}",
        SETTINGS_SAY,
        settings.generator.name,
        settings.generator.adapter,
    )
    same = next((one for one in known if _place(one) == _place(said)), None)
    return replace(said, name=same.name, tuned=same.tuned) if same else said


def _known(settings: Settings) -> Iterator[ListedGenerator]:
    yield ListedGenerator("auto", "the program chooses", "auto")
    yield ListedGenerator(EXTRACTIVE, "quotations only", EXTRACTIVE)
    yield from _of_backends(settings, local=True)
    yield from _merged(settings.paths.models_dir)
    yield from _adapters(settings.paths.runs_dir)
    yield from _of_backends(settings, local=False)


def _of_backends(settings: Settings, *, local: bool) -> Iterator[ListedGenerator]:
    for backend in backends():
        about = backend.about(settings)
        if about and backend.takes_adapter == local:
            yield ListedGenerator(backend.name, about, backend.name)


def _merged(models_dir: Path) -> Iterator[ListedGenerator]:
    for folder in merged_models(models_dir):
        yield ListedGenerator(folder.name, "merged model", str(folder), tuned=True)


def _adapters(runs_dir: Path) -> Iterator[ListedGenerator]:
    for run in newest_first(runs_dir, f"{_ADAPTER}/{RECORD}"):
        folder = run / _ADAPTER
        base = _base_of(folder)
        if base and all((folder / file).is_file() for file in ADAPTER_FILES):
            yield ListedGenerator(
                f"{run.name}/{_ADAPTER}", f"on {base}", base, str(folder), tuned=True
            )


def _base_of(adapter: Path) -> str:
    """The base model that an adapter's record names; "" where there is none to read."""
    base = read_record(adapter).get("base_model")
    return base if isinstance(base, str) else ""


def _place(one: ListedGenerator) -> tuple[str, ...]:
    """What makes two of them the same: a folder is one however it is written."""
    expanded = [os.path.expanduser(part) for part in (one.generator, one.adapter)]
    return tuple(os.path.realpath(part) if os.path.isdir(part) else part for part in expanded)
