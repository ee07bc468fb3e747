"""Opening an index and searching it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.filters import Condition
from rag.index import tables
from rag.index.bm25 import LexicalSearch, Scores
from rag.index.store import APPROXIMATE_FILE, STANCE_FILE, Manifest, damaged_files, live_generation
from rag.index.vectors import Mask, VectorSearch, map_array
from rag.reader.stance import StanceModel
from rag.schema import Chunk, IndexFileError, Review, ReviewSentence

_log = logging.getLogger(__name__)

_UNREADABLE = (OSError, pa.ArrowException, RuntimeError, KeyError, ValueError, MemoryError)


class ReviewIndex:
    """One generation of an index, read-only; it stays usable when a writer switches to a newer one.

    Row `i` of the sentences is vector `i`. A chunk row and a review row count in their own tables.
    """

    def __init__(self, generation: Path) -> None:
        self.generation = generation
        self.name = generation.parent.name
        self.manifest = Manifest.read(generation)
        try:
            self._reviews = pq.read_table(generation / "reviews.parquet", memory_map=True)
            sentences = pq.read_table(generation / "sentences.parquet")
            chunks = pq.read_table(generation / "chunks.parquet")
            stance = pq.read_table(generation / STANCE_FILE).column("weight").to_numpy()
            vectors = map_array(generation / "vectors.npy")
            self.signatures = map_array(generation / "signatures.npy")
            approximate = (
                faiss.read_index(str(generation / APPROXIMATE_FILE))
                if APPROXIMATE_FILE in self.manifest.data_files
                else None
            )
            self._check_shapes(
                sentences.num_rows, chunks.num_rows, vectors, approximate, len(stance) - 1
            )
            self.stance = StanceModel(stance[:-1].astype(np.float32), float(stance[-1]))
            self._search = VectorSearch(vectors, approximate)
            self.lexical = LexicalSearch(
                generation,
                self.manifest.stemmer,
                sentences=sentences.num_rows,
                reviews=self._reviews.num_rows,
            )
            self._rating_fractions = tables.rating_fractions(self._reviews)
            self._review_ids = self._reviews.column("review_id")
            self._texts = self._reviews.column("text")
            self.review_group = np.asarray(self._reviews.column("group").to_numpy())
            self.sentence_review, self.sentence_start, self.sentence_end, self.sentence_chunk = (
                _integers(sentences, name) for name in ("review_row", "start", "end", "chunk_row")
            )
            (
                self.chunk_review,
                self.chunk_start,
                self.chunk_end,
                self.chunk_first,
                self.chunk_last,
            ) = (
                _integers(chunks, name)
                for name in ("review_row", "start", "end", "first_sentence", "end_sentence")
            )
        except IndexFileError:
            raise
        except _UNREADABLE as error:
            raise IndexFileError(
                f"The index in {generation} is damaged: {next(iter(str(error).splitlines()), '')} "
                f"See `reviewqa index verify {self.name}`, then rebuild it or go back a generation."
            ) from error

    def _check_shapes(
        self,
        sentences: int,
        chunks: int,
        vectors: Vectors,
        approximate: faiss.Index | None,
        stance: int,
    ) -> None:
        counts = (self._reviews.num_rows, sentences, chunks)
        stated = (self.manifest.reviews, self.manifest.sentences, self.manifest.chunks)
        searched = len(vectors) if approximate is None else approximate.ntotal
        if counts != stated or len(vectors) != sentences or searched != sentences:
            raise IndexFileError(
                f"The index in {self.generation} does not fit together: reviews, sentences and "
                f"chunks are {counts} "
                f"and not {stated} as the manifest says, or there are {len(vectors)} vectors "
                f"({searched} searched) for "
                f"{sentences} sentences. Rebuild it."
            )
        dimensions = (
            vectors.shape[1],
            stance,
            vectors.shape[1] if approximate is None else approximate.d,
        )
        if vectors.dtype != np.float32 or any(one != self.manifest.dimension for one in dimensions):
            raise IndexFileError(
                f"The index in {self.generation} does not fit together: its vectors have "
                f"{vectors.shape[1]} dimensions "
                f"of {vectors.dtype} and its stance model {stance}, where the manifest says "
                f"{self.manifest.dimension} of float32. Rebuild it."
            )
        if self.signatures.shape != (self.manifest.reviews, tables.SIGNATURE_WORDS):
            raise IndexFileError(
                f"The index in {self.generation} does not fit together: {self.signatures.shape[0]} "
                "signatures for "
                f"{self.manifest.reviews} reviews. Rebuild it."
            )

    @classmethod
    def open(cls, folder: Path) -> ReviewIndex:
        """Open the live generation of the index in `folder`. Raises `IndexFileError`, also when a
        file was changed.
        """
        while True:
            generation = live_generation(folder)
            try:
                return cls._open_checked(generation)
            except IndexFileError:
                if live_generation(folder) == generation:
                    raise
                # a writer switched, and removed it, just then

    @classmethod
    def _open_checked(cls, generation: Path) -> ReviewIndex:
        begun = time.perf_counter()
        problems = damaged_files(
            generation, Manifest.read(generation), thorough=False
        )  # before anything parses them
        if problems:
            raise IndexFileError(
                f"The index in {generation} is damaged: {problems[0]} Rebuild it, or go back a "
                "generation: "
                f"reviewqa index rollback {generation.parent.name}"
            )
        index = cls(generation)
        seconds = time.perf_counter() - begun
        _log.info(
            "Opened the index %s: %d reviews, %.2f s.", index.name, index.manifest.reviews, seconds
        )
        return index

    def require_fingerprint(self, fingerprint: str, embedder: str) -> None:
        """Raise `IndexFileError` unless the index was built with this embedder and these settings."""
        if self.manifest.fingerprint == fingerprint:
            return
        if self.manifest.embedder != embedder:
            raise IndexFileError(
                f'The index "{self.name}" was built with the embedder {self.manifest.embedder}, '
                "but the settings name "
                f"{embedder}: their vectors cannot be compared. Set the embedder it was built "
                "with, or rebuild it."
            )
        raise IndexFileError(
            f'The index "{self.name}" was built with other settings (chunking '
            f"{self.manifest.chunking}, "
            f"{self.manifest.chunk_tokens} tokens, text cleaning {self.manifest.normalisation}). "
            "Rebuild it."
        )

    def search(
        self, queries: Vectors, k: int, where: Mask | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Best sentences for each query: cosines, best first, and sentence rows; both (queries, at
        most k).

        `where`, (sentences,), limits the search. Rows are -1 where fewer were found.
        """
        return self._search.search(queries, k, where)

    def word_scores(self, text: str) -> tuple[Scores, Scores]:
        """BM25 of `text` with each sentence, (sentences,), and with each review and its title,
        (reviews,).
        """
        return self.lexical.scores(text)

    def sentences_where(self, conditions: Sequence[Condition]) -> Mask:
        """(sentences,) True where the sentence's review meets all conditions."""
        meets = np.ones(self.manifest.reviews, dtype=np.bool_)
        for condition in conditions:
            meets &= tables.meeting(self._reviews, condition)
        return np.asarray(meets[self.sentence_review])

    def vectors(self, rows: Sequence[int] | NDArray[np.integer] | range | slice) -> Vectors:
        """(len(rows), dimension) vectors of sentences."""
        if not isinstance(rows, slice):
            rows = np.asarray(rows, dtype=np.int64)
        return np.ascontiguousarray(self._search.vectors[rows])

    def recall(self) -> float:
        """Share of the true first ten sentences that search finds; 1 where search is exact."""
        return self._search.recall()

    def review(self, row: int) -> Review:
        """The review at a row."""
        return tables.to_review(self._reviews.slice(row, 1).to_pylist()[0])

    def reviews(self, *, texts: bool = True) -> Iterator[Review]:
        """All reviews in their order; without their texts and titles if these are not wanted."""
        table = self._reviews if texts else self._reviews.drop_columns(["text", "title"])
        for batch in table.to_batches(max_chunksize=1000):
            for values in batch.to_pylist():
                yield tables.to_review(values if texts else {**values, "text": ""})

    def copies_of(self, row: int) -> NDArray[np.int64]:
        """Rows of all reviews that are copies of one another with the one at `row`, itself among
        them.
        """
        return np.flatnonzero(self.review_group == self.review_group[row])

    def chunk(self, row: int) -> Chunk:
        """The chunk at a row."""
        start, end = int(self.chunk_start[row]), int(self.chunk_end[row])
        review_row = int(self.chunk_review[row])
        review_id = self.review_id(review_row)
        return Chunk(
            tables.chunk_id(review_id, start, end),
            review_id,
            start,
            end,
            self.text(review_row)[start:end],
        )

    def sentences_of_chunk(self, row: int) -> tuple[ReviewSentence, ...]:
        """The chunk's sentences in reading order."""
        return self.sentences(self.sentence_rows(row))

    def sentence_rows(self, chunk_row: int) -> range:
        """Rows of the chunk's sentences."""
        return range(int(self.chunk_first[chunk_row]), int(self.chunk_last[chunk_row]))

    def sentences(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[ReviewSentence, ...]:
        """The sentences at these rows, in the order given."""
        found = []
        for row in rows:
            review_row = int(self.sentence_review[row])
            start, end = int(self.sentence_start[row]), int(self.sentence_end[row])
            found.append(
                ReviewSentence(
                    int(row),
                    self.review_id(review_row),
                    start,
                    end,
                    self.text(review_row)[start:end],
                )
            )
        return tuple(found)

    def sample_sentences(self, most: int, where: Mask | None = None) -> NDArray[np.int64]:
        """Rows of at most `most` sentences (of those in `where`), evenly spread over the index."""
        rows = np.arange(self.manifest.sentences) if where is None else np.flatnonzero(where)
        return rows[:: max(1, -(-len(rows) // most))]

    def sentence_stance(self, row: int, vector: Vectors) -> float:
        """The stance of the sentence at `row`, about -1 (complaint) to 1 (praise), given its vector."""
        return self.stance.stance(vector, self.rating_fraction(int(self.sentence_review[row])))

    def rating_fraction(self, review_row: int) -> float | None:
        """The rating of the review at a row as 0..1 of its scale, or None."""
        fraction = float(self._rating_fractions[review_row])
        return None if np.isnan(fraction) else fraction

    def review_id(self, review_row: int) -> str:
        """Id of the review at a row."""
        return str(self._review_ids[review_row].as_py())

    def review_ids(self) -> list[str]:
        """Ids of all reviews, in their order."""
        return list(map(str, self._review_ids.to_pylist()))

    def text(self, review_row: int) -> str:
        """Text of the review at a row."""
        return str(self._texts[review_row].as_py())

    @property
    def all_vectors(self) -> Vectors:
        """(sentences, dimension) all vectors, mapped into memory; not to be written to."""
        return self._search.vectors

    @property
    def approximate(self) -> faiss.Index | None:
        """The approximate index over the vectors, where there is one."""
        return self._search.approximate

    @property
    def reviews_table(self) -> pa.Table:
        """All reviews as they are stored (`tables.REVIEW_SCHEMA`)."""
        return self._reviews


def _integers(table: pa.Table, name: str) -> NDArray[np.int32]:
    return np.asarray(table.column(name).to_numpy())
