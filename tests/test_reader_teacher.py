"""What teaches the reader, what it scores, and the judge that stands beside the reader: with tiny
models that know nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open

from finetune.reader.decoder import (
    DecoderRecipe,
    put_weights,
    save_adapter,
    train_decoder,
    trained_weights,
    untrained,
)
from finetune.reader.distillation import Distillation, Lesson, distil
from finetune.reader.examples import Example
from finetune.reader.kept import Kept, Tensors
from finetune.reader.training import Round, fit, pools_of
from finetune.reader.unlabelled import Group, pairs_without_labels, read_groups
from rag.config import Settings
from rag.reader import make_judge
from rag.reader.decoder import DecoderNetwork, merge_adapter, probabilities
from rag.reader.judge import ADAPTER, Judge
from rag.reader.network import ReaderNetwork, encode
from rag.reader.verdict import verdicts
from rag.schema import ModelError
from tests.tiny_models import make_tiny_model
from ui.cli.options import Context
from ui.cli.reader import reader

TEMPERATURES = {"temperatures": '{"support": 1.0, "answers": 1.0, "stance": 1.0}'}
GOOD, BAD = ("The room was clean.", "It is clean."), ("The plot drags.", "It is quick.")
EXAMPLES = {
    "support": [Example(*GOOD, "entailed"), Example(*BAD, "contradicted")] * 8,
    "answers": [Example("Is it clean?", GOOD[0], "yes"), Example("Is it clean?", BAD[0], "no")] * 8,
    "stance": [Example("", GOOD[0], "praise"), Example("", BAD[0], "criticism")] * 8,
}
SHARES = (("support", 0.5), ("answers", 0.25), ("stance", 0.25))
ROUND = Round(pairs=240, encoder_rate=3e-3, head_rate=1e-2, shares=SHARES)
IN_FULL = DecoderRecipe(round=ROUND, batch_size=8)
BY_ADAPTER = DecoderRecipe(round=ROUND, batch_size=8, rank=4, alpha=8)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("llama"), "smollm2")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("gemma"), "gemma3")


# --- decoders


def test_a_batch_knows_where_both_texts_are(llama: Path) -> None:
    network = DecoderNetwork.untrained(llama)
    batch = network.encode([GOOD, ("The plot drags. " * 200, "It is quick.")], "support")
    tokens = [row[there.bool()] for row, there in zip(*_two(batch), strict=True)]
    assert network.tokenizer.decode(tokens[0]) == (
        f"<|im_start|>Evidence: {GOOD[0]}\nClaim: {GOOD[1]}\n"
    )
    for row, (first, second) in enumerate([GOOD, ("", "It is quick.")]):
        ids = batch["input_ids"][row]
        assert network.tokenizer.decode(ids[batch["second"][row]]) == second
        assert network.tokenizer.decode(ids[batch["first"][row]]).startswith(first)
        assert batch["last"][row] == batch["attention_mask"][row].sum() - 1


def _two(batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return batch["input_ids"], batch["attention_mask"]


def test_scores_come_in_the_order_of_the_pairs_whatever_the_batches(llama: Path) -> None:
    network = DecoderNetwork.untrained(llama).eval()
    pairs = [(f"The room was {'very ' * n}clean.", "It is clean.") for n in (3, 0, 9, 1)]
    together = probabilities(network, pairs, "stance")
    done: list[int] = []
    by_two = probabilities(network, pairs, "stance", batch_size=2, on_batch=done.append)
    assert together.shape == (4, 4) and done == [2, 4]
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-3)
    alone = np.concatenate([probabilities(network, [pair], "stance") for pair in pairs])
    np.testing.assert_allclose(by_two, together, atol=0.02)
    np.testing.assert_allclose(alone, together, atol=0.02)


@pytest.mark.parametrize("recipe", [IN_FULL, BY_ADAPTER], ids=["in full", "by adapter"])
def test_training_learns_and_can_be_put_back(llama: Path, recipe: DecoderRecipe) -> None:
    before = dict(untrained(llama, recipe).named_parameters())
    network = train_decoder(llama, EXAMPLES, recipe)
    good, bad = probabilities(network, [GOOD, BAD], "support")
    assert good[0] > 0.6 > 0.4 > bad[0]
    weights = trained_weights(network)
    assert not any("embed_tokens" in name for name in weights)
    assert ("encoder.layers.0.mlp.up_proj.weight" in weights) == (not recipe.rank)
    unchanged = [name for name in before if name not in weights]
    after = dict(network.named_parameters())
    assert all(torch.equal(before[name], after[name].cpu()) for name in unchanged)
    again = put_weights(untrained(llama, recipe), weights)
    np.testing.assert_allclose(probabilities(again, [GOOD, BAD], "support"), [good, bad], atol=0.02)


def test_a_folder_without_a_model_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Cannot load the model"):
        untrained(tmp_path, IN_FULL)


# --- pairs without labels


def test_pairs_are_of_the_nearest_and_the_same_each_time() -> None:
    texts = [f"text {n}" for n in range(12)]
    group = Group(texts, [*texts[:4], *"abcdefghijklmnop"], ["q0?", "q1?", "q2?"], ["the bed", "x"])
    pairs = pairs_without_labels([group], _embed, 3)
    assert pairs == pairs_without_labels([group], _embed, 3)
    assert pairs != pairs_without_labels([group], _embed, 4)
    assert all(first != second for first, second in pairs["support"])
    for text, row in zip(texts, _embed(texts) @ _embed(group.statements).T, strict=True):
        paired = [second for first, second in pairs["support"] if first == text]
        nearest = [group.statements[at] for at in np.argsort(-row)]
        assert {name for name in nearest[:8] if name != text} - {*paired} <= {nearest[7]}
        assert 7 <= len(paired) <= 10 and len({*paired}) == len(paired)
    assert {first for first, _ in pairs["stance"]} == {"", "bed", "x"}
    assert {second for _, second in pairs["answers"]} == {*texts}


def _embed(texts: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Unit vectors that a text's characters decide."""
    assert isinstance(texts, list)
    rows = [np.random.default_rng([*text.encode()]).normal(size=8) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


def test_groups_hold_only_what_is_trained_on() -> None:
    groups = read_groups()
    assert len(groups) == 80 and all(group.statements and group.questions for group in groups)


# --- stages that are kept


def test_what_a_stage_made_is_not_made_again(tmp_path: Path) -> None:
    runs: list[str] = []
    kept = Kept(tmp_path, "key")
    for _ in range(2):
        made = kept.tensors("rounds", _noting(runs))
        assert torch.equal(made["x"], torch.ones(2))
    other = Kept(tmp_path, "another key")
    other.tensors("rounds", _noting(runs))
    assert len(runs) == 2
    (kept.folder / "rounds.safetensors").write_bytes(b"damaged")
    kept.tensors("rounds", _noting(runs))
    assert len(runs) == 3
    (tmp_path / "card").write_text("old")
    (kept.folder / "card").write_text("new")
    kept.finish("card")
    assert [path.name for path in tmp_path.iterdir()] == ["card"]
    assert (tmp_path / "card").read_text() == "new"


def _noting(runs: list[str]) -> Callable[[], Tensors]:
    def make() -> Tensors:
        runs.append("made")
        return {"x": torch.ones(2)}

    return make


def test_a_stage_that_is_interrupted_leaves_what_was_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "key")
    kept.tensors("rounds", _noting([]))

    def interrupted() -> Tensors:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.tensors("teacher", interrupted)
    again = Kept(tmp_path, "key")
    assert torch.equal(again.tensors("rounds", interrupted)["x"], torch.ones(2))


