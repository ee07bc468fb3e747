"""Opening an index and searching it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index.store import Manifest, damaged_files, live_generation
from rag.schema import Chunk, IndexFileError, Review, ReviewSentence, fraction_of_scale
from rag.sentiment import LeaningModel


class ReviewIndex:
    """One generation of an index, read-only; it stays usable when a writer switches to a newer one.

    Row `i` of the sentences is vector `i`. A chunk row and a review row count in their own tables.
    """

    def __init__(self, generation: Path) -> None:
        self.generation = generation
        self.name = generation.parent.name
        self.manifest = Manifest.read(generation)
        try:
            self._reviews = pq.read_table(generation / "reviews.parquet")
            sentences = pq.read_table(generation / "sentences.parquet")
            chunks = pq.read_table(generation / "chunks.parquet")
            leaning = pq.read_table(generation / "leaning.parquet").column("weight").to_numpy()
            vectors = faiss.read_index(str(generation / "vectors.faiss"))
            counts = (self._reviews.num_rows, sentences.num_rows, chunks.num_rows)
            stated = (self.manifest.reviews, self.manifest.sentences, self.manifest.chunks)
            if counts != stated or vectors.ntotal != sentences.num_rows:
                raise IndexFileError(
                    f"The index in {generation} does not fit together: reviews, sentences and chunks are {counts} "
                    f"and not {stated} as the manifest says, or there are {vectors.ntotal} vectors for {counts[1]} "
                    "sentences. Rebuild it."
                )
            if vectors.d != self.manifest.dimension or len(leaning) != vectors.d + 1:
                raise IndexFileError(
                    f"The index in {generation} does not fit together: its vectors have {vectors.d} dimensions and its "
                    f"leaning model {len(leaning) - 1}, where the manifest says {self.manifest.dimension}. Rebuild it."
                )
            self.leaning = LeaningModel(leaning[:-1].astype(np.float32), float(leaning[-1]))
            self._vectors = vectors
            self._rating_fractions = [
                fraction_of_scale(*scale)
                for scale in zip(
                    *(self._reviews.column(f"rating{end}").to_pylist() for end in ("", "_min", "_max")), strict=True
                )
            ]
            self._chunk_ids = chunks.column("chunk_id")
            self.sentence_review, self._sentence_start, self._sentence_end, self.sentence_chunk = (
                _integers(sentences, name) for name in ("review_row", "start", "end", "chunk_row")
            )
            self.chunk_review, self._chunk_start, self._chunk_end, self._chunk_first, self._chunk_last = (
                _integers(chunks, name) for name in ("review_row", "start", "end", "first_sentence", "end_sentence")
            )
        except (OSError, pa.ArrowException, RuntimeError, KeyError, MemoryError) as error:
            raise IndexFileError(
                f"The index in {generation} is damaged: {next(iter(str(error).splitlines()), '')} "
                f"See `reviewqa index verify {self.name}`, then rebuild it."
            ) from error

    @classmethod
    def open(cls, folder: Path) -> ReviewIndex:
        """Open the live generation of the index in `folder`. Raises `IndexFileError`, also when a file was changed."""
        generation = live_generation(folder)
        problems = damaged_files(generation, Manifest.read(generation))  # before anything parses them
        if problems:
            raise IndexFileError(f"The index in {generation} is damaged: {problems[0]} Rebuild it.")
        return cls(generation)

    def require_fingerprint(self, fingerprint: str, embedder: str) -> None:
        """Raise `IndexFileError` unless the index was built with this embedder and these settings."""
        if self.manifest.fingerprint == fingerprint:
            return
        if self.manifest.embedder != embedder:
            raise IndexFileError(
                f'The index "{self.name}" was built with the embedder {self.manifest.embedder}, but the settings name '
                f"{embedder}: their vectors cannot be compared. Set the embedder it was built with, or rebuild it."
            )
        raise IndexFileError(
            f'The index "{self.name}" was built with other settings (chunking {self.manifest.chunking}, '
            f"{self.manifest.chunk_tokens} tokens, text cleaning {self.manifest.normalisation}). Rebuild it."
        )

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Best sentences for each query: cosines, best first, and sentence rows; both (queries, min(k, sentences))."""
        scores, rows = self._vectors.search(np.ascontiguousarray(queries), min(k, self._vectors.ntotal))
        return scores, rows

    def vectors(self, rows: Sequence[int] | NDArray[np.int64]) -> Vectors:
        """(len(rows), dimension) vectors of sentences."""
        return np.asarray(self._vectors.reconstruct_batch(np.asarray(rows, dtype=np.int64)), dtype=np.float32)

    def review(self, row: int) -> Review:
        """The review at a row."""
        return Review(**self._reviews.slice(row, 1).to_pylist()[0])

    def chunk(self, row: int) -> Chunk:
        """The chunk at a row."""
        start, end = int(self._chunk_start[row]), int(self._chunk_end[row])
        review_row = int(self.chunk_review[row])
        text = self._text(review_row)[start:end]
        return Chunk(
            self._chunk_ids[row].as_py(), self._reviews.column("review_id")[review_row].as_py(), start, end, text
        )

    def sentences_of_chunk(self, row: int) -> tuple[ReviewSentence, ...]:
        """The chunk's sentences in reading order."""
        return self.sentences(self.sentence_rows(row))

    def sentence_rows(self, chunk_row: int) -> range:
        """Rows of the chunk's sentences."""
        return range(int(self._chunk_first[chunk_row]), int(self._chunk_last[chunk_row]))

    def sentences(self, rows: Sequence[int]) -> tuple[ReviewSentence, ...]:
        """The sentences at these rows, in the order given."""
        found = []
        for row in rows:
            review_row = int(self.sentence_review[row])
            start, end = int(self._sentence_start[row]), int(self._sentence_end[row])
            review_id = self._reviews.column("review_id")[review_row].as_py()
            found.append(ReviewSentence(int(row), review_id, start, end, self._text(review_row)[start:end]))
        return tuple(found)

    def sample_sentences(self, most: int) -> NDArray[np.int64]:
        """Rows of at most this many sentences, spread evenly over the index."""
        step = max(1, -(-self.manifest.sentences // most))
        return np.arange(0, self.manifest.sentences, step)

    def sentence_leaning(self, row: int, vector: Vectors) -> float:
        """How the sentence at `row` leans, about -1 (complaint) to 1 (praise), given its vector."""
        return self.leaning.leaning(vector, self._rating_fractions[self.sentence_review[row]])

    def _text(self, review_row: int) -> str:
        return str(self._reviews.column("text")[review_row].as_py())


def _integers(table: pa.Table, name: str) -> NDArray[np.int32]:
    return np.asarray(table.column(name).to_numpy())
