"""The installer, with a pip and a venv that only note what they are asked: never half-installed,
plain errors.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

install: Any = importlib.import_module("ui.install")  # without annotations, for old Pythons
SOURCE = Path(install.__file__)


class Workplace:
    """A project folder of its own; `pip` holds the calls, `codes` what the next ones return."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.stamp = self.venv / "installed.json"
        self.pip: list[list[str]] = []
        self.stamped: list[bool] = []
        self.codes: dict[str, int] = {}
        self.output = ""
        self.created = 0

    def create(self, path: str, with_pip: bool) -> None:
        assert Path(path) == self.venv and with_pip
        self.created += 1
        (self.venv / "bin").mkdir(parents=True)
        python = self.venv / "bin" / "python"
        python.write_text("#!/bin/sh\nexit 0\n")
        python.chmod(0o755)

    def run_pip(self, arguments: list[str], log: Any) -> int:
        self.pip.append(arguments)
        self.stamped.append(self.stamp.exists())
        log.write(self.output)
        log.flush()
        return self.codes.get(arguments[0], 0)

    def start(self, patch: pytest.MonkeyPatch, *arguments: str) -> None:
        self.pip, self.stamped, self.created = [], [], 0
        patch.setattr(sys, "argv", ["install.py", *arguments])
        install.main()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("click==8.1.8\n")
    made = Workplace(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", made.venv)
    monkeypatch.setattr(install, "STAMP", made.stamp)
    monkeypatch.setattr(install, "VENV_PYTHON", made.venv / "bin" / "python")
    monkeypatch.setattr(install, "pip", made.run_pip)
    monkeypatch.setattr(venv, "create", made.create)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100e9))
    return made