# --- learning from the teacher


def test_the_reader_moves_towards_the_teacher_and_goes_on_where_it_stopped(
    llama: Path, tmp_path: Path
) -> None:
    soft = (("soft support", 1.0),)
    once = Round(pairs=64, encoder_rate=1e-4, head_rate=3e-3, shares=soft)
    briefly = replace(IN_FULL, round=replace(ROUND, pairs=32))
    how = Distillation(model=llama, teacher=briefly, round=once, batch_size=8)
    lesson = Lesson(EXAMPLES, {"support": [GOOD, BAD] * 4})
    kept = Kept(tmp_path, "key")
    network, tokenizer = ReaderNetwork.untrained()
    network.eval()

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "distillation":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(network, tokenizer, lesson, how, kept, progress=stop)
    stages: list[str] = []
    network, tokenizer = ReaderNetwork.untrained()
    batch = encode(tokenizer, [GOOD, BAD])
    teacher = put_weights(untrained(llama, briefly), kept.tensors("teacher", dict))
    said = probabilities(teacher, [GOOD, BAD], "support")
    before = _difference(network, batch, said)
    distil(network, tokenizer, lesson, how, kept, progress=lambda stage, *_: stages.append(stage))
    assert "teacher" not in stages and "distillation" in stages
    assert _difference(network, batch, said) < before / 2


