"""`finetune.run` from Python: everything in one call, interrupted, resumed, and found again; and the
front door.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import finetune
import rag
from finetune import Check, Checked, Compared, MadeData, Merged, Trained, TrainingStep
from rag.answering.templates import read_record
from rag.config import Settings
from rag.schema import ModelError, SettingsError
from tests.fakes import FakeGenerator
from tests.small_hotel import ASPECTS, split_of, write_recipe
from tests.tiny_models import make_tiny_model


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings for a working folder with an index, questions, a base model and a recipe."""
    folder = tmp_path_factory.mktemp("work")
    settings = Settings().changed(
        {
            "paths.indexes_dir": folder / "indexes",
            "paths.models_dir": folder / "models",
            "paths.runs_dir": folder / "runs",
            "retrieval.top_k": 3,
            "generator.max_prompt_tokens": 3000,
            "generator.max_new_tokens": 8,
        }
    )
    reviews, questions = [], []
    for name, (good, bad) in ASPECTS.items():
        ids = [f"{name}-good", f"{name}-bad"]
        for review_id, text, rating in zip(ids, (good, bad), (5, 1), strict=True):
            reviews.append({"review_id": review_id, "text": text, "rating": rating})
        asked = {"id": name, "question": f"How was the {name}?", "split": split_of(name)}
        questions.append(asked | {"review_ids": ids, "key_points": [good, bad]})
    (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, questions)), encoding="utf-8")
    rag.build(reviews, name="hotel", settings=settings)
    make_tiny_model(folder / "base", "gemma1")
    write_recipe(folder / "recipe.toml", folder / "base", "all-linear")
    return settings


def run(settings: Settings, **more: Any) -> finetune.RunResult:
    folder = settings.paths.runs_dir.parent
    asked = folder / "asked.jsonl"
    on = finetune.CompareOn(questions=asked, split="dev")
    recipe = more.pop("recipe", folder / "recipe.toml")
    index = more.pop("index", "hotel")
    return finetune.run(
        recipe, index=index, questions=[asked], compare_on=on, settings=settings, **more
    )


def test_it_goes_on_where_it_was_interrupted_and_makes_nothing_twice(settings: Settings) -> None:
    events: list[Any] = []
    stages: list[str] = []

    def has_stepped() -> bool:
        return any(isinstance(event, TrainingStep) for event in events)

    with pytest.raises(finetune.Interrupted, match="after step 1"):
        run(settings, on_event=events.append, stopped=has_stepped)
    kinds = list(dict.fromkeys(map(type, events)))
    assert kinds == [MadeData, Check, Checked, TrainingStep] and not events[0].reused
    assert not (settings.paths.models_dir / "mine").exists()

    result = run(settings, progress=lambda stage, done, total: stages.append(stage))
    assert result.data.reused and result.training.record["resumed"]
    assert not result.training.reused and not result.merged.reused
    assert list(dict.fromkeys(stages)) == ["training", "base", "adapter", "merged"]
    assert result.comparison is not None
    assert result.comparison.verdict == "not better" and result.comparison.questions == 2
    assert (result.folder / "report.html").is_file()
    assert read_record(result.merged.folder)["merge"]["way"] == "original"
    assert "Loss on the examples held out" in str(result.training)
    assert "Merged into the original weights" in str(result.merged)

    events.clear()
    again = run(settings, on_event=events.append)
    assert again.data.reused and again.training.reused and again.merged.reused
    assert list(map(type, events)) == [MadeData, Trained, Merged, Compared]
    assert "already" in str(again.data) and "already" in str(again.training)


def test_it_begins_anew_where_it_is_told_to(settings: Settings) -> None:
    recipe = finetune.load_recipe(
        settings.paths.runs_dir.parent / "recipe.toml", ["output=fresh", "training.max_steps=1"]
    )
    first = run(settings, recipe=recipe, index=rag.open("hotel", settings=settings))
    fresh = run(settings, recipe=recipe, resume=False)
    assert first.folder == fresh.folder
    assert not fresh.data.reused and not fresh.training.reused


def test_a_stage_is_a_function_of_its_own(settings: Settings) -> None:
    folder = settings.paths.runs_dir.parent
    recipe = finetune.load_recipe(folder / "recipe.toml", ["output=staged"])
    asked = folder / "asked.jsonl"
    with pytest.raises(ModelError, match="no trained adapter"):
        finetune.merge(recipe, settings=settings)
    made = finetune.make_data(recipe, index=["hotel"], questions=[folder], settings=settings)
    assert not made.reused and "3 of the kind answer" in str(made)
    same = finetune.make_data(recipe, index="hotel", questions=[str(asked)], settings=settings)
    assert same.reused
    with pytest.raises(SettingsError, match=r"did not pass the answer \(from fake generator\)"):
        finetune.make_data(recipe, index="hotel", teacher=FakeGenerator("No."), settings=settings)
    quoted = finetune.make_data(recipe, index="hotel", teacher="extractive", settings=settings)
    assert not quoted.reused and quoted.examples.train
    texts = finetune.preview(recipe, settings=settings)
    assert len(texts) == 1 and texts[0].endswith("<end_of_turn>⟧")
    checked = finetune.check(recipe, step=False, settings=settings)
    assert checked.passed and checked.step is None


def test_nothing_is_trained_that_would_go_wrong(settings: Settings) -> None:
    recipe = finetune.load_recipe(
        settings.paths.runs_dir.parent / "recipe.toml",
        ["output=wrong", 'lora.target_modules=["w_proj"]'],
    )
    with pytest.raises(ModelError, match=r"Nothing was trained.*target modules: no layer is named"):
        run(settings, recipe=recipe)
    assert not (settings.paths.runs_dir / "wrong" / "adapter").exists()


def test_what_cannot_be_used_is_said(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="no recipe"):
        finetune.check("gemma-9", settings=settings)
    with pytest.raises(rag.ReviewQAError, match="none"):
        run(settings, index="none")
    other = settings.changed({"index.chunk_tokens": 20})
    with pytest.raises(rag.ReviewQAError, match="Rebuild it"):
        run(other)


def test_without_its_packages_it_says_how_to_install_them_before_any_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = lambda name: None if name == "trl" else True  # noqa: E731
    monkeypatch.setattr(finetune.stages, "find_spec", absent)
    told: list[object] = []
    for start in (
        lambda: run(settings, on_event=told.append),
        lambda: finetune.check("gemma-2b-it"),
    ):
        with pytest.raises(ModelError, match=r"\(trl\).*python3 ui/install.py --with finetune"):
            start()
    assert not told


def test_make_installs_what_its_fine_tuning_needs() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "gemma-tuned"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    (installs,) = (place for place, line in enumerate(lines) if "--with finetune" in line)
    (runs,) = (place for place, line in enumerate(lines) if "finetune run" in line)
    assert installs < runs


def test_the_front_door_is_light_and_no_module_hides_a_name_of_it() -> None:
    code = """
import pkgutil, sys
import finetune
heavy = {"torch", "transformers", "pydantic", "rag.index"} & set(sys.modules)
assert not heavy, heavy
for module in pkgutil.walk_packages(finetune.__path__, "finetune."):
    __import__(module.name)
assert set(dir(finetune)) == set(finetune.__all__)
for name in finetune.__all__:
    assert callable(getattr(finetune, name)), name
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    with pytest.raises(AttributeError, match="nothing"):
        finetune.nothing  # noqa: B018
