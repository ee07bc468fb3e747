"""What computes the encoders: one result by torch and by OpenVINO, and which of them is chosen."""

from __future__ import annotations

import importlib.util
import json
import logging
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from rag.config import Settings
from rag.embedding import SentenceTransformerEmbedder
from rag.index import BuildOptions
from rag.reader.bundled import WEIGHTS, BundledReader
from rag.runtimes import Runtime, choice, choose_runtime, load_encoder, measure
from rag.runtimes.base import mean_states
from rag.runtimes.bert import is_bert, mapped_tensors, read_bert
from rag.runtimes.bundled import bundled_embedder_folder
from rag.runtimes.machine import Machine
from rag.runtimes.measure import Measured, fastest
from rag.runtimes.sentence import SentenceModel
from rag.runtimes.tokenizer import TOKENS_AT_ONCE, Tokenizer
from rag.schema import IndexFileError, ModelError
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, build_fake_index
from ui.cli.main import cli

TEXTS = (
    "The dubbing is awful.",
    "",
    "[MASK] 😭 눈물이 났어요 naïve café, don't",
    "The marbles broke my heart, and I cried. " * 40,
    "Taxi",
)
TORCH = Runtime("torch", "float32")
needs_openvino = pytest.mark.skipif(
    not choice.openvino_installed(), reason="OpenVINO is not installed"
)
OTHERS = [
    Runtime("torch", "bfloat16"),
    *(
        pytest.param(Runtime("openvino", precision), marks=needs_openvino)
        for precision in ("float32", "bfloat16", "int8")
    ),
]


def embedder_by(runtime: Runtime) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(runtime=lambda: runtime)


# --- one result


def test_torch_gives_the_vectors_and_tokens_of_sentence_transformers() -> None:
    embedder = embedder_by(TORCH)
    model = embedder.fresh_model()
    expected = model.encode(list(TEXTS), normalize_embeddings=True)
    np.testing.assert_allclose(embedder.embed_documents(TEXTS), expected, atol=1e-5)
    plain = model.tokenizer(list(TEXTS), add_special_tokens=False)["input_ids"]
    assert embedder.count_tokens(TEXTS) == [len(ids) for ids in plain]


@pytest.mark.parametrize("runtime", OTHERS)
def test_every_runtime_gives_the_same_vectors_and_judgements(runtime: Runtime) -> None:
    embedder, reader = embedder_by(runtime), BundledReader(runtime=runtime)
    assert embedder.runtime == str(runtime)
    cosines = np.sum(
        embedder.embed_documents(TEXTS) * embedder_by(TORCH).embed_documents(TEXTS), axis=1
    )
    assert cosines.min() >= measure.LEAST_COSINE
    pairs = [("", text) for text in TEXTS]
    expected = BundledReader(runtime=TORCH).stance(pairs)
    np.testing.assert_allclose(reader.stance(pairs), expected, atol=0.1)


def test_the_reader_computes_what_its_network_was_trained_as(tmp_path: Path) -> None:
    import torch

    from rag.reader.network import ReaderNetwork, encode, in_bytes, save_difference

    network, tokenizer = ReaderNetwork.untrained()
    network.heads.half().float()  # as they are stored
    with torch.no_grad():
        for matrix in (each for each in network.heads.parameters() if each.ndim == 2):
            whole, scale = in_bytes(matrix)
            matrix.copy_(whole * scale.float()[:, None])
    path = tmp_path / "reader.safetensors"
    temperatures = {"support": 1.0, "answers": 1.0, "stance": 1.0}
    save_difference(network, path, 4, {"temperatures": json.dumps(temperatures)})
    pairs = [("food", "The food was wonderful, but the waiter was rude."), ("", "It is loud.")]
    with torch.inference_mode():
        expected = network.eval()(encode(tokenizer, pairs), "stance").softmax(dim=-1).numpy()
    reader = BundledReader(path, TORCH)
    np.testing.assert_allclose(reader.stance(pairs), expected, atol=1e-4)


