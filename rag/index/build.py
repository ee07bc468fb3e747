"""Building an index: reviews -> sentences and chunks -> vectors -> a new live generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rag.chunking import chunk_review
from rag.config import NORMALISATION, index_fingerprint
from rag.embedding import Embedder, Vectors
from rag.index import store
from rag.index.reader import ReviewIndex
from rag.index.verify import problems_of
from rag.schema import IndexFileError, Review
from rag.sentiment import COMPLAINING, PRAISING, LeaningModel, fit_leaning

BuildProgress = Callable[[str, int, int], None]
"""Called with (stage, done, total); stages are "chunking", "embedding" and "writing"."""


def no_build_progress(stage: str, done: int, total: int) -> None:
    """The default for `progress`: say nothing."""


def build_index(
    reviews: Sequence[Review],
    embedder: Embedder,
    folder: Path,
    *,
    chunking: str,
    chunk_tokens: int,
    progress: BuildProgress = no_build_progress,
) -> ReviewIndex:
    """Build a generation of the index in `folder` from `reviews`, verify it, make it live, and open it.

    Whatever goes wrong before the last step, the generation that was live stays live. Raises `IndexFileError`
    when there are no reviews, two share an id, another process is writing, or the disk is full.
    """
    if not reviews:
        raise IndexFileError("There are no reviews to build an index from.")
    ids = {review.review_id for review in reviews}
    if len(ids) != len(reviews):
        raise IndexFileError(f"{len(reviews) - len(ids)} reviews have an id that another one has; ids must be unique.")
    try:
        with store.writer_lock(folder):
            store.remove_unfinished(folder)
            generation = store.new_generation()
            building = folder / f".building-{generation}"
            try:
                building.mkdir()
                _write(reviews, embedder, building, chunking=chunking, chunk_tokens=chunk_tokens, progress=progress)
                problems = problems_of(building)
                if problems:
                    raise IndexFileError(f"The new index did not pass its own check, and is not used: {problems[0]}")
                store.switch(folder, building, generation)
            except BaseException:
                store.discard(folder, generation)
                raise
    except OSError as error:
        raise IndexFileError(
            f"Cannot write the index in {folder}: {error.strerror or error}. The index that was live still is."
        ) from error
    return ReviewIndex(folder / generation)  # just verified; `open` would read every byte once more


def _write(
    reviews: Sequence[Review],
    embedder: Embedder,
    building: Path,
    *,
    chunking: str,
    chunk_tokens: int,
    progress: BuildProgress,
) -> None:
    sentences: dict[str, list[int]] = {name: [] for name in ("review_row", "start", "end", "chunk_row")}
    chunks: dict[str, list[int]] = {
        name: [] for name in ("review_row", "start", "end", "first_sentence", "end_sentence")
    }
    chunk_ids: list[str] = []
    texts: list[str] = []
    for row, review in enumerate(reviews):
        cut = chunk_review(review, embedder.count_tokens, chunk_tokens=chunk_tokens, whole=chunking == "whole")
        offset = len(texts)
        for chunk, (first, last) in zip(cut.chunks, cut.chunk_sentences, strict=True):
            for start, end in cut.sentences[first:last]:
                for name, value in (("review_row", row), ("start", start), ("end", end), ("chunk_row", len(chunk_ids))):
                    sentences[name].append(value)
                texts.append(review.text[start:end])
            for name, value in (
                ("review_row", row), ("start", chunk.start), ("end", chunk.end),
                ("first_sentence", offset + first), ("end_sentence", offset + last),
            ):  # fmt: skip
                chunks[name].append(value)
            chunk_ids.append(chunk.chunk_id)
        if row % 200 == 0 or row + 1 == len(reviews):
            progress("chunking", row + 1, len(reviews))

    if not texts:
        raise IndexFileError("The reviews hold no text to build an index from.")
    vectors = embedder.embed_documents(texts, progress=lambda done, total: progress("embedding", done, total))
    if vectors.shape != (len(texts), embedder.dimension):
        raise IndexFileError(
            f"The embedder returned vectors of shape {vectors.shape} for {len(texts)} sentences "
            f"of {embedder.dimension} dimensions."
        )
    progress("writing", 0, 1)
    flat = faiss.IndexFlatIP(embedder.dimension)
    flat.add(vectors)
    try:
        faiss.write_index(flat, str(building / "vectors.faiss"))
    except RuntimeError as error:  # what faiss raises for a full disk
        raise OSError(
            f"the vectors could not be written ({str(error).rpartition(' (')[2].rstrip(')')[-200:]})"
        ) from error
    _write_leaning(_fit(reviews, sentences["review_row"], vectors, embedder), building / "leaning.parquet")
    _write_reviews(reviews, building / "reviews.parquet")
    pq.write_table(
        pa.table({name: pa.array(column, pa.int32()) for name, column in sentences.items()}),
        building / "sentences.parquet",
    )
    chunk_columns = {name: pa.array(column, pa.int32()) for name, column in chunks.items()}
    pq.write_table(
        pa.table({"chunk_id": pa.array(chunk_ids, pa.string()), **chunk_columns}), building / "chunks.parquet"
    )
    store.write_manifest(
        building,
        store.Manifest(
            format_version=store.FORMAT_VERSION,
            fingerprint=index_fingerprint(embedder.identity, chunking, chunk_tokens),
            embedder=embedder.identity,
            dimension=embedder.dimension,
            chunking=chunking,
            chunk_tokens=chunk_tokens,
            normalisation=NORMALISATION,
            reviews=len(reviews),
            sentences=len(texts),
            chunks=len(chunk_ids),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            sources=sorted({review.source for review in reviews}),
            files=store.checksums(building),
        ),
    )
    progress("writing", 1, 1)


def _fit(reviews: Sequence[Review], review_rows: Sequence[int], vectors: Vectors, embedder: Embedder) -> LeaningModel:
    fractions = [review.rating_fraction for review in reviews]
    ratings = np.array([np.nan if value is None else value for value in fractions])[review_rows]
    return fit_leaning(vectors, ratings, embedder.embed_documents(PRAISING), embedder.embed_documents(COMPLAINING))


def _write_leaning(model: LeaningModel, path: Path) -> None:
    weights = pa.array([float(weight) for weight in (*model.weights, model.offset)], pa.float64())
    pq.write_table(pa.table({"weight": weights}), path)  # the last one is the offset


REVIEW_SCHEMA = pa.schema(
    [
        ("review_id", pa.string()), ("text", pa.large_string()), ("title", pa.string()), ("rating", pa.float64()),
        ("rating_min", pa.float64()), ("rating_max", pa.float64()), ("date", pa.string()), ("author", pa.string()),
        ("item", pa.string()), ("helpful_votes", pa.int64()), ("language", pa.string()), ("source", pa.string()),
        ("line", pa.int64()),
    ]
)  # fmt: skip


def _write_reviews(reviews: Sequence[Review], path: Path) -> None:
    columns = {name: [getattr(review, name) for review in reviews] for name in REVIEW_SCHEMA.names}
    pq.write_table(pa.table(columns, schema=REVIEW_SCHEMA), path)
