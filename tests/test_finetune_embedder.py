"""Adapting a small real embedder: kept where it finds better, refused where not, resumed where
interrupted.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finetune.embedder import RECORD, Adapted, Material, Training, adapt_embedder
from finetune.gate import hold_out
from rag.config import Settings
from rag.embedding import SentenceTransformerEmbedder
from rag.evaluation.questions import Question
from rag.index import ReviewIndex, build_index
from rag.schema import Review, SettingsError
from tests.fakes import build_fake_index, review
from tests.tiny_models import save_tiny_embedder
from ui.cli.main import main

TOPICS = 30
SETTINGS = Settings()
QUICK = Training(epochs=150, batch_size=16, learning_rate=3e-3, kinds=("question",))
"""Enough to learn which word of a question means which word of a review."""


def reviews() -> list[Review]:
    return [
        Review(f"r{n}", f"answer{n} answer{n}", title=f"some words of title{n}", source="hand-made")
        for n in range(TOPICS)
    ]


def questions() -> list[Question]:
    """In each split one about every topic; of questions and reviews no word is the same."""
    return [
        Question(
            f"{split}{n}",
            how.format(f"topic{n}"),
            "opinion",
            split,
            "",
            frozenset([f"r{n}"]),
            "",
            (),
        )
        for split, how in (("train", "{0}"), ("dev", "{0} {0}"), ("test", "{0}?"))
        for n in range(TOPICS)
    ]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformerEmbedder:
    words = "tell about judge rate stands here some words of . warm up".split()
    words += [f"{kind}{n}" for n in range(TOPICS) for kind in ("topic", "answer", "title")]
    return SentenceTransformerEmbedder(
        str(save_tiny_embedder(tmp_path_factory.mktemp("models") / "tiny", words))
    )


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, embedder: SentenceTransformerEmbedder
) -> ReviewIndex:
    folder = tmp_path_factory.mktemp("indexes") / "topics"
    return build_index(reviews(), embedder, folder, chunking="sentences", chunk_tokens=64)


def adapt(
    index: ReviewIndex,
    embedder: SentenceTransformerEmbedder,
    folder: Path,
    training: Training = QUICK,
    **more: object,
) -> Adapted:
    material = Material(index, embedder, questions())
    return adapt_embedder(SETTINGS, material, folder, training, **more)  # type: ignore[arg-type]


def test_an_embedder_that_finds_better_is_kept_with_its_record(
    index: ReviewIndex, embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    before = embedder.embed_documents(["answer1 answer1"])
    stages: list[tuple[str, int, int]] = []
    found = adapt(index, embedder, tmp_path / "better", progress=lambda *told: stages.append(told))
    assert found.accepted and found.folder == tmp_path / "better" and not found.proxy
    assert found.difference.difference > 0.2 and found.difference.p_value < 0.05
    record = json.loads((tmp_path / "better" / RECORD).read_text(encoding="utf-8"))
    adapted = SentenceTransformerEmbedder(str(tmp_path / "better"))
    assert record["base"] == embedder.identity and record["accepted"] is True
    assert (
        record["adapted"].split("@")[1]
        == adapted.identity.split("@")[1]
        != embedder.identity.split("@")[1]
    )
    assert record["pairs"] == {"question": TOPICS} and record["training"]["epochs"] == 150
    assert record["held_out"] == {"questions": TOPICS, "proxy": False, "reviews_searched": TOPICS}
    assert record["after"]["all"]["nDCG@10"][0] > record["before"]["all"]["nDCG@10"][0]
    files = {path.suffix for path in (tmp_path / "better").rglob("*") if path.is_file()}
    assert ".safetensors" in files and not files & {".bin", ".pt", ".pkl", ".pth"}
    assert [path.name for path in tmp_path.iterdir()] == ["better"]
    np.testing.assert_array_equal(embedder.embed_documents(["answer1 answer1"]), before)
    assert [stage for stage in dict.fromkeys(stage for stage, *_ in stages)] == [
        "pairs",
        "training",
        "embedding",
        "before",
        "after",
    ]
    with pytest.raises(SettingsError, match="There is already something at"):
        adapt(index, embedder, tmp_path / "better")


@pytest.mark.parametrize("any_gain", [False, True])
def test_an_embedder_that_finds_no_better_is_refused(
    index: ReviewIndex, embedder: SentenceTransformerEmbedder, tmp_path: Path, any_gain: bool
) -> None:
    training = replace(QUICK, max_steps=1, learning_rate=1e-9, any_gain=any_gain)
    found = adapt(index, embedder, tmp_path / "same", training)
    assert not found.accepted and found.folder is None and found.difference.difference == 0
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_goes_on(
    index: ReviewIndex, embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "training" and done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(index, embedder, tmp_path / "x", progress=interrupt)
    assert not (tmp_path / "x").exists() and (tmp_path / ".training-x" / "checkpoints").is_dir()
    steps: list[int] = []
    found = adapt(
        index,
        embedder,
        tmp_path / "x",
        resume=True,
        progress=lambda stage, done, total: steps.append(done) if stage == "training" else None,
    )
    assert 1 < steps[0] <= 101 and steps[-1] >= 150 and found.accepted
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_without_questions_titles_of_reviews_held_out_stand_in(
    embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    many = [
        Review(
            f"r{n}-{m}",
            f"answer{n} stands here. answer{(n + m) % TOPICS} and word{m}.",
            title=f"some words of title{n}",
        )
        for n in range(TOPICS)
        for m in range(1, 5)
    ]
    index = build_index(many, embedder, tmp_path / "many", chunking="sentences", chunk_tokens=64)
    held = hold_out(index, [])
    assert held.proxy and len(held.questions) == 24 and int((~held.reviews).sum()) == 24
    assert not {next(iter(one.relevance)) for one in held.questions} & {
        review_id for review_id, may in zip(index.review_ids(), held.reviews, strict=True) if may
    }
    found = adapt_embedder(
        SETTINGS,
        Material(index, embedder),
        tmp_path / "x",
        replace(QUICK, kinds=("title",), epochs=2),
    )
    assert (
        found.proxy
        and found.record["held_out"]["proxy"] is True
        and found.record["pairs"]["title"] <= 96
    )


def test_copies_are_never_on_both_sides(tmp_path: Path) -> None:
    texts = [f"The thing{n} was good and the other{n} was not, said guest{n}." for n in range(120)]
    copied = [
        replace(review(f"{k}-{n}", text), title=f"three words {n}")
        for k in "ab"
        for n, text in enumerate(texts)
    ]
    index = build_fake_index(tmp_path / "x", copied)
    held = hold_out(index, [])
    for group in np.unique(index.review_group):
        assert len(set(held.reviews[index.review_group == group])) == 1


def test_too_little_to_judge_by_is_told(index: ReviewIndex, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r'has 3 questions of the split "dev" .* at least 20 are needed'
    ):
        hold_out(index, [one for one in questions() if one.split == "dev"][:3])
    untitled = build_fake_index(tmp_path / "x", [review(str(n), f"Text {n}.") for n in range(40)])
    with pytest.raises(SettingsError, match="has 0 titles of three words or more"):
        hold_out(untitled, [])
    with pytest.raises(
        SettingsError, match="Pairs are of the kinds question, title, neighbour, not rhyme"
    ):
        Training(kinds=("rhyme",))


def test_on_the_command_line(
    embedder: SentenceTransformerEmbedder,
    index: ReviewIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "questions.jsonl"
    rows = [
        {
            "id": one.id,
            "question": one.question,
            "kind": one.kind,
            "split": one.split,
            "review_ids": [*one.review_ids],
        }
        for one in questions()
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    monkeypatch.setenv("REVIEWQA_EMBEDDING__MODEL", embedder.name)
    monkeypatch.setenv("REVIEWQA_PATHS__MODELS_DIR", str(tmp_path / "models"))

    def run(*arguments: str) -> tuple[int, str, str]:
        line = [
            "reviewqa",
            "--indexes-dir",
            str(index.generation.parents[1]),
            "finetune",
            "embedder",
            *arguments,
        ]
        monkeypatch.setattr(sys, "argv", line)
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    code, out, _ = run("--questions", str(file), "--name", "mine", "--dry-run")
    assert code == 0 and "30 question" in out and "30 questions decide" in out
    quick = (
        "--epochs",
        "150",
        "--batch-size",
        "16",
        "--lr",
        "0.003",
        "--pairs",
        "question",
        "--questions",
        str(file),
    )
    code, out, _ = run("--name", "mine", *quick)
    assert code == 0 and "on 30 dev questions" in out and "REVIEWQA_EMBEDDING__MODEL=" in out
    assert (tmp_path / "models" / "mine" / RECORD).is_file()
    code, out, err = run("--name", "same", *quick, "--max-steps", "1", "--lr", "1e-9")
    assert (
        code == 1
        and "difference +0.000" in out
        and "is not better, and was not kept: it finds no more." in err
    )
    for arguments, says in (
        (("--name", "../x"), "cannot be the name"),
        (("--name", "x", "--pairs", "rhyme"), "Pairs are of the kinds"),
        (("--name", "x", "--index", "spa"), 'There is no index "spa"'),
        (("--name", "mine", *quick), "There is already something at"),
    ):
        code, _, err = run(*arguments)
        assert code == 1 and says in err and "Traceback" not in err
