"""Which generator answers, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rag.config import BUNDLED_GENERATOR, Settings
from rag.generators import cached, choice
from rag.generators.choice import GPU_MODEL, ChosenGenerator, choose_generator, merged_models
from rag.generators.openai import OpenAIGenerator
from rag.generators.packaged import PackagedModel
from rag.schema import SettingsError
from tests.fakes import FakeGenerator


class Transformers(FakeGenerator):
    """Stands for the transformers generator, which would load the model."""

    def __init__(self, model: str, **more: str) -> None:
        super().__init__("")
        self.model, self.more = model, more


@pytest.fixture(autouse=True)
def no_gpu_and_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "_loaded", {})
    monkeypatch.setattr(choice, "gpu_available", lambda: False)
    monkeypatch.setattr(choice, "model_at_hand", lambda name: False)
    monkeypatch.setattr("rag.generators.transformers.TransformersGenerator", Transformers)


def choose(models: Path, changes: Mapping[str, Any] | None = None) -> ChosenGenerator:
    return choose_generator(Settings().changed({"paths.models_dir": models, **(changes or {})}))


def make_model(folder: Path, *, age: int = 0) -> Path:
    """What a merged model's folder looks like from outside."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma"}))
    (folder / "tokenizer.json").write_text("{}")
    header = b'{"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"0")
    os.utime(folder / "config.json", (1e9 - age, 1e9 - age))
    return folder


def test_without_a_model_or_a_gpu_the_reviews_are_quoted(tmp_path: Path) -> None:
    for models in (tmp_path, tmp_path / "nowhere"):
        chosen = choose(models)
        assert chosen.generator is None and "no GPU" in chosen.reason


def test_the_newest_merged_model_is_used_and_named(tmp_path: Path) -> None:
    make_model(tmp_path / "a-old", age=50)
    newest = make_model(tmp_path / "b-new")
    make_model(tmp_path / "c-older", age=90)
    chosen = choose(tmp_path)
    assert isinstance(chosen.generator, Transformers) and chosen.generator.model == str(newest)
    assert "newest merged model" in chosen.reason and str(tmp_path) in chosen.reason
    assert [model.name for model in merged_models(tmp_path)] == ["b-new", "a-old", "c-older"]


def test_a_broken_model_is_passed_over_and_said(tmp_path: Path) -> None:
    whole = make_model(tmp_path / "whole", age=50)
    (make_model(tmp_path / "cut") / "model.safetensors").write_bytes(b"\x09")
    chosen = choose(tmp_path)
    assert isinstance(chosen.generator, Transformers) and chosen.generator.model == str(whole)
    assert "the merged model cut cannot be used: its weights file" in chosen.reason
    (whole / "tokenizer.json").unlink()
    chosen = choose(tmp_path)
    assert chosen.generator is None
    assert "model cut cannot" in chosen.reason and "model whole cannot" in chosen.reason


def test_a_merged_model_goes_before_the_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "gpu_available", lambda: True)
    monkeypatch.setattr(choice, "model_at_hand", lambda name: True)
    merged = make_model(tmp_path / "merged")
    chosen = choose(tmp_path).generator
    assert isinstance(chosen, Transformers) and chosen.model == str(merged)


def test_folders_that_hold_no_whole_model_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("models go here")
    (tmp_path / "empty").mkdir()
    (make_model(tmp_path / "no-weights") / "model.safetensors").unlink()
    (make_model(tmp_path / "no-config") / "config.json").unlink()
    (make_model(tmp_path / "embedder") / "modules.json").write_text("[]")
    make_model(tmp_path / ".still-being-merged")
    for name, text in (
        ("broken", "{"),
        ("list", "[]"),
        ("adapter", '{"peft_type": "LORA"}'),
        ("binary", "\udcff"),
    ):
        (make_model(tmp_path / name) / "config.json").write_text(text, errors="surrogateescape")
    assert merged_models(tmp_path) == []
    assert choose(tmp_path).generator is None


