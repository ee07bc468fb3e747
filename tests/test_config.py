"""Settings: where values come from, what is refused, and what decides an index's fingerprint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rag.config import Settings, index_fingerprint, load_settings, load_with_origins
from rag.schema import SettingsError

NAMES = [name for name, _ in Settings().items()]


def toml(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_when_nothing_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}) == Settings()


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    path = toml(
        tmp_path, "[retrieval]\ntop_k = 2\n[index]\nchunk_tokens = 20\n[server]\nport = 2000\n"
    )
    environ = {
        "REVIEWQA_INDEX__CHUNK_TOKENS": "30",
        "REVIEWQA_SERVER__PORT": "3000",
        "REVIEWQA_DEBUG": "1",
        "REVIEWQA_LOG": "log.txt",
        "HOME": "/nowhere",
    }
    loaded, origins = load_with_origins(path, environ=environ, overrides={"server.port": 4000})
    assert loaded == Settings().changed(
        {"retrieval.top_k": 2, "index.chunk_tokens": 30, "server.port": 4000}
    )
    assert origins == {
        "retrieval.top_k": str(path),
        "index.chunk_tokens": "REVIEWQA_INDEX__CHUNK_TOKENS",
        "server.port": "the command line",
    }


def test_an_override_of_none_changes_nothing(tmp_path: Path) -> None:
    path = toml(tmp_path, "[retrieval]\ntop_k = 2")
    overrides = {"retrieval.top_k": None, "generator.name": None}
    assert load_settings(path, environ={}, overrides=overrides).retrieval.top_k == 2


def test_the_file_in_the_working_directory_is_read_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reviewqa.toml").write_text('[generator]\nname = "extractive"', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).generator.name == "extractive"
    other = toml(tmp_path, "[retrieval]\ntop_k = 3")
    assert load_settings(other, environ={}).generator == Settings().generator


def test_the_real_environment_is_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("REVIEWQA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REVIEWQA_RETRIEVAL__TOP_K", "7")
    assert load_settings().retrieval.top_k == 7


def test_the_environment_for_another_process_gives_the_same_settings(tmp_path: Path) -> None:
    stated = Settings().changed(
        {"paths.indexes_dir": tmp_path, "embedding.query_prompt": " query: ", "server.port": 9000}
    )
    path = toml(tmp_path, "[retrieval]\ntop_k = 2")
    assert load_settings(path, environ=stated.as_environment()) == stated


@pytest.mark.parametrize(
    ("text", "name", "advice"),
    [
        ("[retrieval]\ntopk = 3", "retrieval.topk", "under [retrieval], as top_k ="),
        ("[retreival]\ntop_k = 3", "retreival.top_k", "under [retrieval], as top_k ="),
        ("[answering]\ntop_k = 3", "answering.top_k", "under [retrieval], as top_k ="),
        ("[embedding]\nmodle = 'x'", "embedding.modle", "under [embedding], as model ="),
        ("top_k = 3", "top_k", "under [retrieval], as top_k ="),
        ("embeder = 'x'", "embeder", "under [embedding], as model ="),
        ("retrieval = 'dense'", "retrieval", "under [retrieval], as method ="),
        ("generator = 'auto'", "generator", "under [generator], as name ="),
        ("embed_dimension = 3", "embed_dimension", "under [embedding], as dimension ="),
        ("openai_model = 'x'", "openai_model", "under [openai], as model ="),
        ("[zzzzzz]", "zzzzzz", "The groups are paths, reading, embedding, index, retrieval"),
        ("[[zzzzzz]]\nqqq = 1", "zzzzzz", "The groups are paths"),
        ("[zzzzzz]\nqqq = 3", "zzzzzz.qqq", "The groups are paths"),
    ],
)
def test_an_unknown_name_in_the_file_is_refused_with_where_it_belongs(
    tmp_path: Path, text: str, name: str, advice: str
) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(SettingsError) as error:
        load_settings(path, environ={})
    assert f'Unknown setting "{name}" in {path}' in str(error.value) and advice in str(error.value)


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("REVIEWQA_TOP_K", "Write REVIEWQA_RETRIEVAL__TOP_K."),
        ("REVIEWQA_TOPK", "Write REVIEWQA_RETRIEVAL__TOP_K."),
        ("REVIEWQA_RETRIEVAL", "Write REVIEWQA_RETRIEVAL__METHOD."),
        ("REVIEWQA_RETRIEVAL_TOP_K", "Write REVIEWQA_RETRIEVAL__TOP_K."),
        ("REVIEWQA_OPENAI_BASE_URL", "Write REVIEWQA_OPENAI__BASE_URL."),
        ("REVIEWQA_EMBEDDER", "Write REVIEWQA_EMBEDDING__MODEL."),
        ("REVIEWQA_", "The groups are paths"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_right_one(
    tmp_path: Path, variable: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(toml(tmp_path, ""), environ={variable: "3"})
    assert f"the environment variable {variable}" in str(error.value)
    assert advice in str(error.value)


def test_an_unknown_name_on_the_command_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"on the command line\. Write retrieval\.method"):
        load_settings(toml(tmp_path, ""), environ={}, overrides={"retrieval": "dense"})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("retrieval.top_k", '"many"', "a whole number between 1 and 100, not 'many'"),
        ("retrieval.top_k", "2.5", "a whole number between 1 and 100, not 2.5"),
        ("retrieval.top_k", "true", "a whole number between 1 and 100, not True"),
        ("retrieval.top_k", "{ x = 1 }", "a whole number between 1 and 100, not {'x': 1}"),
        ("embedding.model", "3", "text, not 3"),
        ("answering.support_threshold", "true", "a number between 0 and 1, not True"),
        ("paths.indexes_dir", "1", "a path, not 1"),
        ("generator.name", "['auto']", "text, not ['auto']"),
        ("openai.timeout_s", "'soon'", "a number between 0.1 and 86,400, not 'soon'"),
        ("server.host", "false", "text, not False"),
        ("index.chunking", "'words'", 'one of "sentences", "whole", not \'words\''),
        ("generator.quantization", "'8bit'", 'one of "none", "4bit", not \'8bit\''),
        ("index.vector_index", "'hnsw'", 'one of "auto", "flat", "ivf_sq8", not \'hnsw\''),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    group, _, key = name.partition(".")
    path = toml(tmp_path, f"[{group}]\n{key} = {value}")
    with pytest.raises(SettingsError) as error:
        load_settings(path, environ={})
    assert str(error.value) == f"{name} in {path} must be {says}."


def test_values_are_given_their_settings_type(tmp_path: Path) -> None:
    text = '[openai]\ntimeout_s = 5\n[paths]\nindexes_dir = "~/x"\n[retrieval]\ntop_k = "4"'
    loaded = load_settings(
        toml(tmp_path, text),
        environ={"REVIEWQA_RETRIEVAL__NEAR_DUPLICATE": "0.5", "REVIEWQA_PATHS__MODELS_DIR": "m"},
    )
    assert isinstance(loaded.openai.timeout_s, float)
    assert loaded.paths.indexes_dir == Path("~/x").expanduser()
    assert loaded.paths.cache_dir == Path("~/.cache/reviewqa").expanduser()
    assert (loaded.retrieval.top_k, loaded.retrieval.near_duplicate) == (4, 0.5)
    assert loaded.paths.models_dir == Path("m")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retrieval.top_k", 0),
        ("retrieval.top_k", 101),
        ("index.chunk_tokens", 7),
        ("server.port", 0),
        ("server.port", 65_536),
        ("answering.support_threshold", 1.01),
        ("retrieval.near_duplicate", -0.1),
        ("openai.timeout_s", 0.0),
        ("openai.retries", -1),
        ("embedding.batch_size", 0),
        ("answering.support_threshold", float("nan")),
        ("answering.evidence_floor", float("inf")),
        ("index.keep_generations", -1),
        ("index.keep_generations", 1001),
        ("reading.max_upload_mb", 0),
        ("reading.max_unpack_ratio", 0.5),
        ("reading.max_unpack_ratio", float("nan")),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be .* between"):
        Settings().changed({name: value})


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path, toml(tmp_path, "top_k = = 3")):
        with pytest.raises(SettingsError) as error:
            load_settings(path, environ={})
        assert str(path) in str(error.value)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[embedding]\nmodel = "caf\xe9"')
    with pytest.raises(SettingsError, match=r"latin\.toml"):
        load_settings(latin, environ={})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().retrieval.top_k = 3


SCALARS = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), SCALARS)
@example("paths.indexes_dir", "~0")
def test_any_value_gives_settings_or_a_settings_error(name: str, value: Any) -> None:
    before = dict(Settings().items())
    try:
        after = dict(load_settings(environ={}, overrides={name: value}).items())
    except SettingsError as error:
        assert name in str(error)
    else:
        assert isinstance(after.pop(name), type(before.pop(name))) and after == before


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abcdefgikmoprtv_.", max_size=24))
def test_any_name_but_a_settings_is_refused_with_advice(name: str) -> None:
    if name in NAMES:
        return
    with pytest.raises(SettingsError, match=r"Write \S|The groups are"):
        Settings().changed({name: 1})


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_described(name: str) -> None:
    group, _, key = name.partition(".")
    field = type(getattr(Settings(), group)).model_fields[key]
    assert field.description and field.description.endswith(".")


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
    monkeypatch.setattr("rag.config.fingerprint.NORMALISATION", "another/1")
    assert index_fingerprint("minilm@1", "sentences", 64) != before
