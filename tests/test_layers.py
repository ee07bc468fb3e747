"""Every import goes to a lower layer, and the low layers are light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("rag", "finetune", "ui")

# The table of layers. A package's name stands for all its modules, which may import each other; a
# module that is named beside its package has a layer of its own.
LAYERS = {
    "rag.schema": 0,
    "rag.answer": 1,
    "rag.lazy": 0,
    "rag.progress": 0,
    "rag.config": 1,
    "rag.files": 1,
    "rag.filters": 1,
    "rag.logging": 1,
    "rag.process": 1,
    "rag.chunking": 1,
    "rag.ingest": 1,
    "rag.understanding": 2,
    "rag.topics": 3,
    "rag.topics.counting": 6,
    "rag.topics.quotations": 5,
    "rag.answering.standalone": 1,
    "rag.reader.stance": 1,
    "rag.reader": 4,
    "rag.answering.fence": 1,
    "rag.answering.prompt": 2,
    "rag.answering.statement_prompt": 2,
    "rag.answering.templates": 3,
    "rag.runtimes": 2,
    "rag.runtimes.measure": 5,
    "rag.embedding": 3,
    "rag.generators": 4,
    "rag.index": 4,
    "rag.retrieval": 5,
    "rag.answering": 6,
    "rag.library": 7,
    "rag.jobs": 7,
    "rag.evaluation": 8,
    "finetune": 9,
    "ui": 10,
}
LIGHT = [module for module, layer in LAYERS.items() if layer <= 1]
HEAVY = ("torch", "transformers", "streamlit", "faiss", "sentence_transformers", "pyarrow")


def sources() -> Iterator[tuple[str, Path]]:
    """(module, file) of every Python file of the three packages."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(sources())


def imports(module: str, is_package: bool, source: str) -> Iterator[tuple[str, int]]:
    """(imported module of ours, line), wherever in the file the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = module.split(".")[
                    : None if is_package and node.level == 1 else is_package - node.level
                ]
                base = ".".join([*outer, *filter(None, [node.module])])
            # "from rag import prompt" imports rag.answering.prompt; "from rag.answering.prompt import fence" imports
            # rag.answering.prompt
            inside = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else base for name in inside]
        else:
            continue
        yield from ((name, node.lineno) for name in names if name.split(".")[0] in PACKAGES)


def unit(module: str) -> str | None:
    """The entry of the table that `module` belongs to."""
    fits = [name for name in LAYERS if module == name or module.startswith(name + ".")]
    return max(fits, key=len, default=None)


def violations(module: str, is_package: bool, source: str) -> list[str]:
    """What is wrong with the imports of `module`, a sentence each."""
    own = unit(module)
    wrong = []
    for name, line in imports(module, is_package, source):
        other = unit(name)
        if other is None:
            if name not in PACKAGES:  # "import rag" alone brings no module in
                wrong.append(f"line {line}: {name} is in no layer of the table")
        elif own is None or (other != own and LAYERS[other] >= LAYERS[own]):
            wrong.append(f"line {line}: {module} imports {name}, which is not below it")
    return wrong


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module not in ("rag", "rag.sample")]
)
def test_module_imports_only_from_lower_layers(module: str) -> None:
    path = MODULES[module]
    assert unit(module) is not None, f"{module} is new: give it a layer in the table"
    assert violations(module, path.name == "__init__.py", path.read_text(encoding="utf-8")) == []


def test_importing_the_library_loads_nothing_and_sets_nothing() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import rag; assert dict(os.environ) == before; "
        "print(*[name for name in sys.modules if name.startswith('rag.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["rag.lazy"]  # which loads the others


def test_the_table_names_only_modules_that_exist() -> None:
    assert [name for name in LAYERS if name not in MODULES] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rag.schema", "from rag.config import Settings"),
        ("rag.answering.prompt", "import rag.embedding"),
        ("rag.chunking", "from rag.answering import prompt"),
        ("rag.ingest", "def read():\n    from rag.answering.pipeline import Pipeline\n"),
        ("rag.embedding", "from rag.index import ReviewIndex"),
        ("rag.generators.choice", "from rag.index.snapshot import ReviewIndex"),
        ("rag.answering.grounding", "from ..library import Index"),
        ("rag.index.writer", "from ..answering.pipeline import Pipeline"),
        ("rag.answering.pipeline", "import finetune.dataset"),
        ("rag.evaluation.answers", "from ui import render"),
        ("finetune.train", "from ui.render import answer"),
        ("rag.retrieval", "from rag.newcomer import x"),
    ],
)
def test_a_wrong_import_would_be_found(module: str, source: str) -> None:
    assert len(violations(module, False, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rag.index.writer", "from rag.index import store\nfrom .snapshot import ReviewIndex"),
        ("rag.index.writer", "from rag.embedding import Embedder"),
        ("rag.evaluation.answers", "from rag.answering.pipeline import Pipeline"),
        ("finetune.dataset", "from rag.answering import prompt"),
        ("ui.app", "import finetune.recipes\nimport rag.answering.pipeline"),
        ("rag.files", "import hashlib\nfrom ragged import x"),
    ],
)
def test_a_right_import_passes(module: str, source: str) -> None:
    assert violations(module, False, source) == []


def test_layers_0_and_1_load_nothing_heavy() -> None:
    code = f"import sys, {', '.join(LIGHT)}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_help_loads_nothing_heavy() -> None:
    heavy = (*HEAVY, "numpy", "pydantic")
    code = f"import sys, ui.cli.main; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