def test_a_difference_is_stored_in_few_bytes_and_read_again(tmp_path: Path) -> None:
    import torch

    from rag.reader.heads import ReaderWeights
    from rag.reader.network import ReaderNetwork, save_difference

    network, _ = ReaderNetwork.untrained()
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    draw = torch.Generator().manual_seed(0)
    changed = "encoder.layer.3.output.dense.weight"
    left = torch.randn(384, 4, generator=draw) * torch.tensor([1.0, 0.5, 0.1, 0.01])
    difference = 0.01 * left @ torch.randn(4, 1536, generator=draw)
    with torch.no_grad():
        network.encoder.state_dict()[changed] += difference
    path = tmp_path / "reader.safetensors"
    save_difference(network, path, 4, {"temperatures": "{}"})
    assert path.stat().st_size < 1_520_000  # a byte a weight of the heads, and the factors
    weights = ReaderWeights.read(path)
    assert list(weights.differences) == [changed]
    read = torch.from_numpy(weights.applied_to({changed: before[changed].numpy()})[changed])
    lost = (read - before[changed] - difference).norm() / difference.norm()
    assert lost < 0.02


def test_nothing_heavy_is_loaded_for_a_question_embedded_by_openvino() -> None:
    if not choice.openvino_installed():
        pytest.skip("OpenVINO is not installed")
    code = (
        "import sys; from rag.embedding import SentenceTransformerEmbedder as E; "
        "from rag.runtimes import Runtime; from rag.reader import load; "
        "runtime = Runtime('openvino', 'float32'); "
        "E(runtime=lambda: runtime).embed_queries(['Is it loud?']); "
        "load('bundled', runtime).answers('Is it loud?', ['It is.']); "
        "heavy = ('torch', 'transformers', 'sentence_transformers', 'scipy', 'openvino_telemetry'); "
        "print(*[name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [] and done.stderr == ""


# --- batches


def test_batches_are_bounded_and_hold_every_text_once() -> None:
    tokenizer = Tokenizer(bundled_embedder_folder(), 256)
    texts = ["word " * (number % 300) for number in range(100)]
    seen: list[int] = []
    for places, batch in tokenizer.batches(texts, 8):
        rows, width = batch.ids.shape
        assert rows <= 8 and width <= 256 and batch.ids.size <= TOKENS_AT_ONCE
        assert batch.types.shape == batch.positions.shape == batch.owners.shape == (rows, width)
        assert (batch.starts // width == (batch.ends - 1) // width).all()  # no text is torn
        for place, start, end in zip(places, batch.starts, batch.ends, strict=True):
            (whole,) = tokenizer.count([texts[place]])
            assert end - start == min(whole + 2, 256)
            assert batch.positions.ravel()[start:end].tolist() == list(range(end - start))
            (owner,) = set(batch.owners.ravel()[start:end])
            assert (batch.owners[start // width] == owner).sum() == end - start
        seen += places.tolist()
    assert sorted(seen) == list(range(100))
    assert list(tokenizer.batches([])) == []


def test_little_of_a_batch_is_padding() -> None:
    tokenizer = Tokenizer(bundled_embedder_folder(), 128)
    texts = ["word " * (1 + number**3 % 40) for number in range(400)]
    batches = [batch for _, batch in tokenizer.batches(texts)]
    tokens = sum(int((batch.ends - batch.starts).sum()) for batch in batches)
    assert sum(batch.ids.size for batch in batches) < 1.05 * tokens


def test_of_a_pair_the_longer_text_is_cut() -> None:
    tokenizer = Tokenizer(bundled_embedder_folder(), 16)
    ((_, batch),) = tokenizer.batches([("a b c", "word " * 50)])
    assert batch.ids.shape == (1, 16)
    assert (batch.types[0] == 0).sum() == batch.middles[0] == 5  # [CLS] a b c [SEP]


@pytest.mark.parametrize(
    "runtime", [TORCH, pytest.param(Runtime("openvino", "float32"), marks=needs_openvino)]
)
def test_texts_that_share_a_row_do_not_see_each_other(runtime: Runtime) -> None:
    encoder = load_encoder(read_bert(bundled_embedder_folder()), runtime)
    tokenizer = Tokenizer(bundled_embedder_folder(), 128)
    pairs = [("Is it loud?", "Never."), ("the room", "It was small, and clean."), ("", "")] * 9
    ((places, batch),) = tokenizer.batches(pairs)
    states = encoder.states(batch)
    assert len(batch.ids) < len(pairs)
    for place, start, end in zip(places, batch.starts, batch.ends, strict=True):
        ((_, alone),) = tokenizer.batches([pairs[place]])
        own = encoder.states(alone)[: end - start]
        np.testing.assert_allclose(states[start:end], own, atol=1e-4)


def test_a_mean_of_no_state_is_nothing() -> None:
    states = np.arange(8, dtype=np.float32).reshape(4, 2)
    starts, ends = np.array([0, 2, 4]), np.array([2, 2, 4])
    np.testing.assert_array_equal(mean_states(states, starts, ends), [[1, 2], [0, 0], [0, 0]])
    whole = mean_states(states, np.array([1]), np.array([4]))
    np.testing.assert_array_equal(whole, states[1:].mean(axis=0, keepdims=True))
    assert mean_states(states, starts[:0], ends[:0]).shape == (0, 2)


# --- files


def test_a_model_of_another_kind_is_left_to_sentence_transformers(tmp_path: Path) -> None:
    folder = bundled_embedder_folder()
    assert is_bert(folder) and SentenceModel.of(folder) is not None
    other = tmp_path / "other"
    other.mkdir()
    for file in folder.rglob("*"):
        if file.is_file():
            target = other / file.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(file)
    assert SentenceModel.of(other) is not None
    (other / "1_Pooling" / "config.json").unlink()
    (other / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    assert SentenceModel.of(other) is None
    (other / "config.json").unlink()
    (other / "config.json").write_text('{"model_type": "modernbert"}')
    assert not is_bert(other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 3) + b"{}",
        struct.pack("<Q", 60)
        + b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}'[:60].ljust(60),
        struct.pack("<Q", 62) + b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}',
        struct.pack("<Q", 64) + b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [8, 4]}}  ',
    ],
)
def test_a_damaged_file_of_weights_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises((ValueError, KeyError, OSError)):
        mapped_tensors(path)