def _difference(
    network: ReaderNetwork,
    batch: dict[str, torch.Tensor],
    said: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> float:
    with torch.inference_mode():
        rows = network.eval()(batch, "support").softmax(dim=-1).numpy()
    return float(np.abs(rows - said).mean())


# --- the judge


def test_an_adapter_is_merged_into_what_it_was_trained_on(gemma: Path, tmp_path: Path) -> None:
    network = untrained(gemma, BY_ADAPTER)
    for _ in fit(network, network.encode, pools_of(EXAMPLES), ROUND, 8, random.Random(0)):
        pass
    network.eval()
    file = tmp_path / "adapter.safetensors"
    save_adapter(network, file, BY_ADAPTER, TEMPERATURES)
    merged = DecoderNetwork.untrained(gemma).eval()
    assert merge_adapter(merged, file)["alpha"] == "8"
    trained = probabilities(network, [GOOD, BAD], "support")
    np.testing.assert_allclose(probabilities(merged, [GOOD, BAD], "support"), trained, atol=0.03)
    judge = Judge(gemma, file)
    good, bad = judge.support([([GOOD[0]], GOOD[1]), ([BAD[0]], BAD[1])])
    assert good.entailed > bad.entailed
    assert good.entailed == pytest.approx(float(trained[0, 0]), abs=0.05)
    assert judge.stance([("", "It is loud.")] * 3).shape == (3, 4)
    assert judge.answers("Is it loud?", ["It is loud."]).shape == (1,)
    first, _ = verdicts(judge, [([GOOD[0]], GOOD[1]), ([BAD[0]], f"{BAD[1]} In 1999.")])
    assert 0 <= first.probability <= 1
    other = make_tiny_model(tmp_path / "other", "gemma3", intermediate_size=32)
    with pytest.raises(ModelError, match=r"reader\.judge"):
        Judge(other, file).support([(["a"], "b")])


def test_the_adapter_that_is_kept_is_small_and_whole() -> None:
    assert ADAPTER.stat().st_size <= 12_000_000
    assert "Gemma Terms of Use" in (ADAPTER.parent / "NOTICE.md").read_text(encoding="utf-8")
    with safe_open(ADAPTER, framework="pt") as file:
        assert file.metadata()["base"] == "gemma-3-270m"
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    layers = [name for name in shapes if name.startswith("layers.")]
    assert len(layers) == 18 * 7 * 2
    assert shapes["layers.17.mlp.down_proj.A"] == (16, 2048)
    assert shapes["layers.17.mlp.down_proj.B"] == (640, 16)
    assert shapes["heads.stance.0.weight"] == (256, 4 * 640)


def test_the_judge_is_used_where_its_base_is(tmp_path: Path) -> None:
    settings = Settings().changed({"paths.cache_dir": str(tmp_path)})
    assert make_judge(settings) is None
    make_tiny_model(tmp_path / "gemma-3-270m-abc", "gemma3")
    assert make_judge(settings.changed({"reader.judge": "none"})) is None
    assert make_judge(settings.changed({"reader.model": "none"})) is None
    assert make_judge(settings) is None  # another model than the adapter's: a warning, no error


@pytest.mark.parametrize("no_teacher", [True, False])
def test_the_command_learns_from_the_bundled_model(
    no_teacher: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Distillation | None] = []

    def build(*_: object, distillation: Distillation | None, **__: object) -> None:
        asked.append(distillation)
        raise ModelError("That is enough.")

    monkeypatch.setattr("finetune.reader.build", build)
    monkeypatch.setattr("rag.generators.bundled.smollm2_folder", lambda _: tmp_path / "smollm2")
    options = ["--no-teacher"] if no_teacher else []
    ran = CliRunner().invoke(reader, ["--output", str(tmp_path), *options], obj=Context(None, {}))
    assert isinstance(ran.exception, ModelError)
    (how,) = asked
    assert (how is None) == no_teacher
    assert how is None or how.model == tmp_path / "smollm2"
