"""The files of one generation, written into its building folder."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.config import NORMALISATION
from rag.embedding import Embedder, Vectors
from rag.files import size_in_words
from rag.index import (
    approximate,
    arrays,
    bm25_writer,
    catalogue_file,
    disk,
    manifest,
    tables,
    topics_file,
    vectors,
)
from rag.index.catalogue import catalogue_in
from rag.index.chunk_batch import (
    GenerationRows,
    chunk_reviews,
    rows_of_generation,
    sentence_texts,
)
from rag.index.diff import Comparison
from rag.index.embedding_cache import EmbeddingCache, Keys, as_keys, text_key
from rag.index.options import BuildOptions
from rag.index.snapshot import ReviewIndex
from rag.index.stems import stemmer_for
from rag.index.topics import Carried, topics_in
from rag.ingest.duplicates import Groups, group
from rag.progress import Progress
from rag.reader.stance import (
    CRITICISING,
    PRAISING,
    StanceModel,
    between_anchors,
    fitted_head,
)
from rag.schema import IndexFileError, Review
from rag.understanding.catalogue import Catalogue

EMBED_AT_ONCE = 4096  # sentences in a batch that is kept: half a minute of work on two cores
_MOST_IMPORTS = 100  # that the manifest remembers
_BYTES_A_SENTENCE = 200  # beside its vector: text, words, spans


class GenerationWriter:
    """Writes the files of one generation into its building folder, and counts where its vectors
    came from.
    """

    def __init__(
        self,
        building: Path,
        live: ReviewIndex | None,
        comparison: Comparison,
        embedder: Embedder,
        options: BuildOptions,
        progress: Progress,
    ) -> None:
        self._building = building
        self._live = live
        self._comparison = comparison
        self._counts = comparison.counts
        self._embedder = embedder
        self._options = options
        self._progress = progress
        self._files: dict[str, disk.NewFile] = {}

    def write(
        self,
        incoming: Iterable[Review],
        cache: EmbeddingCache,
        imports: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write all files, the manifest last. Raises `IndexFileError`, `OSError`."""
        batch = chunk_reviews(
            self._taken(incoming),
            self._embedder.count_tokens,
            self._options,
            len(self._comparison.content),
            self._progress,
        )
        rows = rows_of_generation(self._live, self._comparison.stay, batch)
        total = len(rows.sentences["start"])
        if not total:
            raise IndexFileError("The reviews hold no text to build an index from.")
        self._counts.carried = len(rows.kept)
        self._require_space(len(batch.keys), total)
        self._embed(sentence_texts(self._taken(incoming), batch), batch.keys, cache)

        self._progress("writing", 0, total)
        self._write("sentences.parquet", tables.write_integers, rows.sentences)
        self._write("chunks.parquet", tables.write_integers, rows.chunks)
        stored = self._write_vectors(rows.kept, cache.find(batch.keys), cache)
        groups = self._write_reviews(incoming)
        written = pq.read_table(
            self._building / "reviews.parquet",
            columns=["language", "source"],
        )
        stemmer = stemmer_for(written.column("language").to_pylist())
        self._write_words(rows, stemmer)
        stance = self._stance()
        self._write(manifest.STANCE_FILE, tables.write_stance, stance)
        catalogue = self._write_catalogue()
        self._write_topics(rows, stored, stance, catalogue)
        search = self._write_approximate(rows.kept, stored)
        earlier = [] if self._live is None else self._live.manifest.imports
        self._manifest(
            rows,
            groups,
            sources=sorted(filter(None, written.column("source").unique().to_pylist())),
            imports=[*earlier, *map(dict, imports)][-_MOST_IMPORTS:],
            vector_index=search,
            stemmer=stemmer,
        ).write(self._building)
        self._progress("writing", total, total)

    def _write(self, name: str, write: Callable[..., disk.NewFile], *values: Any) -> None:
        self._files[name] = write(self._building / name, *values)

    def _require_space(self, added: int, total: int) -> None:
        """Tell before an hour of embedding that the result will not fit."""
        needed = 4 * self._embedder.dimension * (added + total) + _BYTES_A_SENTENCE * total
        free = shutil.disk_usage(self._building).free
        if free < needed:
            folder = self._building.parent
            raise IndexFileError(
                f"The new index needs about {size_in_words(needed)} and {size_in_words(free)} are free in "
                f"{folder}. Make room, for example with: reviewqa index gc {folder.name}"
            )

    def _taken(self, incoming: Iterable[Review]) -> Iterator[Review]:
        taken = itertools.compress(incoming, self._comparison.take)
        return map(tables.well_formed_review, taken)

    def _embed(self, texts: Iterable[str], keys: Keys, cache: EmbeddingCache) -> None:
        """Embed each text that has no vector yet, once."""
        unique, first = np.unique(keys, return_index=True)
        self._counts.resumed = int((cache.find(unique) >= 0).sum())
        self._lend_changed(cache)
        missing = cache.find(unique) < 0
        self._counts.carried += len(unique) - int(missing.sum()) - self._counts.resumed
        if self._counts.resumed:
            self._progress("resuming", self._counts.resumed, self._counts.resumed)
        rows = np.sort(first[missing])
        selected = np.isin(np.arange(len(keys)), rows)
        missing_texts = itertools.compress(texts, selected)

        def progress(stage: str, done: int, total: int) -> None:
            self._progress("embedding", self._counts.embedded + done, len(rows))

        while some := list(itertools.islice(missing_texts, EMBED_AT_ONCE)):
            embedded = self._embedder.embed_documents(some, progress=progress)
            if embedded.shape != (len(some), self._embedder.dimension):
                raise IndexFileError(
                    f"The embedder returned vectors of shape {embedded.shape} for {len(some)} "
                    f"sentences of {self._embedder.dimension} dimensions."
                )
            done = self._counts.embedded
            cache.add(keys[rows[done : done + len(some)]], embedded)
            self._counts.embedded += len(some)

    def _lend_changed(self, cache: EmbeddingCache) -> None:
        """A changed review's sentences that did not change keep their vectors."""
        if self._live is None or not self._counts.changed:
            return
        leaves = np.ones(self._live.manifest.reviews, dtype=np.bool_)
        leaves[self._comparison.stay] = False
        rows = np.flatnonzero(leaves[self._live.sentence_review])
        keys = b"".join(text_key(sentence.text) for sentence in self._live.sentences(rows))
        cache.lend(as_keys(keys), self._live.all_vectors, rows)

    def _write_vectors(
        self, kept: NDArray[np.int64], places: NDArray[np.int64], cache: EmbeddingCache
    ) -> Vectors:
        """All vectors, mapped into memory: those that stay, then those of the sentences that come."""
        total = len(kept) + len(places)

        def blocks() -> Iterator[Vectors]:
            done = 0
            carried = arrays.blocks_of(kept, self._live.vectors) if self._live else ()
            for block in itertools.chain(carried, arrays.blocks_of(places, cache.vectors)):
                yield block
                done += len(block)
                if self._live is not None:
                    arrays.release(self._live.all_vectors)
                self._progress("writing", done, total)

        shape = (total, self._embedder.dimension)
        self._write("vectors.npy", arrays.write_array, shape, np.float32, blocks())
        return arrays.map_array(self._building / "vectors.npy")

    def _write_reviews(self, incoming: Iterable[Review]) -> Groups:
        """The reviews and their signatures; which of them are copies."""
        comparison = self._comparison
        signatures, kept = comparison.signatures, tables.REVIEW_SCHEMA.empty_table()
        if self._live is not None:
            signatures = np.concatenate([self._live.signatures[comparison.stay], signatures])
            kept = self._live.reviews_table
        shape = signatures.shape
        self._write("signatures.npy", arrays.write_array, shape, np.uint32, iter([signatures]))
        groups = group(signatures)
        added = self._taken(incoming)
        batches: Iterator[pa.Table] = tables.review_batches(
            kept, comparison.stay, added, comparison.content, groups.leader
        )
        self._write("reviews.parquet", tables.write_table, tables.REVIEW_SCHEMA, batches)
        return groups

    def _write_words(self, rows: GenerationRows, stemmer: str) -> None:
        carried = None
        if self._live is not None:
            carried = bm25_writer.carried_words(
                self._live.bm25, stemmer, self._comparison.stay, rows.kept
            )
        self._files |= bm25_writer.write_bm25(
            self._building, stemmer, rows.sentences, self._progress, carried
        )

    def _write_catalogue(self) -> Catalogue:
        catalogue = catalogue_in(self._building / "reviews.parquet")
        found = catalogue_file.encoded(catalogue)
        if len(found) <= catalogue_file.LARGEST:  # else it is computed when it is needed
            self._write(manifest.CATALOGUE_FILE, disk.write_bytes, found)
        return catalogue

    def _write_topics(
        self, rows: GenerationRows, stored: Vectors, stance: StanceModel, about: Catalogue
    ) -> None:
        path = self._building / "reviews.parquet"
        kept = topics_in(path, rows.sentences, stored, stance, about, self._carried_topics(rows))
        reviews = pq.read_metadata(path).num_rows
        found = topics_file.encoded(kept, reviews, len(stored))
        if len(found) <= topics_file.LARGEST:  # else they are computed when they are needed
            self._write(manifest.TOPICS_FILE, disk.write_bytes, found)

    def _carried_topics(self, rows: GenerationRows) -> Carried | None:
        live = self._live
        if live is None or live.topics is None:
            return None
        gone = live.manifest.reviews - len(self._comparison.stay)
        changed = gone + int(self._comparison.take.sum())
        return Carried(live.topics, live.manifest.sentences, rows.kept, changed)

    def _stance(self) -> StanceModel:
        fitted = fitted_head(self._embedder.identity)
        if fitted is not None:
            return fitted
        praising = self._embedder.embed_documents(PRAISING)
        return between_anchors(praising, self._embedder.embed_documents(CRITICISING))

    def _write_approximate(self, kept: NDArray[np.int64], stored: Vectors) -> dict[str, Any]:
        """The approximate index, if these vectors ask for one; what the manifest says about search."""
        kind = vectors.choose_type(self._options.vector_index, len(stored))
        if kind == "flat":
            return {"type": "flat", "recall_at_10": 1.0}
        earlier = None if self._live is None else self._live.approximate
        index, said = approximate.updated(earlier, kept, stored, progress=self._progress)
        name = manifest.APPROXIMATE_FILE
        self._files[name] = approximate.write_approximate(index, self._building / name)
        return {"type": kind, **said}

    def _manifest(self, rows: GenerationRows, groups: Groups, **stated: Any) -> manifest.Manifest:
        """The manifest of what was written; `stated` are its entries that only the caller knows."""
        embedder, options = self._embedder, self._options
        return manifest.Manifest(
            format_version=manifest.FORMAT_VERSION,
            fingerprint=options.fingerprint(embedder.identity),
            embedder=embedder.identity,
            runtime=embedder.runtime,
            dimension=embedder.dimension,
            chunking=options.chunking,
            chunk_tokens=options.chunk_tokens,
            normalisation=NORMALISATION,
            reviews=len(groups.leader),
            sentences=len(rows.sentences["start"]),
            chunks=len(rows.chunks["start"]),
            voices=int(np.sum(groups.leader == np.arange(len(groups.leader)))),
            exact_duplicates=groups.exact,
            near_duplicates=groups.near,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            files={name: file.sha256 for name, file in self._files.items()},
            sizes={name: file.size for name, file in self._files.items()},
            **stated,
        )
