"""Fixtures that more than one test module needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fakes import build_fake_index


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes") / "hotel"
    build_fake_index(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """An index that a test may harm."""
    return Path(shutil.copytree(pristine, tmp_path / "hotel"))
