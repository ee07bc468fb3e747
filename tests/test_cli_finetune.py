"""`reviewqa finetune`: what each step prints, that all of them go on where they stopped, and that
Ctrl-C saves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finetune.recipe import recipe_names
from rag.config import Settings
from rag.embedding import SentenceTransformerEmbedder
from tests.small_hotel import ASPECTS, split_of, write_recipe
from tests.test_cli import Ran
from tests.tiny_models import make_tiny_model
from ui.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with reviews, questions, a base model and a recipe."""
    folder = tmp_path_factory.mktemp("finetune")
    rows, asked = ["review_id,text,rating"], ["id,question,review_ids,key_points,split,kind"]
    for name, (good, bad) in ASPECTS.items():
        rows += [f"{name}-good,{good},5", f"{name}-bad,{bad},1"]
        asked.append(
            f"{name},How was the {name}?,{name}-good;{name}-bad,{good};{bad},{split_of(name)},both_sides"
        )
    (folder / "reviews.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "asked.csv").write_text("\n".join(asked), encoding="utf-8")
    make_tiny_model(folder / "base", "gemma1")
    write_recipe(folder / "recipe.toml", folder / "base", "q_proj", "v_proj")
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    embedder = SentenceTransformerEmbedder()
    monkeypatch.setattr("rag.embedding.make_embedder", lambda settings: embedder)
    monkeypatch.setenv("REVIEWQA_RETRIEVAL__TOP_K", "3")
    monkeypatch.setenv("REVIEWQA_GENERATOR__MAX_PROMPT_TOKENS", "3000")
    monkeypatch.setenv("REVIEWQA_GENERATOR__MAX_NEW_TOKENS", "8")


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> Ran:
    monkeypatch.setattr(sys, "argv", ["reviewqa", *arguments])
    code = 0
    try:
        main()
    except SystemExit as exit:
        code = int(exit.code or 0)
    out, err = capsys.readouterr()
    return Ran(code, out, err)


def test_all_steps_in_the_order_given(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(*arguments: str, code: int = 0) -> str:
        ran = run(capsys, monkeypatch, *arguments)
        assert ran.code == code, (arguments, ran.out, ran.err)
        return ran.out + ran.err

    done("index", "build", "reviews.csv", "--name", "hotel")
    said = done("finetune", "data", "recipe.toml", "--questions", "asked.csv", "--preview")
    assert "3 of the kind answer, 2 of the kind task" in said and "Written to" in said
    assert "<start_of_turn>user" in said and "⟦" in said and "<end_of_turn>⟧" in said
    assert (
        "were there already"
        in done("finetune", "data", "recipe.toml", "--questions", "asked.csv").lower()
    )
    said = done("finetune", "check", "recipe.toml")
    for name in (
        "one BOS",
        "end of turn under loss",
        "padding masked",
        "target modules",
        "gradients",
        "memory",
    ):
        assert f"ok      {name}:" in said
    said = done(
        "finetune", "check", "recipe.toml", "--set", 'lora.target_modules=["w_proj"]', code=1
    )
    assert "does not fit" in said or "FAILED  target modules" in said
    said = done("finetune", "train", "recipe.toml")
    assert "Loss on the examples held out" in said and "tokens/s" in said and "(estimated" in said
    said = done("finetune", "merge", "recipe.toml", "--dtype", "float32")
    assert "Merged into the original weights" in said
    gate = ("--compare-questions", "asked.csv", "--split", "dev", "--gate")
    said = done("finetune", "compare", "recipe.toml", *gate, code=1)
    assert (
        "# mine, merged against base: not better" in said and "The verdict is: not better" in said
    )
    said = done("ask", "How was the pool?", "--generator", "models/mine")
    assert "mine" in said
    said = done("finetune", "run", "recipe.toml", "--index", "hotel", "--questions", "asked.csv")
    assert "The adapter was there already" in said and said.count("already") >= 2
    assert {path.name for path in (folder / "finetune" / "runs" / "mine").iterdir()} == {
        "data",
        "checks.json",
        "checkpoints",
        "adapter",
        "report.html",
        "report.md",
        "report.json",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "gemma-9"), 'There is no recipe "gemma-9". Known: gemma-2b-it'),
        (
            ("check", "recipe.toml", "--set", "training.learning_rat=1"),
            'Did you mean "learning_rate"?',
        ),
        (("check", "recipe.toml", "--set", 'output="../x"'), "cannot be the name"),
        (("train", "recipe.toml", "--set", 'output="other"'), "reviewqa finetune data"),
        (("merge", "recipe.toml", "--set", 'output="other"'), "reviewqa finetune train"),
        (("compare", "recipe.toml", "--set", 'output="other"', "--compare-index", "none"), "none"),
    ],
)
def test_what_is_missing_is_said(
    arguments: tuple[str, ...],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = run(capsys, monkeypatch, "finetune", *arguments)
    assert ran.code in (1, 2) and says in ran.err and "Traceback" not in ran.err


def test_the_recipes_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run(capsys, monkeypatch, "finetune", "recipes").out
    assert all(f"{name} " in said for name in recipe_names())


def test_ctrl_c_saves_and_resume_goes_on(folder: Path) -> None:
    command = [sys.executable, "-P", "-c", "from ui.cli.main import main; main()", "finetune"]
    long = ["recipe.toml", "--set", 'output="stopped"', "--set", "training.num_train_epochs=200"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    asked = [*command, "data", *long, "--questions", "asked.csv"]
    subprocess.run(
        [*command[:4], "index", "build", "reviews.csv", "--name", "hotel"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        timeout=300,
    )
    subprocess.run(asked, cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
    process = subprocess.Popen(
        [*command, "train", *long],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    checkpoints = folder / Settings().paths.runs_dir / "stopped" / "checkpoints"
    for _ in range(1200):
        if list(checkpoints.glob("checkpoint-*")) or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert (
        "Stopping after this step" in err
        and "Go on with --resume" in err
        and "Traceback" not in err
    )
    saved = {path.name for path in checkpoints.glob("checkpoint-*")}
    assert saved and not (checkpoints.parent / "adapter").exists()
