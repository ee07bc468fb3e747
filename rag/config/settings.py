"""All settings together, by their names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.config.groups import (
    Answering,
    Computing,
    Embedding,
    Generating,
    Group,
    Indexing,
    Judging,
    OpenAI,
    Paths,
    Reading,
    Retrieval,
    Server,
)
from rag.schema import SettingsError

ENV_PREFIX = "REVIEWQA_"
COMMAND_LINE = "the command line"


class Settings(BaseModel):
    """Every setting: ``settings.retrieval.top_k``; ``[retrieval] top_k = 5`` in `reviewqa.toml`,
    and ``REVIEWQA_RETRIEVAL__TOP_K`` in the environment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: Paths = Paths()
    reading: Reading = Reading()
    embedding: Embedding = Embedding()
    index: Indexing = Indexing()
    retrieval: Retrieval = Retrieval()
    answering: Answering = Answering()
    reader: Judging = Judging()
    runtime: Computing = Computing()
    generator: Generating = Generating()
    openai: OpenAI = OpenAI()
    server: Server = Server()

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with other values: ``settings.changed({"retrieval.top_k": 5})``. Raises
        `SettingsError` for an unknown name and for a value that is not allowed.
        """
        settings = self
        for name, value in changes.items():
            settings = settings.with_value(name, value)
        return settings

    def with_value(self, name: str, value: Any, source: str = "") -> Settings:
        """A copy with one other value; the `SettingsError` names the `source`."""
        if name not in NAMES:
            raise unknown_setting(name, source)
        group, _, key = name.partition(".")
        before = getattr(self, group)
        try:
            checked = getattr(type(before).model_validate({key: value}), key)
        except ValidationError as error:
            raise SettingsError(
                f"{name}{_stated_in(source)} must be {allowed(type(before), key)}, not {value!r}."
            ) from error
        return self.model_copy(update={group: before.model_copy(update={key: checked})})

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every setting's name and value: ``("retrieval.top_k", 12)``."""
        for group, values in self:
            for key, value in values:
                yield f"{group}.{key}", value

    def as_environment(self) -> dict[str, str]:
        """The environment variables that give another process these very settings."""
        return {variable_of(name): str(value) for name, value in self.items()}


GROUPS: dict[str, Group] = dict(Settings())
NAMES = tuple(name for name, _ in Settings().items())
# A key alone says which setting is meant; so do the names of before there were groups.
_PLACES = {name.partition(".")[2]: name for name in NAMES if not name.endswith(".model")} | {
    "embedder": "embedding.model",
    "embed_batch_size": "embedding.batch_size",
    "embed_dimension": "embedding.dimension",
    "retrieval": "retrieval.method",
    "generator": "generator.name",
    **{f"openai_{key}": f"openai.{key}" for key, _ in GROUPS["openai"]},
}


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.replace(".", "__").upper()


def _stated_in(source: str) -> str:
    if source.startswith(ENV_PREFIX):
        return f" in the environment variable {source}"
    return f" on {source}" if source == COMMAND_LINE else f" in {source}" if source else ""


def unknown_setting(name: str, source: str) -> SettingsError:
    """The error, with what was probably meant, written as it is written in the `source`."""
    key = name.rpartition(".")[2]
    near = difflib.get_close_matches(name, NAMES, n=1) or difflib.get_close_matches(key, _PLACES)
    meant = _PLACES.get(key) or (_PLACES.get(near[0], near[0]) if near else "")
    table, _, new_key = meant.partition(".")
    if not meant:
        advice = f"The groups are {', '.join(GROUPS)}; reviewqa config lists what is in them."
    elif source.startswith(ENV_PREFIX):
        advice = f"Write {variable_of(meant)}."
    elif source in ("", COMMAND_LINE):
        advice = f"Write {meant}."
    else:
        advice = f"Write it under [{table}], as {new_key} = ..."
    return SettingsError(f'Unknown setting "{name}"{_stated_in(source)}. {advice}')


def allowed(kind: type[BaseModel], key: str) -> str:
    """What a field may hold, in words: "a whole number between 1 and 100"."""
    schema = kind.model_json_schema()["properties"][key]
    if "enum" in schema:
        return f"one of {', '.join(map(json.dumps, schema['enum']))}"
    words = {"integer": "a whole number", "number": "a number", "string": "text"}[schema["type"]]
    if "minimum" in schema:
        words += f" between {schema['minimum']:,} and {schema['maximum']:,}"
    return "a path" if schema.get("format") == "path" else words
