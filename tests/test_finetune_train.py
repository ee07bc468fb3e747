"""The whole path on small models of the real classes: data, check, train, merge, serve, compare;
and what stops it.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import finetune
from finetune.comparison import compare_models
from finetune.comparison_report import HTML_FILE, JSON_FILE, MARKDOWN_FILE, write_report
from finetune.data.make import MadeData, Sources, make_examples
from finetune.events import Callbacks, TrainingStep
from finetune.exam import Exam
from finetune.folders import ADAPTER, CHECKPOINTS, run_folder
from finetune.merging import (
    INTO_DEQUANTISED,
    INTO_ORIGINAL,
    as_trained,
    merge_into_base,
    merged_model,
)
from finetune.recipe import Recipe, load_recipe
from finetune.training.trainer import prepare, train_adapter, tuned_model
from finetune.training.watch import Interrupted, RunawayError, Watch
from rag.answering import prompt
from rag.answering.pipeline import Pipeline
from rag.answering.templates import RECORD, read_record
from rag.config import Settings
from rag.evaluation.questions import Question
from rag.generators import cached, transformers
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
    return Settings().changed(
        {
            "paths.models_dir": folder / "models",
            "paths.runs_dir": folder / "runs",
            "retrieval.top_k": 3,
            "generator.max_prompt_tokens": 2048,
            "generator.max_new_tokens": 16,
            "answering.evidence_floor": -1,
            "answering.fact_evidence_floor": -1,
            "index.chunk_tokens": CHUNK_TOKENS,
        }
    )


def question_file(folder: Path) -> Path:
    """The questions as a file."""
    file = folder / "asked.jsonl"
    rows = [
        {"id": one.id, "question": one.question, "kind": one.kind, "split": one.split}
        | {"review_ids": sorted(one.review_ids), "key_points": one.key_points}
        for one in questions()
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def with_data(recipe: Recipe, settings: Settings, index: ReviewIndex) -> MadeData:
    sources = Sources([index], [question_file(settings.paths.runs_dir.parent)])
    return make_examples(recipe, settings, FakeEmbedder(), sources)


@pytest.mark.parametrize("family", ["gemma1", "gemma2", "gemma3", "gemma4"])
def test_from_reviews_to_a_merged_model_that_answers(
    family: str, index: ReviewIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    base = make_tiny_model(tmp_path / "base", family)
    recipe, settings, embedder = recipe_for(base, tmp_path), settings_in(tmp_path), FakeEmbedder()
    assert not with_data(recipe, settings, index).reused
    assert with_data(recipe, settings, index).reused

    checked = finetune.check(recipe, settings=settings)
    assert checked.passed, [check for check in checked.checks if check.verdict == "failed"]
    assert checked.step is not None and checked.step.seconds > 0
    # so small a model may fit into what this process has already
    monkeypatch.setattr(
        "finetune.training.memory._resident", partial(next, itertools.count(2**30, 2**20))
    )
    trained = finetune.train(recipe, settings=settings)
    loss = trained.record["held_out_loss"]
    assert loss["after"] < loss["before"]
    assert {path.name for path in trained.folder.iterdir()} == ADAPTER_FILES
    assert json.loads((trained.folder / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ] == str(base)
    prepared = prepare(recipe, settings)
    assert trained.record["template_hash"] == prompt.template_hash()
    assert trained.record["steps"] == prepared.steps and trained.record["peak_memory_bytes"] > 0
    assert finetune.train(recipe, settings=settings).reused

    # the merge into the 4-bit weights, in fp32, is the trained model; the other one is not, and
    # says by how much
    exact = merged_model(recipe, settings, trained.folder, INTO_DEQUANTISED, "float32")
    ids = torch.tensor([prepared.held_out.sequences[0].input_ids])
    with torch.inference_mode():
        expected = as_trained(recipe, settings, trained.folder)(input_ids=ids).logits
        assert float((exact(input_ids=ids).logits - expected).abs().max()) < 1e-4
    done = finetune.merge(recipe, settings=settings, dtype="float32")
    original, dequantised = done.divergence[INTO_ORIGINAL], done.divergence[INTO_DEQUANTISED]
    assert original is not None and dequantised is not None and dequantised < 1e-6 < original
    assert done.way == INTO_DEQUANTISED and done.folder == tmp_path / "models" / "tuned"
    assert {path.name for path in done.folder.iterdir()} == MODEL_FILES
    assert "_name_or_path" not in json.loads((done.folder / "config.json").read_text())
    assert "quantization_config" not in json.loads((done.folder / "config.json").read_text())
    assert f"{original:.6f}" in (done.folder / "README.md").read_text()
    assert finetune.merge(recipe, settings=settings, dtype="float32").reused

    # it is served at once, with the stop tokens that it was trained to end with
    monkeypatch.setattr(cached, "_loaded", {})
    served = choose_generator(settings)
    assert isinstance(served.generator, transformers.TransformersGenerator)
    assert served.generator.name == "tuned"
    end = prepared.train.sequences[0].labels[-1]
    assert end in served.generator._stop_ids
    written = json.loads((done.folder / "generation_config.json").read_text())["eos_token_id"]
    assert end in written
    answer = Pipeline(settings, index, embedder, served).ask("How was the pool?")
    assert answer.generator == "tuned"

    run = run_folder(settings, recipe)
    found = compare_models(recipe, settings, Exam(index, embedder, questions()[6:]))
    assert [one.name for one in found.contenders] == ["base", "adapter", "merged"]
    assert all(len(one.tasks) == 2 and len(one.report.results) == 2 for one in found.contenders)
    write_report(found)
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
    whole = train_adapter(prepare(recipe, settings), settings)
    expected = load_file(whole.folder / "adapter_model.safetensors")
    shutil.rmtree(run / ADAPTER)

    steps: list[TrainingStep] = []
    monkeypatch.setattr(
        "finetune.training.memory._resident", partial(next, itertools.count(0, 2**30))
    )

    stopping = Callbacks(on_event=steps.append, stopped=lambda: bool(steps))
    with pytest.raises(Interrupted, match="--resume"):
        train_adapter(prepare(recipe, settings), settings, callbacks=stopping)
    assert [step.step for step in steps] == [1] and not (run / ADAPTER).exists()
    telling = Callbacks(on_event=steps.append)
    again = train_adapter(prepare(recipe, settings), settings, resume=True, callbacks=telling)
    assert again.record["resumed"] and steps[1].step == 2  # the second step came next
    assert all(step.loss > 0 and step.tokens_per_second > 0 for step in steps)
    assert steps[-1].memory >= 2**30  # the most that was held
    found = load_file(again.folder / "adapter_model.safetensors")
    assert found.keys() == expected.keys()
    assert all((found[name] - expected[name]).abs().max() < 1e-5 for name in found)
    assert list((run / CHECKPOINTS).rglob("events.out.tfevents.*"))


def test_other_work_does_not_go_on_from_a_checkpoint(quick: tuple[Recipe, Settings]) -> None:
    recipe, settings = quick
    with pytest.raises(Interrupted):
        train_adapter(
            prepare(recipe, settings), settings, callbacks=Callbacks(stopped=lambda: True)
        )
    other = load_recipe(recipe, ["lora.r=4"])
    steps: list[int] = []
    callbacks = Callbacks(progress=lambda stage, done, total: steps.append(done))
    done = train_adapter(prepare(other, settings), settings, resume=True, callbacks=callbacks)
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
    watch = Watch(Callbacks(), 1.0)
    with pytest.raises(RunawayError, match=says.replace(".", r"\.")) as caught:
        for step, loss in enumerate(losses):
            watch.check(loss, step, lambda: 1e-3)
    assert "training.learning_rate" in str(caught.value)


def test_a_training_that_becomes_nan_is_stopped(quick: tuple[Recipe, Settings]) -> None:
    import torch

    recipe, settings = quick
    prepared = prepare(recipe, settings)
    model = tuned_model(prepared, settings)
    with torch.no_grad():
        next(p for n, p in model.named_parameters() if "lora_A" in n).fill_(math.nan)
    with pytest.raises(RunawayError, match="became nan at step 1"):
        train_adapter(prepared, settings, model=model)
    assert not (prepared.folder / ADAPTER).exists()


def test_evaluating_first_leaves_4_bit_weights_trainable(
    base: Path, index: ReviewIndex, tmp_path: Path
) -> None:
    """bitsandbytes packs weights that were evaluated on a CPU with bf16 instructions, and has no
    gradient for these.
    """
    import torch

    recipe, settings = recipe_for(base, tmp_path), settings_in(tmp_path)
    with_data(recipe, settings, index)
    prepared = prepare(recipe, settings)
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
    adapter = train_adapter(prepare(recipe, settings), settings).folder
    monkeypatch.setattr(cached, "_loaded", {})
    asked = settings.changed(
        {"generator.name": recipe.base_model, "generator.adapter": str(adapter)}
    )
    generator = choose_generator(asked).generator
    assert generator is not None and "adapter" in generator.name
    merge_into_base(recipe, settings)
    monkeypatch.setattr(prompt, "_RULES", prompt._RULES + "\n- Rhyme.")
    for one in (
        asked,
        settings.changed({"generator.name": str(settings.paths.models_dir / "tuned")}),
    ):
        with pytest.raises(ModelError, match="tuned on another prompt"):
            choose_generator(one)


def test_packing_puts_several_examples_into_a_sequence(quick: tuple[Recipe, Settings]) -> None:
    recipe, settings = quick
    alone = train_adapter(prepare(recipe, settings), settings)
    packed_recipe = load_recipe(recipe, ["training.packing=true"])
    packed = train_adapter(prepare(packed_recipe, settings), settings)
    assert packed.record["steps"] < alone.record["steps"]
    assert packed.record["held_out_loss"]["after"] < packed.record["held_out_loss"]["before"]
    assert packed.record["held_out_loss"]["before"] == pytest.approx(
        alone.record["held_out_loss"]["before"], abs=1e-3
    )


def test_merging_says_what_stands_in_the_way(
    quick: tuple[Recipe, Settings], index: ReviewIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, settings = quick
    run = run_folder(settings, recipe)
    with pytest.raises(ModelError, match="no trained adapter"):
        merge_into_base(recipe, settings)
    with pytest.raises(ModelError, match="neither an adapter"):
        compare_models(recipe, settings, Exam(index, FakeEmbedder()))
    train_adapter(prepare(recipe, settings), settings)
    target = settings.paths.models_dir / recipe.output
    target.mkdir(parents=True)
    with pytest.raises(ModelError, match="not a merged model of this program"):
        merge_into_base(recipe, settings)
    target.rmdir()
    usage: Any = shutil.disk_usage(run)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ModelError, match="are free"):
        merge_into_base(recipe, settings)
    assert not target.exists() and not list(settings.paths.models_dir.glob(".*"))
    monkeypatch.undo()
    done = merge_into_base(recipe, settings)
    assert done.way == INTO_ORIGINAL and done.divergence == {
        INTO_ORIGINAL: None
    }  # the only way without 4 bits
    assert read_record(target)["merge"]["dtype"] == "bfloat16"
