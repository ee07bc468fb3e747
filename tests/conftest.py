"""Fixtures that more than one test module needs."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes import FakeEmbedder, build_fake_index

# a machine that has other work to do is slow without being wrong
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


# no power is cut in a test, and waiting for the disk was a fifth of all; that everything is flushed, and
# in time, is seen by test_index_power.py, which records the calls
os.fsync = lambda fd: None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-faults",
        action="store_true",
        help="interrupt the index at every operation and play all power cuts, not just some",
    )


_SLOW = (  # files of a minute or more: begun last, one of them would keep a single worker busy
    "test_readme",
    "test_readme_finetune",
    "test_finetune_embedder",
    "test_browser",
    "test_finetune_train",
    "test_finetune_run",
    "test_index_faults",
    "test_reader_training",
    "test_cli_finetune",
    "test_browser_reviews",
    "test_browser_compare",
    "test_real_data",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first, in this order; the others as they were."""
    place = {name: number for number, name in enumerate(_SLOW)}
    items.sort(key=lambda item: place.get(item.path.stem, len(_SLOW)))


@pytest.fixture(scope="session")
def all_faults(request: pytest.FixtureRequest) -> bool:
    """Whether every fault is wanted, which takes a quarter of an hour, or some of each kind."""
    return bool(request.config.getoption("--all-faults"))


@pytest.fixture(scope="session")
def workers() -> Iterator[Pool]:
    """Processes that have used no threads, so that others may be forked from them. Forked from
    pytest they would hang: it has threads of FAISS and pyarrow.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tests.faults", "tests.test_index_kills", "tests.test_index_power"]
    )
    with context.Pool(2) as pool:
        yield pool


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes") / "hotel"
    build_fake_index(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """An index that a test may harm."""
    return Path(shutil.copytree(pristine, tmp_path / "hotel"))


@pytest.fixture
def extractive_app(
    indexes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The app over a module's own `indexes`, without a language model and with a fake embedder."""
    import streamlit

    monkeypatch.chdir(tmp_path)  # no reviewqa.toml of the developer's
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(indexes))
    monkeypatch.setenv("REVIEWQA_GENERATOR__NAME", "extractive")
    monkeypatch.setattr("rag.embedding.make_embedder", lambda settings: FakeEmbedder())
    streamlit.cache_resource.clear()
    yield
    streamlit.cache_resource.clear()


@pytest.fixture(autouse=True)
def _imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, run in this process, would keep tests' processes from importing `tests`."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