def fails(
    workplace: Workplace, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """The one line that a start ends with."""
    with pytest.raises(SystemExit) as exit:
        workplace.start(patch)
    message = exit.value.code  # what Python itself prints, and ends with exit code 1
    assert isinstance(message, str) and message.startswith("error: ") and "\n" not in message
    assert capsys.readouterr().err == ""
    return message


def test_the_first_start_installs_all_and_stamps_it_at_the_end(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.start(monkeypatch)
    assert workplace.created == 1
    assert [call[0] for call in workplace.pip][:2] == [
        "download",
        "install",
    ] and "." in workplace.pip[1]
    assert all("constraints.txt" in " ".join(call) for call in workplace.pip)
    assert not any(workplace.stamped) and workplace.stamp.is_file()
    assert not list(workplace.venv.glob("*.new"))
    assert "first time" in capsys.readouterr().out


def test_the_second_start_does_nothing_and_says_nothing(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.start(monkeypatch)
    before = workplace.stamp.stat().st_mtime_ns
    capsys.readouterr()
    workplace.start(monkeypatch)
    assert (
        workplace.pip == []
        and workplace.created == 0
        and workplace.stamp.stat().st_mtime_ns == before
    )
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_update_in_place_and_the_stamp_is_gone_meanwhile(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    workplace.start(monkeypatch)
    (workplace.root / name).write_text("# changed\n")
    workplace.start(monkeypatch)
    assert workplace.created == 0 and len(workplace.pip) >= 2
    assert [call[0] for call in workplace.pip][:2] == ["download", "install"]
    assert workplace.stamped[0] and not any(
        workplace.stamped[1:]
    )  # the probe alone changes nothing
    workplace.start(monkeypatch)
    assert workplace.pip == []


def test_another_python_is_an_update(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    workplace.start(monkeypatch)
    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")
    workplace.start(monkeypatch)
    assert workplace.pip


def test_extras_are_added_once_and_kept_by_later_updates(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace.start(monkeypatch)
    workplace.start(monkeypatch, "--with", "test")
    assert any(".[test]" in call for call in workplace.pip)
    workplace.start(monkeypatch, "--with", "test")
    assert workplace.pip == []
    workplace.start(monkeypatch)
    assert workplace.pip == []
    workplace.start(monkeypatch, "--with", "finetune")
    assert any(".[finetune,test]" in call for call in workplace.pip)
    (workplace.root / "constraints.txt").write_text("# changed\n")
    workplace.start(monkeypatch)
    assert any(".[finetune,test]" in call for call in workplace.pip)


@pytest.mark.parametrize("command", ["download", "install"])
def test_a_start_that_breaks_off_is_begun_anew(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    workplace.codes = {command: 1}
    fails(workplace, monkeypatch, capsys)
    assert not workplace.stamp.exists()
    workplace.codes = {}
    workplace.start(monkeypatch)
    assert workplace.created == 1 and workplace.stamp.exists()
    assert "broken or was not finished" in capsys.readouterr().out


def test_an_update_that_breaks_off_leaves_no_stamp(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.start(monkeypatch)
    (workplace.root / "constraints.txt").write_text("# changed\n")
    workplace.codes = {"install": 1}
    fails(workplace, monkeypatch, capsys)
    assert not workplace.stamp.exists()


def test_an_update_without_a_mirror_keeps_what_is_there(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.start(monkeypatch)
    before = workplace.stamp.read_text()
    changed = workplace.root / "constraints.txt"
    old = changed.read_text()
    changed.write_text("# changed\n")
    workplace.codes = {"download": 1}
    assert "no package mirror" in fails(workplace, monkeypatch, capsys)
    assert workplace.stamp.read_text() == before
    changed.write_text(old)
    workplace.start(monkeypatch)
    assert workplace.pip == []


def test_a_venv_that_was_moved_is_built_anew(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.start(monkeypatch)
    stamp = json.loads(workplace.stamp.read_text())
    assert stamp["root"] == str(workplace.root)
    workplace.stamp.write_text(json.dumps({**stamp, "root": "/elsewhere"}))
    workplace.start(monkeypatch)
    assert workplace.created == 1 and "building it anew" in capsys.readouterr().out


def test_the_check_looks_for_the_main_modules() -> None:
    assert (
        subprocess.run(
            [sys.executable, "-c", install.CHECK], cwd=SOURCE.parent.parent, check=False
        ).returncode
        == 0
    )
    absent = install.CHECK.replace("click", "no_such_module_here")
    assert (
        subprocess.run(
            [sys.executable, "-c", absent], cwd=SOURCE.parent.parent, check=False
        ).returncode
        == 1
    )


@pytest.mark.parametrize(
    "harm", ["no python", "python fails", "stamp cut off", "stamp gone", "empty folder"]
)
def test_a_broken_venv_is_built_anew(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    harm: str,
) -> None:
    workplace.start(monkeypatch)
    python = workplace.venv / "bin" / "python"
    if harm == "no python":
        python.unlink()
    elif harm == "python fails":
        python.write_text("#!/bin/sh\nexit 1\n")
    elif harm == "stamp cut off":
        workplace.stamp.write_text('{"wanted": ')
    else:
        workplace.stamp.unlink()
    (workplace.venv / "left-over").touch()
    capsys.readouterr()
    workplace.start(monkeypatch)
    assert (
        workplace.created == 1
        and not (workplace.venv / "left-over").exists()
        and workplace.stamp.exists()
    )
    assert "building it anew" in capsys.readouterr().out


@pytest.mark.parametrize("stamp", ["[]", "7", "{}", '{"wanted": 1}'])
def test_an_odd_stamp_does_not_crash(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, stamp: str
) -> None:
    workplace.start(monkeypatch)
    workplace.stamp.write_text(stamp)
    workplace.start(monkeypatch)
    assert workplace.pip and json.loads(workplace.stamp.read_text())["extras"] == []


# --- plain errors


def test_an_old_python_is_told_what_is_needed(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    message = fails(workplace, monkeypatch, capsys)
    assert (
        "Python 3.11 or newer" in message and "this is 3.9" in message and "make PYTHON=" in message
    )
    assert not workplace.venv.exists()


def test_an_old_python_can_at_least_read_the_installer() -> None:
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_too_little_disk_is_said_before_anything_is_made(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1.5e9))
    message = fails(workplace, monkeypatch, capsys)
    assert "1.5 GB" in message and f"about {install.NEEDED_GB}" in message
    assert not workplace.venv.exists() and workplace.pip == []


def test_no_package_mirror_is_said_and_nothing_installed(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.codes = {"download": 1}
    message = fails(workplace, monkeypatch, capsys)
    assert "no package mirror answers" in message and "install.log" in message
    assert [call[0] for call in workplace.pip] == ["download"]


def test_what_pip_could_not_install_is_repeated(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace.codes = {"install": 1}
    workplace.output = "Collecting x\nERROR: No matching distribution found for x\nERROR: more\n"
    message = fails(workplace, monkeypatch, capsys)
    assert "No matching distribution found for x" in message and "install.log" in message
    workplace.output = "nothing of use\n"
    assert "pip did not say why" in fails(workplace, monkeypatch, capsys)


@pytest.mark.parametrize(
    "error", [OSError("no room"), subprocess.CalledProcessError(1, ["ensurepip"])], ids=repr
)
def test_a_python_without_venv_is_told_what_to_install(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def create(path: str, with_pip: bool) -> None:
        os.mkdir(path)
        raise error

    monkeypatch.setattr(venv, "create", create)
    message = fails(workplace, monkeypatch, capsys)
    assert (
        "cannot create .venv" in message
        and "python3-venv" in message
        and not workplace.venv.exists()
    )


# --- pip itself, as another program


def test_pips_output_goes_to_the_log_and_what_matters_to_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "python"
    program.write_text(
        "#!/bin/sh\n"
        'echo "arguments: $*"\n'
        "echo Collecting click\n"
        "echo '  Downloading https://mirror/packages/torch-2.6-linux.whl (766.7 MB)'\n"
        "echo '  Downloading https://mirror/packages/click-8.whl (98 kB)'\n"
        "echo 'Installing collected packages: click'\n"
        "exit 3\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(install, "VENV_PYTHON", program)
    monkeypatch.setattr(install, "ROOT", tmp_path)
    with open(tmp_path / "log", "w") as log:
        assert install.pip(["install", "x"], log) == 3
    shown = capsys.readouterr().out
    assert (
        "torch-2.6-linux.whl (766.7 MB)" in shown
        and "click-8" not in shown
        and "installing 1 packages" in shown
    )
    text = (tmp_path / "log").read_text()
    assert "-m pip" in text and "install x" in text and text.count("\n") == 5
