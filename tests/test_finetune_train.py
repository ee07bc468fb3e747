"""The whole path on small models of the real classes: data, check, train, merge, serve, compare;
and what stops it.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from finetune.comparison import compare_models
from finetune.comparison_report import HTML_FILE, JSON_FILE, MARKDOWN_FILE, write_report
from finetune.merging import INTO_DEQUANTISED, INTO_ORIGINAL, merge, merged_model
from finetune.preflight.checks import passed
from finetune.recipe import Recipe, load_recipe
from finetune.stages import Source, check, make_data, run_folder
from finetune.training.trainer import ADAPTER, CHECKPOINTS, prepare, train, tuned_model
from finetune.training.watch import Interrupted, RunawayError, Watch
from rag.answering import choice, prompt
from rag.answering.pipeline import Pipeline
from rag.answering.templates import RECORD, read_record
from rag.config import Settings
from rag.evaluation.questions import Question
from rag.generators.choice import choose_generator
from rag.index import ReviewIndex
from rag.schema import ModelError, Review
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, build_fake_index
from tests.tiny_models import make_tiny_model

TOPICS = ("pool", "bed", "lift", "staff", "view", "bar", "bath", "food")
ADAPTER_FILES = {"README.md", "adapter_config.json", "adapter_model.safetensors", RECORD}
MODEL_FILES = {
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    RECORD,
}
RECIPE = """
base_model = "{base}"
output = "tuned"
licence = "none needed"
[data]
examples = ["answers"]
distractors = 1
held_out = 0.25
max_length = 2048
[quantization]
load_in_4bit = {four_bit}
bnb_4bit_compute_dtype = "float32"
[lora]
r = 8
lora_alpha = 16
target_modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
[training]
num_train_epochs = 2
per_device_train_batch_size = 4
learning_rate = 1e-2
logging_steps = 1
save_steps = 2
save_total_limit = 1
evaluation_strategy = "no"
report_to = "tensorboard"
"""


def hotel() -> list[Review]:
    return [
        Review(
            f"r{n}{side}",
            f"The {topic} was {side}.",
            rating=4 if side == "good" else 1,
            rating_max=5,
            source="here",
        )
        for n, topic in enumerate(TOPICS)
        for side in ("good", "bad")
    ]


def questions() -> list[Question]:
    return [
        Question(
            f"q{n}",
            f"How was the {topic}?",
            "both_sides",
            "dev" if n > 5 else "train",
            topic,
            frozenset([f"r{n}good", f"r{n}bad"]),
            "",
            (f"The {topic} was good.", f"The {topic} was bad."),
        )
        for n, topic in enumerate(TOPICS)
    ]


def recipe_for(
    base: Path, folder: Path, *, four_bit: bool = True, changes: tuple[str, ...] = ()
) -> Recipe:
    file = folder / "recipe.toml"
    file.write_text(RECIPE.format(base=base, four_bit=str(four_bit).lower()), encoding="utf-8")
    return load_recipe(str(file), changes)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel", hotel())


def settings_in(folder: Path) -> Settings:
    return Settings(
        models_dir=folder / "models",
        runs_dir=folder / "runs",
        top_k=3,
        max_prompt_tokens=2048,
        max_new_tokens=16,
        evidence_floor=-1,
        fact_evidence_floor=-1,
        chunk_tokens=CHUNK_TOKENS,
    )


def with_data(recipe: Recipe, settings: Settings, index: ReviewIndex) -> Path:
    make_data(recipe, settings, FakeEmbedder(), [Source(index, questions())], [])
    return run_folder(settings, recipe)


@pytest.mark.parametrize("family", ["gemma1", "gemma2", "gemma3", "gemma4"])
def test_from_reviews_to_a_merged_model_that_answers(
    family: str, index: ReviewIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    base = make_tiny_model(tmp_path / "base", family)
    recipe, settings, embedder = recipe_for(base, tmp_path), settings_in(tmp_path), FakeEmbedder()
    run = with_data(recipe, settings, index)
    assert (
        make_data(recipe, settings, embedder, [Source(index, questions())], [])[1] is False
    )  # there already

    checks, prepared, model, step = check(recipe, settings)
    assert passed(checks), [one for one in checks if one.verdict == "failed"]
    assert step is not None and step.seconds > 0
    trained = train(prepared, settings, model=model)
    loss = trained.record["held_out_loss"]
    assert loss["after"] < loss["before"]
    assert {path.name for path in trained.folder.iterdir()} == ADAPTER_FILES
    assert json.loads((trained.folder / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ] == str(base)
    assert trained.record["template_hash"] == prompt.template_hash()
    assert trained.record["steps"] == prepared.steps and trained.record["peak_memory_bytes"] > 0
    assert train(prepared, settings).again is False
    del model

    # the merge into the 4-bit weights, in fp32, is the trained model; the other one is not, and
    # says by how much
    exact = merged_model(recipe, settings, trained.folder, INTO_DEQUANTISED, "float32")
    ids = torch.tensor([prepared.held_out.sequences[0].input_ids])
    from finetune.merging import as_trained

    with torch.inference_mode():
        expected = as_trained(recipe, settings, trained.folder)(input_ids=ids).logits
        assert float((exact(input_ids=ids).logits - expected).abs().max()) < 1e-4
    done = merge(recipe, run, settings, dtype="float32")
    original, dequantised = done.divergence[INTO_ORIGINAL], done.divergence[INTO_DEQUANTISED]
    assert original is not None and dequantised is not None and dequantised < 1e-6 < original
    assert done.way == INTO_DEQUANTISED and done.folder == tmp_path / "models" / "tuned"
    assert {path.name for path in done.folder.iterdir()} == MODEL_FILES
    assert "_name_or_path" not in json.loads((done.folder / "config.json").read_text())
    assert "quantization_config" not in json.loads((done.folder / "config.json").read_text())
    assert f"{original:.6f}" in (done.folder / "README.md").read_text()
    assert merge(recipe, run, settings, dtype="float32").again is False

    # it is served at once, with the stop tokens that it was trained to end with
    monkeypatch.setattr(choice, "_loaded", {})
    served = choose_generator(settings, embedder, index.leaning)
    assert served.generator.name == "tuned"
    assert prepared.tokenizer.convert_ids_to_tokens(prepared.train.sequences[0].labels[-1]) in (
        served.generator.stop_tokens
    )
    answer = Pipeline(settings, index, embedder, served).ask("How was the pool?")
    assert answer.generator == "tuned"

    found = compare_models(recipe, run, settings, index, embedder, questions()[6:])
    assert [one.name for one in found.contenders] == ["base", "adapter", "merged"]
    assert all(len(one.tasks) == 2 and one.report.questions == 2 for one in found.contenders)
    write_report(found, run)
    page = (run / HTML_FILE).read_text()
    assert "<polyline" in page and "<script" not in page and found.verdict.capitalize() in page
    assert found.verdict in (run / MARKDOWN_FILE).read_text().splitlines()[0]
    assert set(json.loads((run / JSON_FILE).read_text())["contenders"]) == {
        "base",
        "adapter",
        "merged",
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "base", "gemma1")


@pytest.fixture
def quick(base: Path, index: ReviewIndex, tmp_path: Path) -> Iterator[tuple[Recipe, Settings]]:
    """A recipe without 4-bit weights, and its data."""
    recipe, settings = recipe_for(base, tmp_path, four_bit=False), settings_in(tmp_path)
    with_data(recipe, settings, index)
    yield recipe, settings


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    quick: tuple[Recipe, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    recipe, settings = quick
    run = run_folder(settings, recipe)
    whole = train(prepare(recipe, run, settings), settings)
    expected = load_file(whole.folder / "adapter_model.safetensors")
    shutil.rmtree(run / ADAPTER)

    told: list[int] = []
    notes: list[str] = []
    monkeypatch.setattr(
        "finetune.training.memory._resident", partial(next, itertools.count(0, 2**30))
    )

    def progress(stage: str, done: int, total: int, note: str) -> None:
        told.append(done)
        notes.append(note)

    with pytest.raises(Interrupted, match="--resume"):
        train(
            prepare(recipe, run, settings), settings, stopped=lambda: bool(told), progress=progress
        )
    assert told == [1] and not (run / ADAPTER).exists()
    again = train(prepare(recipe, run, settings), settings, resume=True, progress=progress)
    assert again.record["resumed"] and told[1] == 2  # the second step came next
    assert all("loss" in note and "tokens/s" in note for note in notes)
    assert float(notes[-1].split()[-2]) >= 1 and notes[-1].endswith(" GiB")  # the most memory held
    found = load_file(again.folder / "adapter_model.safetensors")
    assert found.keys() == expected.keys()
    assert all((found[name] - expected[name]).abs().max() < 1e-5 for name in found)
    assert list((run / CHECKPOINTS).rglob("events.out.tfevents.*"))


def test_other_work_does_not_go_on_from_a_checkpoint(quick: tuple[Recipe, Settings]) -> None:
    recipe, settings = quick
    run = run_folder(settings, recipe)
    with pytest.raises(Interrupted):
        train(prepare(recipe, run, settings), settings, stopped=lambda: True)
    other = replace(recipe, lora=replace(recipe.lora, r=4))
    steps: list[int] = []
    done = train(
        prepare(other, run, settings),
        settings,
        resume=True,
        progress=lambda _s, now, _t, _n: steps.append(now),
    )
    assert steps[0] == 1 and not done.record["resumed"]


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ([2.0, 2.0, math.nan], "became nan at step 3; it was 2.00 before"),
        ([2.0, 2.1, 1.9, 2.0, 2.0, 9.0], "rose to 9.00 at step 6, from 2.00"),
        ([2.0, math.inf], "became inf"),
    ],
)
def test_a_loss_that_runs_away_stops_with_a_diagnosis(losses: list[float], says: str) -> None:
    watch = Watch(lambda *told: None, lambda: False, 1.0)
    with pytest.raises(RunawayError, match=says.replace(".", r"\.")) as caught:
        for step, loss in enumerate(losses):
            watch.check(loss, step, lambda: 1e-3)
    assert "training.learning_rate" in str(caught.value)


def test_a_training_that_becomes_nan_is_stopped(quick: tuple[Recipe, Settings]) -> None:
    import torch

    recipe, settings = quick
    prepared = prepare(recipe, run_folder(settings, recipe), settings)
    model = tuned_model(prepared, settings)
    with torch.no_grad():
        next(p for n, p in model.named_parameters() if "lora_A" in n).fill_(math.nan)
    with pytest.raises(RunawayError, match="became nan at step 1"):
        train(prepared, settings, model=model)
    assert not (prepared.folder / ADAPTER).exists()


def test_evaluating_first_leaves_4_bit_weights_trainable(
    base: Path, index: ReviewIndex, tmp_path: Path
) -> None:
    """bitsandbytes packs weights that were evaluated on a CPU with bf16 instructions, and has no
    gradient for these.
    """
    import torch

    recipe, settings = recipe_for(base, tmp_path), settings_in(tmp_path)
    prepared = prepare(recipe, with_data(recipe, settings, index), settings)
    model = tuned_model(prepared, settings)
    ids = torch.tensor([prepared.train.sequences[0].input_ids])
    with torch.no_grad():
        model.eval()(input_ids=ids)
    model.train()(input_ids=ids, labels=ids).loss.backward()
    assert not [
        m
        for m in model.modules()
        if getattr(getattr(m, "weight", None), "quant_state", None) is not None
        and getattr(m.weight.quant_state, "packing_format_for_cpu", False)
    ]
    reached = [
        p.grad is not None and bool(p.grad.abs().sum() > 0)
        for n, p in model.named_parameters()
        if "lora_B" in n
    ]
    assert reached and all(reached)


def test_a_model_tuned_on_another_prompt_is_refused(
    quick: tuple[Recipe, Settings], index: ReviewIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, settings = quick
    run = run_folder(settings, recipe)
    adapter = train(prepare(recipe, run, settings), settings).folder
    monkeypatch.setattr(choice, "_loaded", {})
    asked = replace(settings, generator=recipe.base_model, adapter=str(adapter))
    assert "adapter" in choose_generator(asked, FakeEmbedder(), index.leaning).generator.name
    merge(recipe, run, settings)
    monkeypatch.setattr(prompt, "_RULES", prompt._RULES + "\n- Rhyme.")
    for one in (asked, replace(settings, generator=str(settings.models_dir / "tuned"))):
        with pytest.raises(ModelError, match="tuned on another prompt"):
            choose_generator(one, FakeEmbedder(), index.leaning)


def test_packing_puts_several_examples_into_a_sequence(quick: tuple[Recipe, Settings]) -> None:
    recipe, settings = quick
    run = run_folder(settings, recipe)
    alone = train(prepare(recipe, run, settings), settings)
    packed_recipe = replace(recipe, training=replace(recipe.training, packing=True))
    packed = train(prepare(packed_recipe, run, settings), settings)
    assert packed.record["steps"] < alone.record["steps"]
    assert packed.record["held_out_loss"]["after"] < packed.record["held_out_loss"]["before"]
    assert packed.record["held_out_loss"]["before"] == pytest.approx(
        alone.record["held_out_loss"]["before"], abs=1e-3
    )


def test_merging_says_what_stands_in_the_way(
    quick: tuple[Recipe, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, settings = quick
    run = run_folder(settings, recipe)
    with pytest.raises(ModelError, match="no trained adapter"):
        merge(recipe, run, settings)
    with pytest.raises(ModelError, match="neither an adapter"):
        compare_models(recipe, run, settings, None, FakeEmbedder(), [])  # type: ignore[arg-type]
    train(prepare(recipe, run, settings), settings)
    target = settings.models_dir / recipe.output
    target.mkdir(parents=True)
    with pytest.raises(ModelError, match="not a merged model of this program"):
        merge(recipe, run, settings)
    target.rmdir()
    usage: Any = shutil.disk_usage(run)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ModelError, match="are free"):
        merge(recipe, run, settings)
    assert not target.exists() and not list(settings.models_dir.glob(".*"))
    monkeypatch.undo()
    done = merge(recipe, run, settings)
    assert done.way == INTO_ORIGINAL and done.divergence == {
        INTO_ORIGINAL: None
    }  # the only way without 4 bits
    assert read_record(target)["merge"]["dtype"] == "bfloat16"
