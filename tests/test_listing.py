"""Which generators can be asked here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.config import BUNDLED_GENERATOR, Settings
from rag.generators import bundled, registry
from rag.generators.listing import SETTINGS_SAY, ListedGenerator, list_generators
from rag.generators.transformers import _shown_name
from tests.test_choice import make_model


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_adapter(folder: Path, *, base: Any = "google/gemma-2b-it", age: int = 0) -> Path:
    """What fine-tuning leaves in its run's folder, as it looks from outside."""
    folder.mkdir(parents=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).write_text("{}")
    (folder / "training.json").write_text(json.dumps({"base_model": base}))
    os.utime(folder / "training.json", (1e9 - age, 1e9 - age))
    return folder


def listed(changes: Mapping[str, Any] | None = None) -> dict[str, ListedGenerator]:
    found = list_generators(Settings().changed(changes or {}))
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def test_at_first_it_is_the_programs_own_and_what_the_settings_say_leads() -> None:
    assert list(listed()) == ["auto", "extractive", BUNDLED_GENERATOR]
    assert listed()["auto"].label == f"auto ({SETTINGS_SAY})"
    named = list(listed({"generator.name": "extractive"}).values())
    assert [one.name for one in named] == ["extractive", "auto", BUNDLED_GENERATOR]
    assert named[0].about == SETTINGS_SAY and named[1].about != SETTINGS_SAY
    assert (
        listed({"generator.name": "google/gemma-2b-it"})["google/gemma-2b-it"].generator
        == "google/gemma-2b-it"
    )


def test_what_is_not_installed_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(bundled.SMOLLM2, parts=(("no_such_package", "model.gguf"),))
    monkeypatch.setitem(registry._backends, BUNDLED_GENERATOR, missing.backend("bundled"))
    assert list(listed()) == ["auto", "extractive"]


def test_merged_models_are_listed_newest_first_and_nothing_else_of_their_folder() -> None:
    for name, age in (("a-old", 50), ("b-new", 0), ("c-older", 90), (".being-made", 0)):
        make_model(Path("models") / name, age=age)
    (make_model(Path("models/no-weights")) / "model.safetensors").unlink()
    Path("models/README.md").write_text("models go here")
    found = [one for one in listed().values() if one.tuned]
    assert [one.name for one in found] == ["b-new", "a-old", "c-older"]
    assert found[0].label == "b-new (merged model)"
    settings = found[0].asked(
        Settings().changed({"generator.adapter": "of-the-settings", "retrieval.top_k": 3})
    )
    assert (settings.generator.name, settings.generator.adapter, settings.retrieval.top_k) == (
        str(Path("models/b-new")),
        "",
        3,
    )


def test_adapters_are_asked_on_the_base_that_their_record_names() -> None:
    runs = Path("finetune/runs")
    make_adapter(runs / "older" / "adapter", age=9)
    folder = make_adapter(runs / "newer" / "adapter", base="smollm2-135m")
    make_adapter(runs / "no-base" / "adapter", base=None)
    (make_adapter(runs / "no-weights" / "adapter") / "adapter_model.safetensors").unlink()
    (make_adapter(runs / "damaged" / "adapter") / "training.json").write_text("[")
    (make_adapter(runs / "no-record" / "adapter") / "training.json").unlink()
    (runs / "votes.jsonl").write_text("{}\n")
    found = [one for one in listed().values() if one.tuned]
    assert [one.name for one in found] == ["newer/adapter", "older/adapter"]
    assert found[0].label == "newer/adapter (on smollm2-135m)"
    assert found[0].asked(Settings()) == Settings().changed(
        {"generator.name": "smollm2-135m", "generator.adapter": str(folder)}
    )


def test_a_server_is_listed_only_where_the_settings_speak_of_one() -> None:
    assert "my-gemma" in listed({"openai.model": "my-gemma"})["openai"].label
    assert listed({"generator.name": "openai"})["openai"].about == SETTINGS_SAY


def test_what_the_settings_name_is_listed_once_under_the_name_it_has_anyhow(tmp_path: Path) -> None:
    make_model(Path("models/my-gemma"))
    folder = make_adapter(Path("finetune/runs/run/adapter"), base="models/my-gemma")
    found = listed({"generator.name": str(tmp_path / "models" / "my-gemma")})
    assert list(found) == ["my-gemma", "auto", "extractive", BUNDLED_GENERATOR, "run/adapter"]
    assert found["my-gemma"].about == SETTINGS_SAY and found["my-gemma"].tuned
    both = listed({"generator.name": "models/my-gemma", "generator.adapter": str(folder)})
    assert next(iter(both)) == "run/adapter" and "my-gemma" in both
    other = listed({"generator.name": "models/my-gemma", "generator.adapter": "elsewhere"})
    assert next(iter(other.values())).asked(Settings()) == Settings().changed(
        {"generator.name": "models/my-gemma", "generator.adapter": "elsewhere"}
    )


def test_two_of_one_name_are_told_apart() -> None:
    make_model(Path("models/extractive"))
    assert listed()["extractive"].generator == "extractive"
    assert listed()["extractive 2"].generator == str(Path("models/extractive"))


def test_a_runs_adapter_is_called_by_its_run() -> None:
    assert (
        _shown_name("google/gemma-2b-it", "runs/my-run/adapter", "none")
        == "google/gemma-2b-it (adapter my-run)"
    )
    assert (
        _shown_name("google/gemma-2b-it", "my-adapter", "4bit")
        == "google/gemma-2b-it (adapter my-adapter, 4-bit)"
    )


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys; from rag.config import Settings; from rag.generators.listing import "
        "list_generators;"
        "list_generators(Settings()); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