def test_mapped_tensors_are_those_of_safetensors() -> None:
    from safetensors.numpy import load_file

    mapped, metadata = mapped_tensors(WEIGHTS)
    stored = load_file(WEIGHTS)
    assert set(mapped) == set(stored) and "temperatures" in metadata
    for name, values in stored.items():
        np.testing.assert_array_equal(mapped[name], values.astype(np.float32))


def test_an_encoder_that_does_not_fit_is_a_plain_error(tmp_path: Path) -> None:
    weights = read_bert(bundled_embedder_folder())
    with pytest.raises((RuntimeError, KeyError)):
        load_encoder(replace(weights, layers=99), TORCH).states(
            next(Tokenizer(bundled_embedder_folder(), 8).batches(["a"]))[1]
        )


# --- the choice


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose choice is the test's own, on a machine with OpenVINO and without a GPU."""
    monkeypatch.setattr(choice, "may_have_gpu", lambda: False)
    monkeypatch.setattr(choice, "openvino_installed", lambda: True)
    monkeypatch.setattr(choice, "best_precision", lambda name: "float32")
    return Settings().changed({"paths.cache_dir": tmp_path})


def test_openvino_is_taken_where_it_is_and_torch_where_a_gpu_is(
    cache: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_runtime(cache) == Runtime("openvino", "float32")
    monkeypatch.setattr(choice, "may_have_gpu", lambda: True)
    assert choose_runtime(cache) == TORCH
    monkeypatch.setattr(choice, "may_have_gpu", lambda: False)
    monkeypatch.setattr(choice, "openvino_installed", lambda: False)
    assert choose_runtime(cache) == TORCH


def test_what_was_measured_is_kept_until_the_settings_say_otherwise(cache: Settings) -> None:
    choice.store_choice(cache.paths.cache_dir, Runtime("openvino", "int8"), {})
    assert choose_runtime(cache) == Runtime("openvino", "int8")
    stated = cache.changed({"runtime.precision": "bfloat16"})
    assert choose_runtime(stated) == Runtime("openvino", "bfloat16")
    assert choose_runtime(cache.changed({"runtime.backend": "torch"})) == TORCH


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"backend": "torch"}', '{"backend": "tea", "precision": "int8"}']
)
def test_a_choice_that_cannot_be_read_is_told_and_left(
    cache: Settings, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (cache.paths.cache_dir / choice.CHOICE_FILE).write_text(content)
    with caplog.at_level(logging.WARNING):
        assert choose_runtime(cache) == Runtime("openvino", "float32")
    assert choice.CHOICE_FILE in caplog.text


def test_what_is_named_and_not_there_is_an_error(
    cache: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelError, match="OpenVINO's alone"):
        choose_runtime(cache.changed({"runtime.backend": "torch", "runtime.precision": "int8"}))
    choice.store_choice(cache.paths.cache_dir, Runtime("openvino", "bfloat16"), {})
    monkeypatch.setattr(choice, "openvino_installed", lambda: False)
    with pytest.raises(ModelError, match="not installed"):
        choose_runtime(cache.changed({"runtime.backend": "openvino"}))
    with caplog.at_level(logging.WARNING):
        assert choose_runtime(cache) == TORCH
    assert "no longer installed" in caplog.text


def test_the_fastest_of_those_that_give_the_same_is_taken() -> None:
    slow, fast, wrong = (
        Measured(Runtime("torch", "float32"), 10.0, 1.0, 0.0),
        Measured(Runtime("openvino", "bfloat16"), 30.0, 0.999, 0.005),
        Measured(Runtime("openvino", "int8"), 90.0, 0.98, 0.0),
    )
    assert fastest([slow, fast, wrong]) == fast.runtime
    assert fastest([replace(fast, problem="it broke"), slow]) == slow.runtime
    assert fastest([wrong]) == measure.REFERENCE


# --- an index says what computed it


class _By(FakeEmbedder):
    """The fake embedder under another runtime, whose vectors lean `aside`."""

    def __init__(self, runtime: str, aside: float = 0.0) -> None:
        super().__init__()
        self._runtime, self._aside = runtime, aside

    @property
    def runtime(self) -> str:
        return self._runtime

    def embed_documents(self, texts, *, progress=None):  # type: ignore[no-untyped-def]
        vectors = super().embed_documents(texts)
        vectors[:, 0] += self._aside
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_another_runtime_may_search_where_it_gives_the_same_vectors(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "hotel", embedder=_By("tea bfloat16"))
    assert index.manifest.runtime == "tea bfloat16"
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS)
    index.check_fingerprint(_By("coffee float32", aside=0.01), options)
    index.check_fingerprint(_By("tea bfloat16", aside=9.0), options)  # its own is not compared
    with pytest.raises(IndexFileError, match=r"made by tea bfloat16, and coffee .* Rebuild it"):
        index.check_fingerprint(_By("coffee float32", aside=1.0), options)


