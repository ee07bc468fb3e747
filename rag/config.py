"""One frozen settings object, from defaults, a TOML file and the environment; and the index
fingerprint.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.schema import SettingsError

ENV_PREFIX = "REVIEWQA_"
DEBUG_VARIABLE = (
    "REVIEWQA_DEBUG"  # no setting: the command line then shows the traceback of an unforeseen error
)
SETTINGS_FILE = "reviewqa.toml"
BUNDLED_EMBEDDER = "all-MiniLM-L6-v2"
BUNDLED_GENERATOR = "smollm2-135m"
NORMALISATION = "nfc+html-text/2"  # changes whenever cleaning a review's text changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default. In `reviewqa.toml` and as ``REVIEWQA_<NAME>`` in the
    environment.
    """

    indexes_dir: Path = Path("indexes")
    models_dir: Path = Path("models")
    runs_dir: Path = Path(
        "finetune/runs"
    )  # where fine-tuning keeps its examples, checkpoints, adapters and reports
    cache_dir: Path = Path("~/.cache/reviewqa")
    reviews_dir: Path = Path(".")  # the app reads named review files only from inside this folder
    max_upload_mb: int = 200  # the largest file that the app takes
    max_unpack_ratio: float = 200.0  # an archive that unpacks to more times its size is refused

    embedder: str = BUNDLED_EMBEDDER  # a sentence-transformers name or folder
    embed_batch_size: int = 64
    embed_dimension: int = (
        0  # cut vectors to this length, with a matryoshka model; 0: the model's own
    )
    query_prompt: str = (
        "auto"  # put before a question; "auto": as the model says, or its family is known for
    )
    document_prompt: str = "auto"  # put before a review's sentence; changing it makes another index
    chunking: str = (
        "sentences"  # "sentences", or "whole": one chunk and one vector for a whole review
    )
    chunk_tokens: int = 64  # of the embedder's tokenizer
    # "auto": by the number of vectors; or "flat" (exact), "ivf_sq8" (approximate, re-scored)
    vector_index: str = "auto"
    keep_generations: int = 2  # how many earlier generations of an index are kept to go back to

    retrieval: str = "hybrid"  # "hybrid": by meaning and by words; or "dense", "lexical" alone
    content_words_weight: float = (
        1.0  # of the question's content words in its vector; 0: the plain question
    )
    sentence_words_weight: float = (
        0.15  # of the words that a sentence shares with the question, beside a cosine of 1
    )
    review_words_weight: float = 0.15  # of the words that the whole review and its title share
    reranker: str = "none"  # "none", or a cross-encoder
    rerank_depth: int = 50  # chunks that the reranker scores anew
    top_k: int = 12
    chunks_per_review: int = 1  # twelve chunks should be twelve voices
    near_duplicate: float = 0.95  # cosine from which two chunks say the same
    evidence_floor: float = (
        0.50  # evidence score (rag.answering.refusal) under which the reviews are taken not to say
    )
    fact_evidence_floor: float = 0.76  # the same for questions that ask for one fact
    support_threshold: float = 0.45  # similarity from which a span bears a sentence out

    # "auto", "extractive", "openai", "smollm2-135m", or a model's name or folder
    generator: str = "auto"
    adapter: str = ""  # a LoRA adapter folder to put on the generator's base model
    quantization: str = "none"  # "none" or "4bit" (NF4; on a GPU)
    dtype: str = (
        "auto"  # "auto": bf16 on a GPU that has it, else fp32; or "bfloat16", "float16", "float32"
    )
    follow_ups: str = "rule"  # "And the ending?" made to stand alone: by "rule", or "off"
    max_prompt_tokens: int = 1536
    max_new_tokens: int = 256

    openai_base_url: str = "http://127.0.0.1:8000/v1"
    openai_model: str = ""  # empty: the first model the server lists
    openai_api_key_env: str = "OPENAI_API_KEY"  # the NAME of the variable that holds the key
    openai_timeout_s: float = 60.0
    openai_retries: int = 3

    host: str = "127.0.0.1"
    port: int = 8501

    def __post_init__(self) -> None:
        for name in ("indexes_dir", "models_dir", "runs_dir", "cache_dir", "reviews_dir"):
            object.__setattr__(self, name, Path(getattr(self, name)).expanduser())
        for name, low, high in (
            ("top_k", 1, 100),
            ("chunks_per_review", 1, 100),
            ("chunk_tokens", 8, 100_000),
            ("embed_batch_size", 1, 4096),
            ("max_prompt_tokens", 64, 10_000_000),
            ("max_new_tokens", 1, 100_000),
            ("evidence_floor", -1, 2),
            ("fact_evidence_floor", -1, 2),
            ("support_threshold", 0, 1),
            ("near_duplicate", 0, 1),
            ("openai_timeout_s", 0.1, 86_400),
            ("openai_retries", 0, 20),
            ("port", 1, 65_535),
            ("max_upload_mb", 1, 100_000),
            ("max_unpack_ratio", 1, 1_000_000),
            ("keep_generations", 0, 1000),
            ("embed_dimension", 0, 100_000),
            ("content_words_weight", 0, 10),
            ("sentence_words_weight", 0, 10),
            ("review_words_weight", 0, 10),
            ("rerank_depth", 1, 1000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(
                    f"{name} = {value} is out of range: it must lie between {low} and {high}."
                )
        for name, allowed in (
            ("chunking", ("sentences", "whole")),
            ("vector_index", ("auto", "flat", "ivf_sq8")),
            ("retrieval", ("hybrid", "dense", "lexical")),
            ("follow_ups", ("off", "rule")),
            ("quantization", ("none", "4bit")),
            ("dtype", ("auto", "bfloat16", "float16", "float32")),
        ):
            if getattr(self, name) not in allowed:
                raise SettingsError(
                    f'{name} = "{getattr(self, name)}" is not one of: {", ".join(allowed)}.'
                )


_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}


def load_settings(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Defaults, then the TOML file, then the environment, then `overrides` (None values are left
    out).

    Without `path`, `reviewqa.toml` in the working directory is read if there is one. Raises
    `SettingsError` for a file that cannot be read, an unknown key, or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    file = path or Path(SETTINGS_FILE)
    if path is not None or file.exists():
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(
                f"Cannot read the settings file {file}: {error.strerror}."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file} is not valid TOML: {error}.") from error
        for key, value in table.items():
            values[key] = _checked(key, value, f"{file}")
    for variable, text in (os.environ if environ is None else environ).items():
        if variable.startswith(ENV_PREFIX) and variable != DEBUG_VARIABLE:
            key = variable[len(ENV_PREFIX) :].lower()
            values[key] = _checked(key, text, f"the environment variable {variable}")
    for key, value in (overrides or {}).items():
        if value is not None:
            values[key] = _checked(key, value, "the command line")
    return Settings(**values)


def _checked(key: str, value: Any, where: str) -> Any:
    """`value` as the type of setting `key`, or `SettingsError`."""
    if key not in _FIELDS:
        near = difflib.get_close_matches(key, _FIELDS, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else f" Known: {', '.join(_FIELDS)}."
        raise SettingsError(f'Unknown setting "{key}" in {where}.{hint}')
    kind = type(_FIELDS[key].default)
    if issubclass(kind, Path) and isinstance(value, (str, Path)):
        return Path(value)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    raise SettingsError(
        f'Setting "{key}" in {where} must be of type {kind.__name__}, not {value!r}.'
    )


def index_fingerprint(embedder_identity: str, chunking: str, chunk_tokens: int) -> str:
    """Hex SHA-256 of everything that decides what an index's rows and vectors are.

    Two indexes with one fingerprint may share vectors; a retriever whose fingerprint differs must
    not search.
    """
    parts = {"embedder": embedder_identity, "chunking": chunking, "normalisation": NORMALISATION}
    if chunking != "whole":
        parts["chunk_tokens"] = str(chunk_tokens)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
