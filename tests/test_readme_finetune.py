"""The commands of docs/fine-tuning.md run: in a file of their own, so that they run beside the
others.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_readme import ROOT, run, sample_index
from tests.tiny_models import make_tiny_model


def commands() -> list[str]:
    text = (ROOT / "docs" / "fine-tuning.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "finetune" in line]
    return [line for line in lines if "eval answers" not in line]  # of a real model, not a tiny one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with what the commands name."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "rag").symlink_to(ROOT / "rag")
    sample_index(folder, tmp_path_factory)
    return folder


def test_the_fine_tuning_commands_run_with_a_small_model(folder: Path) -> None:
    """In the order given, each as it stands but for the base model and the size of it all."""
    questions = (
        (ROOT / "rag" / "sample" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    )
    few = [q for q in questions if '"split": "test"' in q][:3] + [
        q for q in questions if '"split": "train"' in q
    ][:9]
    (folder / "few-asked.jsonl").write_text("\n".join(few), encoding="utf-8")
    (folder / "finetune").mkdir(exist_ok=True)
    (folder / "finetune" / "products").symlink_to(ROOT / "finetune" / "products")
    make_tiny_model(folder / "tiny", "gemma1")
    make_tiny_model(folder / "tiny-smollm2", "smollm2")
    small = " --set training.max_steps=1 --set training.per_device_train_batch_size=2 --set data.max_length=256"
    small += " --set training.gradient_accumulation_steps=1 --set base_model=tiny"
    smaller = f"{small}-smollm2 --set data.max_length=2048"
    states = small.replace("max_length=256", "max_length=2048")
    assert len(commands()) == 10
    for command in commands():
        command = command.replace("rag/sample/questions.jsonl", "few-asked.jsonl")
        command = command.replace(
            "--questions finetune/products", "--questions finetune/products/hotel.jsonl"
        )
        if "gemma-3-270m-statement" in command:
            command += states
        elif "gemma-2b-it" in command or "smollm2-135m-it" in command:
            command += small if "gemma-2b-it" in command else smaller
        done = run(f"REVIEWQA_GENERATOR__MAX_NEW_TOKENS=24 {command}", folder)
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    for name in ("gemma_Squid_Game", "smollm2-135m-reviews"):
        assert (folder / "finetune" / "runs" / name / "report.html").is_file()
    for name in ("gemma_Squid_Game", "gemma-3-270m-statement", "smollm2-135m-reviews"):
        assert (folder / "models" / name / "model.safetensors").is_file()
