"""Gemma 3 270M with the adapters that come with the program, where `make gemma` installed it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from finetune.shipped import ADAPTERS, STATEMENT_WRITER, merge_shipped
from rag.answering.statement_prompt import STATING, statement_messages
from rag.answering.templates import HASHES
from rag.config import Settings
from rag.files import sha256_of
from rag.generators.completion import BatchCompleter
from rag.generators.gemma import GEMMA
from rag.schema import ModelError
from ui.cli.main import cli

ADAPTER = ADAPTERS / STATEMENT_WRITER


def test_the_adapter_is_the_one_that_was_trained_for_this_prompt() -> None:
    record = json.loads((ADAPTER / "training.json").read_text())
    assert record["template"] == STATING and record["template_hash"] == HASHES[STATING]()
    weights = ADAPTER / "adapter_model.safetensors"
    assert sha256_of(weights) == (ADAPTER / "adapter_model.sha256").read_text().split()[0]
    assert weights.stat().st_size < 16e6
    assert "Gemma Terms of Use" in (ADAPTER / "NOTICE.md").read_text()


def test_a_changed_adapter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetune.shipped.ADAPTERS", tmp_path)
    with pytest.raises(ModelError, match="is not here"):
        merge_shipped(STATEMENT_WRITER, Settings())
    folder = tmp_path / STATEMENT_WRITER
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"other")
    (folder / "adapter_model.sha256").write_text("0" * 64 + "  adapter_model.safetensors\n")
    with pytest.raises(ModelError, match="is not the file expected"):
        merge_shipped(STATEMENT_WRITER, Settings())


def test_nothing_is_made_unless_the_terms_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(GEMMA), "installed", property(lambda _: True))
    done = CliRunner().invoke(cli, ["gemma"])
    assert done.exit_code == 2 and "Gemma Terms of Use" in done.output
    assert "--accept-terms" in done.output


def test_without_the_packages_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(GEMMA), "installed", property(lambda _: False))
    done = CliRunner().invoke(cli, ["gemma", "--accept-terms"])
    assert isinstance(done.exception, ModelError) and "make gemma" in str(done.exception)


@pytest.mark.skipif(not GEMMA.installed, reason="Gemma 3 270M is installed by make gemma")
def test_it_is_merged_and_says_plainly_what_reviews_say(tmp_path: Path) -> None:
    settings = Settings().changed({"paths.models_dir": tmp_path, "paths.cache_dir": tmp_path})
    merged = merge_shipped(STATEMENT_WRITER, settings)
    assert (merged.folder / "GEMMA_TERMS.html").is_file()
    quotations = ["The bar was loud until three in the morning.", "Such a noisy bar."]
    messages = statement_messages("Is the bar quiet?", "criticism", quotations)
    ((written,),) = BatchCompleter(merged.folder, STATING).complete([messages], max_new_tokens=24)
    assert "bar" in written.lower() and written.endswith(".") and len(written.split()) < 15
    assert merge_shipped(STATEMENT_WRITER, settings).reused