def test_an_index_of_before_was_made_by_torch(folder: Path) -> None:
    from rag.index.manifest import Manifest

    path = next(folder.glob("*/manifest.json"))
    stored = json.loads(path.read_text())
    del stored["runtime"]
    path.write_text(json.dumps(stored))
    assert Manifest.read(path.parent).runtime == "torch float32"


# --- the machine


@pytest.mark.parametrize("measured", [False, True])
def test_the_doctor_tells_and_writes_down_what_it_chose(
    cache: Settings, monkeypatch: pytest.MonkeyPatch, measured: bool
) -> None:
    rows = [Measured(TORCH, 10.0, 1.0), Measured(Runtime("openvino", "int8"), 90.0, 0.995)]
    monkeypatch.setattr(measure, "measure", lambda progress: rows)
    monkeypatch.setenv("REVIEWQA_PATHS__CACHE_DIR", str(cache.paths.cache_dir))
    arguments = ["doctor", "--json", *(["--measure"] if measured else [])]
    told = json.loads(CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout)
    assert told["runtime"] == ("openvino int8" if measured else "openvino float32")
    assert len(told["measured"]) == len(rows) * measured
    assert (choice.stored_choice(cache.paths.cache_dir) is not None) == measured
    plain = CliRunner().invoke(cli, arguments[:1], catch_exceptions=False).stdout
    assert told["runtime"] in plain and "free disk" in plain


def test_the_machine_is_described(tmp_path: Path) -> None:
    machine = Machine.here(tmp_path / "not" / "yet")
    assert machine.cores >= 1 and machine.free_disk > 0 and machine.processor


def test_openvino_is_looked_for_without_loading_it() -> None:
    code = (
        "import sys; from rag.runtimes.choice import openvino_installed; openvino_installed(); "
        "print(*[name for name in ('openvino', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert choice.openvino_installed() == (importlib.util.find_spec("openvino") is not None)
