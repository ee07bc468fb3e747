"""Settings: where values come from, what is refused, and what decides an index's fingerprint."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.config import Settings, index_fingerprint, load_settings
from rag.schema import SettingsError


def toml(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_when_nothing_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}) == Settings()


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    path = toml(tmp_path, "top_k = 2\nchunk_tokens = 20\nport = 2000\n")
    environ = {"REVIEWQA_CHUNK_TOKENS": "30", "REVIEWQA_PORT": "3000", "HOME": "/nowhere"}
    loaded = load_settings(path, environ=environ, overrides={"port": 4000})
    assert (loaded.top_k, loaded.chunk_tokens, loaded.port) == (2, 30, 4000)
    assert loaded.max_new_tokens == Settings().max_new_tokens


def test_an_override_of_none_changes_nothing(tmp_path: Path) -> None:
    path = toml(tmp_path, "top_k = 2")
    assert load_settings(path, environ={}, overrides={"top_k": None, "generator": None}).top_k == 2


def test_the_file_in_the_working_directory_is_read_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reviewqa.toml").write_text('generator = "extractive"', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).generator == "extractive"
    assert load_settings(toml(tmp_path, "top_k = 3"), environ={}).generator == Settings().generator


def test_the_real_environment_is_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("REVIEWQA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REVIEWQA_TOP_K", "7")
    assert load_settings().top_k == 7


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [("topk", "top_k"), ("chunk_token", "chunk_tokens"), ("embeder", "embedder")],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(
    tmp_path: Path, key: str, suggestion: str
) -> None:
    path = toml(tmp_path, f"{key} = 3")
    with pytest.raises(SettingsError) as in_file:
        load_settings(path, environ={})
    with pytest.raises(SettingsError) as in_environment:
        load_settings(toml(tmp_path, ""), environ={f"REVIEWQA_{key.upper()}": "3"})
    for error, where in ((in_file, str(path)), (in_environment, f"REVIEWQA_{key.upper()}")):
        assert f'"{key}"' in str(error.value)
        assert f'"{suggestion}"' in str(error.value)
        assert where in str(error.value)


def test_an_unknown_key_like_no_other_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="top_k") as error:
        load_settings(toml(tmp_path, "[zzzzzz]\ntop_k = 3"), environ={})
    assert all(field.name in str(error.value) for field in dataclasses.fields(Settings))


@pytest.mark.parametrize(
    "line",
    [
        'top_k = "many"',
        "top_k = 2.5",
        "top_k = true",
        "embedder = 3",
        "support_threshold = true",
        "indexes_dir = 1",
        "generator = ['auto']",
        "openai_timeout_s = 'soon'",
        "host = false",
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, line: str) -> None:
    key, _, value = line.partition(" = ")
    with pytest.raises(SettingsError) as error:
        load_settings(toml(tmp_path, line), environ={})
    assert f'"{key}"' in str(error.value)
    assert value.strip("'\"[]").lower() in str(error.value).lower()


def test_values_are_given_their_settings_type(tmp_path: Path) -> None:
    loaded = load_settings(
        toml(tmp_path, 'openai_timeout_s = 5\nindexes_dir = "~/x"\ntop_k = "4"'),
        environ={"REVIEWQA_NEAR_DUPLICATE": "0.5", "REVIEWQA_MODELS_DIR": "m"},
    )
    assert isinstance(loaded.openai_timeout_s, float)
    assert loaded.indexes_dir == Path("~/x").expanduser()
    assert (loaded.top_k, loaded.near_duplicate, loaded.models_dir) == (4, 0.5, Path("m"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 0),
        ("top_k", 101),
        ("chunk_tokens", 7),
        ("port", 0),
        ("port", 65_536),
        ("support_threshold", 1.01),
        ("near_duplicate", -0.1),
        ("openai_timeout_s", 0.0),
        ("openai_retries", -1),
        ("embed_batch_size", 0),
        ("support_threshold", float("nan")),
        ("evidence_floor", float("inf")),
        ("keep_generations", -1),
        ("keep_generations", 1001),
        ("max_upload_mb", 0),
        ("max_unpack_ratio", 0.5),
        ("max_unpack_ratio", float("nan")),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("chunking", "words", "whole"),
        ("quantization", "8bit", "4bit"),
        ("dtype", "int8", "bfloat16"),
        ("vector_index", "hnsw", "ivf_sq8"),
    ],
)
def test_a_choice_that_is_none_is_refused_with_the_choices(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingsError, match=allowed) as error:
        load_settings(environ={}, overrides={name: value})
    assert value in str(error.value)


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path, toml(tmp_path, "top_k = = 3")):
        with pytest.raises(SettingsError) as error:
            load_settings(path, environ={})
        assert str(path) in str(error.value)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'embedder = "caf\xe9"')
    with pytest.raises(SettingsError, match=r"latin\.toml"):
        load_settings(latin, environ={})


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().top_k = 3  # type: ignore[misc]


SCALARS = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([field.name for field in dataclasses.fields(Settings)]), SCALARS)
def test_any_value_gives_settings_or_a_settings_error(name: str, value: Any) -> None:
    try:
        loaded = load_settings(environ={}, overrides={name: value})
    except SettingsError as error:
        assert name in str(error)
    else:
        default = getattr(Settings(), name)
        assert isinstance(getattr(loaded, name), type(default))


def test_fingerprint_changes_with_whatever_decides_the_vectors() -> None:
    prints = {
        index_fingerprint("minilm@1", "sentences", 64),
        index_fingerprint("minilm@2", "sentences", 64),
        index_fingerprint("minilm@1", "sentences", 65),
        index_fingerprint("minilm@1", "whole", 64),
    }
    assert len(prints) == 4
    assert index_fingerprint("minilm@1", "sentences", 64) in prints


def test_fingerprint_of_whole_reviews_does_not_depend_on_chunk_tokens() -> None:
    assert index_fingerprint("minilm@1", "whole", 64) == index_fingerprint("minilm@1", "whole", 128)


def test_fingerprint_changes_with_the_cleaning_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = index_fingerprint("minilm@1", "sentences", 64)
    monkeypatch.setattr("rag.config.NORMALISATION", "another/1")
    assert index_fingerprint("minilm@1", "sentences", 64) != before
