"""Opening an index and searching it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rag.chunking import make_chunk
from rag.config import Settings
from rag.embedding import Embedder, Vectors
from rag.filters import Condition
from rag.index import tables
from rag.index.approximate import read_approximate
from rag.index.arrays import map_array
from rag.index.bm25 import BM25, TIMES_FILES, Scores
from rag.index.catalogue_file import read_catalogue
from rag.index.manifest import APPROXIMATE_FILE, STANCE_FILE, Manifest, damaged_files
from rag.index.options import BuildOptions
from rag.index.store import index_folder, live_generation
from rag.index.topics_file import read_topics
from rag.index.vectors import Mask, VectorSearch
from rag.schema import Chunk, IndexFileError, Review, ReviewSentence, Side, first_line

_log = logging.getLogger(__name__)

_UNREADABLE = (OSError, pa.ArrowException, RuntimeError, KeyError, ValueError, MemoryError)

_SAME_VECTOR = 0.99  # cosine of a sentence's vectors by two runtimes


class ReviewIndex:
    """One generation of an index, read-only; it stays usable when a writer switches to a newer one.

    Row `i` of the sentences is vector `i`. A chunk row and a review row count in their own tables.
    `reviews_table` holds the reviews as they are stored (`tables.REVIEW_SCHEMA`); `all_vectors`,
    (sentences, dimension), is mapped into memory and not to be written to; `approximate` is the
    approximate index over them, where there is one; `catalogue` the one that was kept, without the
    index's name; `topics` those that were kept.
    """

    def __init__(self, generation: Path) -> None:
        self.generation = generation
        self.name = generation.parent.name
        self.manifest = Manifest.read(generation)
        try:
            self.reviews_table = tables.read_table(generation / "reviews.parquet", memory_map=True)
            self._read_rows()
            self.stance = tables.read_stance(generation / STANCE_FILE)
            self.catalogue = read_catalogue(generation, self.manifest)
            self.topics = read_topics(generation, self.manifest)
            self.signatures = map_array(generation / "signatures.npy")
            self.all_vectors: Vectors = map_array(generation / "vectors.npy")
            approximate = self.manifest.approximate
            self.approximate = (
                read_approximate(generation / APPROXIMATE_FILE) if approximate else None
            )
            self._check_shapes()
            self._search = VectorSearch(self.all_vectors, self.approximate)
            self.bm25 = BM25(
                generation,
                self.manifest.stemmer,
                sentences=self.manifest.sentences,
                reviews=self.manifest.reviews,
                counted=self.manifest.files.keys() >= set(TIMES_FILES),
            )
            self._rating_fractions = tables.rating_fractions(self.reviews_table)
            self._review_ids = self.reviews_table.column("review_id")
            self._texts = self.reviews_table.column("text")
            self._languages = self.reviews_table.column("language")
            self._parts = self._read_parts()
            self.review_group = tables.numbers(self.reviews_table.column("group"))
        except IndexFileError:
            raise
        except _UNREADABLE as error:
            raise IndexFileError(
                f"The index in {generation} is damaged: {first_line(error)} "
                f"See `reviewqa index verify {self.name}`, then rebuild it or go back a generation."
            ) from error

    def _read_rows(self) -> None:
        """The tables of sentences and chunks, as arrays of whole numbers."""
        sentences = tables.read_table(self.generation / "sentences.parquet")
        self.sentence_review, self.sentence_start, self.sentence_end, self.sentence_chunk = (
            tables.numbers(sentences.column(name)) for name in tables.SENTENCE_COLUMNS
        )
        chunks = tables.read_table(self.generation / "chunks.parquet")
        self.chunk_review, self.chunk_start, self.chunk_end, self.chunk_first, self.chunk_last = (
            tables.numbers(chunks.column(name)) for name in tables.CHUNK_COLUMNS
        )

    def _read_parts(self) -> pa.ChunkedArray | None:
        """The column of parts, if any review has some; an older index has no such column."""
        if "parts" not in self.reviews_table.schema.names:
            return None
        parts = self.reviews_table.column("parts")
        return parts if parts.null_count < len(parts) else None

    def _check_shapes(self) -> None:
        """Raise `IndexFileError` where the files differ in the number of their rows or columns."""
        vectors, approximate = self.all_vectors, self.approximate
        manifest, sentences = self.manifest, len(self.sentence_review)
        counts = (self.reviews_table.num_rows, sentences, len(self.chunk_review))
        stated = (manifest.reviews, manifest.sentences, manifest.chunks)
        searched = len(vectors) if approximate is None else approximate.ntotal
        dimensions = {
            vectors.shape[1],
            len(self.stance.weights),
            vectors.shape[1] if approximate is None else approximate.d,
        }
        problem = ""
        if counts != stated or len(vectors) != sentences or searched != sentences:
            problem = (
                f"reviews, sentences and chunks are {counts} and not {stated} as the manifest "
                f"says, or there are {len(vectors)} vectors ({searched} searched) for {sentences} "
                "sentences"
            )
        elif vectors.dtype != np.float32 or dimensions != {manifest.dimension}:
            problem = (
                f"its vectors have {vectors.shape[1]} dimensions of {vectors.dtype} and its stance "
                f"model {len(self.stance.weights)}, where the manifest says {manifest.dimension} "
                "of float32"
            )
        elif self.signatures.shape != (manifest.reviews, tables.SIGNATURE_WORDS):
            problem = f"{len(self.signatures)} signatures for {manifest.reviews} reviews"
        if problem:
            raise IndexFileError(
                f"The index in {self.generation} does not fit together: {problem}. Rebuild it."
            )

    @classmethod
    def open(cls, folder: Path) -> ReviewIndex:
        """Open the live generation of the index in `folder`. Raises `IndexFileError`, also when a
        file was changed: that is checked before anything parses it.
        """
        generation = live_generation(folder)
        try:
            problems = damaged_files(generation, Manifest.read(generation), thorough=False)
            if problems:
                raise IndexFileError(
                    f"The index in {generation} is damaged: {problems[0]} Rebuild it, or go back a "
                    f"generation: reviewqa index rollback {folder.name}"
                )
            return cls(generation)
        except IndexFileError:
            if live_generation(folder) == generation:
                raise
        return cls.open(folder)  # a writer switched, and removed it, just then

    def check_fingerprint(self, embedder: Embedder, options: BuildOptions) -> None:
        """Raise `IndexFileError` unless the index was built by this embedder with these options."""
        manifest = self.manifest
        if manifest.fingerprint == options.fingerprint(embedder.identity):
            if manifest.runtime != embedder.runtime:
                self._check_runtime(embedder)
            return
        if manifest.embedder != embedder.identity:
            raise IndexFileError(
                f'The index "{self.name}" was built with the embedder {manifest.embedder}, but the '
                f"settings name {embedder.identity}: their vectors cannot be compared. Set the "
                "embedder it was built with, or rebuild it."
            )
        raise IndexFileError(
            f'The index "{self.name}" was built with other settings (chunking '
            f"{manifest.chunking}, {manifest.chunk_tokens} tokens, text cleaning "
            f"{manifest.normalisation}). Rebuild it."
        )

    def _check_runtime(self, embedder: Embedder) -> None:
        """Raise `IndexFileError` unless some sentences get nearly the vectors that another runtime
        gave them.
        """
        longest = np.argsort(self.sentence_start - self.sentence_end, kind="stable")
        rows = np.unique(longest[[0, len(longest) // 2]])
        now = embedder.embed_documents([sentence.text for sentence in self.sentences(rows)])
        nearest = float(np.min(np.sum(now * self.vectors(rows), axis=1)))
        if nearest < _SAME_VECTOR:
            raise IndexFileError(
                f'The index "{self.name}" was made by {self.manifest.runtime}, and '
                f"{embedder.runtime} gives other vectors (cosine {nearest:.3f}). Rebuild it, or set "
                "runtime.backend and runtime.precision to what it was made by."
            )
        _log.info("%s gives the vectors of %s.", embedder.runtime, self.manifest.runtime)

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
        return self.bm25.scores(text)

    def sentences_where(self, conditions: Sequence[Condition]) -> Mask:
        """(sentences,) True where the sentence's review meets all conditions."""
        return np.asarray(tables.meeting(self.reviews_table, conditions)[self.sentence_review])

    def vectors(self, rows: Sequence[int] | NDArray[np.integer] | range | slice) -> Vectors:
        """(len(rows), dimension) vectors of sentences."""
        if not isinstance(rows, slice):
            rows = np.asarray(rows, dtype=np.int64)
        return np.ascontiguousarray(self.all_vectors[rows])

    def recall(self) -> float:
        """Share of the true first ten sentences that search finds; 1 where search is exact."""
        return self._search.recall()

    def review(self, row: int) -> Review:
        """The review at a row."""
        return tables.to_review(self.reviews_table.slice(row, 1).to_pylist()[0])

    def reviews(self, *, texts: bool = True) -> Iterator[Review]:
        """All reviews in their order; without their texts and titles if these are not wanted."""
        table = self.reviews_table if texts else self.reviews_table.drop_columns(["text", "title"])
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
        review_row = int(self.chunk_review[row])
        return make_chunk(
            self.review_id(review_row),
            self.text(review_row),
            int(self.chunk_start[row]),
            int(self.chunk_end[row]),
        )

    def sentences_of_chunk(self, row: int) -> tuple[ReviewSentence, ...]:
        """The chunk's sentences in reading order."""
        return self.sentences(self.sentence_rows(row))

    def sentence_rows(self, chunk_row: int) -> range:
        """Rows of the chunk's sentences."""
        return range(int(self.chunk_first[chunk_row]), int(self.chunk_last[chunk_row]))

    def sentences(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[ReviewSentence, ...]:
        """The sentences at these rows, in the order given."""
        return tuple(self._sentence(int(row)) for row in rows)

    def _sentence(self, row: int) -> ReviewSentence:
        review_row = int(self.sentence_review[row])
        start, end = int(self.sentence_start[row]), int(self.sentence_end[row])
        text = self.text(review_row)[start:end]
        return ReviewSentence(row, self.review_id(review_row), start, end, text)

    def sample_sentences(self, most: int, where: Mask | None = None) -> NDArray[np.int64]:
        """Rows of at most `most` sentences (of those in `where`), evenly spread over the index."""
        rows = np.arange(self.manifest.sentences) if where is None else np.flatnonzero(where)
        return rows[:: max(1, -(-len(rows) // most))]

    def sentence_stance(self, row: int, vector: Vectors) -> float:
        """The stance of the sentence at `row`, -1 (criticism) to 1 (praise), given its vector."""
        review_row = int(self.sentence_review[row])
        side = self.column_side(row)
        return self.stance.stance(vector, self.rating_fraction(review_row), side)

    def column_side(self, row: int) -> Side | None:
        """The side of the column that the sentence at `row` stood in, where the file told one."""
        parts = (
            self._parts[int(self.sentence_review[row])].as_py() if self._parts is not None else ()
        )
        start = int(self.sentence_start[row])
        return next((p["side"] for p in parts or () if p["start"] <= start < p["end"]), None)

    @cached_property
    def voices(self) -> NDArray[np.int64]:
        """(reviews,) equal for the reviews of one person: copies of one another, and what one
        author wrote of one item.
        """
        return tables.voices(self.reviews_table)

    def language(self, review_row: int) -> str:
        """Language of the review at a row; "" where it is not known."""
        return str(self._languages[review_row].as_py() or "")

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

    def rows_by_id(self) -> dict[str, int]:
        """The row of each review, by its id."""
        return {review_id: row for row, review_id in enumerate(self.review_ids())}

    def text(self, review_row: int) -> str:
        """Text of the review at a row."""
        return str(self._texts[review_row].as_py())


def open_index(settings: Settings, name: str, embedder: Embedder) -> ReviewIndex:
    """Open an index by name, and check that it was built with this embedder and these settings.

    Raises `IndexFileError`.
    """
    index = ReviewIndex.open(index_folder(settings.paths.indexes_dir, name))
    index.check_fingerprint(embedder, BuildOptions.from_settings(settings))
    return index