@pytest.mark.parametrize(("gpu", "at_hand"), [(True, True), (True, False), (False, True)])
def test_a_gpu_and_a_model_that_can_be_had_are_both_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, at_hand: bool
) -> None:
    monkeypatch.setattr(choice, "gpu_available", lambda: gpu)
    monkeypatch.setattr(choice, "model_at_hand", lambda name: at_hand and name == GPU_MODEL)
    chosen = choose(tmp_path)
    if gpu and at_hand:
        assert isinstance(chosen.generator, Transformers) and chosen.generator.model == GPU_MODEL
        assert "GPU" in chosen.reason
    else:
        assert chosen.generator is None
        says = f"no way to get {GPU_MODEL} for the GPU" if gpu else "no GPU"
        assert says in chosen.reason and ("no GPU" in chosen.reason) == (not gpu)


def test_a_model_is_loaded_once_and_makes_room_for_another(tmp_path: Path) -> None:
    first = choose(tmp_path, {"generator.name": "x"}).generator
    assert choose(tmp_path, {"generator.name": "x"}).generator is first
    for more in (
        {"generator.adapter": "a"},
        {"generator.quantization": "4bit"},
        {"generator.dtype": "float16"},
        {"generator.name": "y"},
    ):
        other = choose(tmp_path, {"generator.name": "x", **more}).generator
        assert other is not first and list(cached._loaded.values()) == [other]
    assert choose(tmp_path, {"generator.name": "x"}).generator is not first


@pytest.mark.parametrize("name", ["extractive", "openai", "auto"])
def test_an_adapter_on_what_takes_none_is_a_plain_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        SettingsError, match=r'adapter "a" cannot be put on .*generator.name = <hub name or folder>'
    ):
        choose(tmp_path, {"generator.name": name, "generator.adapter": "a"})


def test_what_the_settings_name_is_used_even_with_a_merged_model(tmp_path: Path) -> None:
    make_model(tmp_path / "merged")
    other = make_model(tmp_path / "elsewhere" / "other")
    for name, kind in (
        ("extractive", type(None)),
        ("openai", OpenAIGenerator),
        (str(other), Transformers),
    ):
        chosen = choose(tmp_path, {"generator.name": name})
        assert isinstance(chosen.generator, kind) and "settings name" in chosen.reason


def test_adapter_and_precision_of_the_settings_reach_the_model(tmp_path: Path) -> None:
    generator = choose(
        tmp_path,
        {
            "generator.name": "x",
            "generator.adapter": "a",
            "generator.quantization": "4bit",
            "generator.dtype": "float16",
        },
    ).generator
    assert isinstance(generator, Transformers) and generator.model == "x"
    assert (
        generator.more | {"adapter": "a", "quantization": "4bit", "dtype": "float16"}
        == generator.more
    )


def test_the_bundled_model_is_loaded_from_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def folder(_: PackagedModel, cache: Path) -> Path:
        asked.append(cache)
        return make_model(cache)

    monkeypatch.setattr(PackagedModel, "folder", folder)
    chosen = choose(
        tmp_path, {"generator.name": BUNDLED_GENERATOR, "paths.cache_dir": tmp_path / "cache"}
    )
    assert asked == [tmp_path / "cache"] and isinstance(chosen.generator, Transformers)
    assert (
        chosen.generator.model == str(tmp_path / "cache")
        and chosen.generator.more["name"] == BUNDLED_GENERATOR
    )


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, offline."""
    monkeypatch.undo()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def test_a_model_in_the_hub_cache_is_at_hand(hub: Path) -> None:
    assert not choice.model_at_hand("maker/model")
    snapshot = hub / "models--maker--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert not choice.model_at_hand("maker/model")  # a config alone answers nothing
    (snapshot / "model.safetensors").write_bytes(b"weights")
    (hub / "models--maker--model" / "refs").mkdir()
    (hub / "models--maker--model" / "refs" / "main").write_text("abc")
    assert choice.model_at_hand("maker/model") and not choice.model_at_hand("maker/other")


@pytest.mark.parametrize(
    "error", [None, OSError("no route"), ValueError("odd"), RuntimeError("closed")], ids=repr
)
def test_otherwise_the_hub_is_asked(
    hub: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    def model_info(self: object, name: str, **more: object) -> None:
        if error:
            raise error

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)
    assert choice.model_at_hand("maker/model") == (error is None)


def test_a_model_that_was_merged_again_is_loaded_again(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    first = choose(tmp_path).generator
    assert choose(tmp_path).generator is first
    os.utime(folder / "model.safetensors", (2e9, 2e9))
    assert choose(tmp_path).generator is not first
