"""What reaches standard error, and what the log file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.logging import announced, configure_logging

_log = logging.getLogger("rag.example")


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    yield
    configure_logging()


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [(0, ["broken"]), (1, ["broken", "opened"]), (5, ["broken", "opened", "timed"])],
)
def test_each_v_shows_more_and_only_once(
    verbosity: int, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(2)
    configure_logging(verbosity)
    _log.warning("broken")
    _log.info("opened")
    _log.debug("timed")
    logging.getLogger("library").info("noise")
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == shown


def test_the_file_gets_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest-xdist cannot send what pytest would keep of such a line
    monkeypatch.setattr(logging.getLogger("rag"), "propagate", False)
    configure_logging(file=str(tmp_path / "log.txt"))
    _log.debug("timed %s", "\udcff")
    assert capsys.readouterr().err == ""
    assert (tmp_path / "log.txt").read_text().endswith(" DEBUG rag.example: timed ?\n")


def test_slow_work_is_announced_with_its_progress_without_any_v(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    with announced("Preparing the model, which is done once", steps=2) as step:
        step()
        step()
    err = capsys.readouterr().err
    assert "Preparing the model, which is done once:   0%" in err and "2/2" in err
