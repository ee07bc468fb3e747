"""Writing a generation: the reviews that stay are carried over, the new ones are cut and embedded,
then all is checked and made live.

Steps: compare with the live generation; cut the new and changed reviews into sentences and chunks;
embed the sentences whose vectors are not there yet, a batch at a time, each kept as soon as it is
made (`embedded`); write the files of the generation in a folder of their own; check them; switch.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.config import NORMALISATION, index_fingerprint
from rag.embedding import Embedder
from rag.files import size_in_words
from rag.index import bm25, disk, store, tables, vectors
from rag.index.chunk_batch import CutReviews, cut_reviews, sentence_texts
from rag.index.diff import Comparison, Signatures, compare
from rag.index.embedding_cache import (
    EmbeddedBatches,
    as_keys,
    older_than,
    remove_embedded,
    text_key,
)
from rag.index.snapshot import ReviewIndex
from rag.index.verify import problems_of
from rag.ingest.duplicates import Groups, group
from rag.reader.stance import COMPLAINING, MOST_SENTENCES, PRAISING, LeaningModel, fit_leaning
from rag.schema import IndexFileError, Review

BuildProgress = Callable[[str, int, int], None]
"""Called with (stage, done, total); a total of 0 is unknown. Stages: "comparing", "chunking",
"resuming" (once, with how many sentences an interrupted run had embedded, if any), "embedding",
"writing", "checking"."""

EMBED_AT_ONCE = 4096  # sentences in a batch that is kept: half a minute of work on two cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a build did. Counts of reviews, and for `embedded`, `carried` and `resumed` of
    sentences.
    """

    index: ReviewIndex
    new: int
    changed: int
    unchanged: int
    removed: int
    embedded: int  # by this run
    carried: int  # from the generation before
    resumed: int  # from a run that was interrupted


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
    """Build the index in `folder` from `reviews` alone, and open it. Raises as `change_index` does."""
    changed = change_index(
        reviews,
        embedder,
        folder,
        start="empty",
        chunking=chunking,
        chunk_tokens=chunk_tokens,
        progress=progress,
    )
    return changed.index


def change_index(
    incoming: Iterable[Review],
    embedder: Embedder,
    folder: Path,
    *,
    start: str,
    replace: bool = False,
    delete: Collection[str] = (),
    chunking: str,
    chunk_tokens: int,
    vector_index: str = "auto",
    keep_generations: int = 2,
    imports: Sequence[Mapping[str, Any]] = (),
    progress: BuildProgress = no_build_progress,
) -> Changed:
    """Write the next generation of the index in `folder`, verify it, make it live, and open it.

    `start` is "empty" (`incoming` is all there will be) or "live" (`incoming` is added to the live
    generation, a review with a known id taking that one's place; with `replace` reviews that do not
    come in are removed, and those in `delete` in any case). `incoming` is read several times, and
    must be the same each time. `imports` describes the files it came from, for the manifest. Where
    nothing changes, the live generation stays.

    Whatever goes wrong before the last step, the generation that was live stays live, and what was
    embedded is used by the next run. Raises `IndexFileError` when there would be no reviews, two
    share an id, an id to delete is not there, another process is writing, the live generation was
    built with other settings, or the disk is full.
    """
    fingerprint = index_fingerprint(embedder.identity, chunking, chunk_tokens)
    try:
        with store.writer_lock(folder):
            store.remove_unfinished(folder)
            live = ReviewIndex.open(folder) if start == "live" else None
            if live is not None:
                live.require_fingerprint(fingerprint, embedder.identity)
            comparison = compare(
                incoming,
                live,
                replace=replace,
                delete=delete,
                progress=lambda done: progress("comparing", done, 0),
            )
            if live is not None and comparison.changes_nothing:
                if older_than(
                    folder, live.generation
                ):  # it was made live by a run that was killed before it tidied up
                    _tidy(folder, keep_generations)
                return _result(
                    live, comparison, embedded=0, carried=live.manifest.sentences, resumed=0
                )
            if not len(comparison.stay) and not comparison.take.any():
                raise IndexFileError("There are no reviews to build an index from.")
            generation = store.new_generation(folder)
            building = store.building_folder(folder, generation)
            try:
                disk.make_folder(building)
                writer = _Writer(
                    building,
                    live,
                    comparison,
                    embedder,
                    progress,
                    chunking,
                    chunk_tokens,
                    vector_index,
                )
                writer.write(
                    incoming,
                    EmbeddedBatches(folder, embedder.identity, embedder.dimension),
                    imports,
                )
                progress("checking", 0, 1)
                problems = problems_of(building)
                if problems:
                    raise IndexFileError(
                        f"The new index did not pass its own check, and is not used: {problems[0]}"
                    )
                progress("checking", 1, 1)
                store.switch(folder, generation)
            except BaseException:
                store.remove_unfinished(folder)
                raise
            _tidy(folder, keep_generations)
    except OSError as error:
        raise IndexFileError(
            f"Cannot write the index in {folder}: {error.strerror or error}. The index that was "
            "live still is; what "
            "was embedded is kept, and the next run goes on from there."
        ) from error
    # just verified; `open` would read every byte once more
    return _result(
        ReviewIndex(folder / generation),
        comparison,
        embedded=writer.embedded,
        carried=writer.carried,
        resumed=writer.resumed,
    )


def _tidy(folder: Path, keep_generations: int) -> None:
    """The new generation is live; what cannot be removed now, the next run will."""
    with contextlib.suppress(OSError):
        store.prune(folder, keep_generations)
        remove_embedded(folder)


def _result(
    index: ReviewIndex, comparison: Comparison, *, embedded: int, carried: int, resumed: int
) -> Changed:
    return Changed(
        index=index,
        new=comparison.new,
        changed=comparison.changed,
        unchanged=comparison.unchanged,
        removed=comparison.removed,
        embedded=embedded,
        carried=carried,
        resumed=resumed,
    )


class _Writer:
    """Writes the files of one generation into its building folder."""

    def __init__(
        self,
        building: Path,
        live: ReviewIndex | None,
        comparison: Comparison,
        embedder: Embedder,
        progress: BuildProgress,
        chunking: str,
        chunk_tokens: int,
        vector_index: str,
    ) -> None:
        self._building = building
        self._live = live
        self._comparison = comparison
        self._embedder = embedder
        self._progress = progress
        self._chunking = chunking
        self._chunk_tokens = chunk_tokens
        self._vector_index = vector_index
        self._files: dict[str, disk.NewFile] = {}
        self.embedded = self.carried = self.resumed = 0

    def write(
        self,
        incoming: Iterable[Review],
        batches: EmbeddedBatches,
        imports: Sequence[Mapping[str, Any]],
    ) -> None:
        """All files, the manifest last."""
        stay = self._comparison.stay
        taken = int(self._comparison.take.sum())
        cut = cut_reviews(
            self._taken(incoming),
            self._embedder.count_tokens,
            chunk_tokens=self._chunk_tokens,
            whole=self._chunking == "whole",
            progress=lambda done: self._progress("chunking", done, taken),
        )
        kept_sentences, sentences, chunks = self._joined(cut)
        total = len(sentences["start"])
        if not total:
            raise IndexFileError("The reviews hold no text to build an index from.")
        self.carried = len(kept_sentences)
        self._require_space(len(cut.keys), total)
        self._embed(self._taken(incoming), cut, batches)
        places = batches.find(cut.keys)

        self._progress("writing", 0, total)
        self._write("sentences.parquet", tables.write_integers, sentences)
        self._write("chunks.parquet", tables.write_integers, chunks)
        stored = self._write_vectors(kept_sentences, places, batches, total)
        signatures = self._signatures()
        self._write(
            "signatures.npy", vectors.write_array, signatures.shape, np.uint32, iter([signatures])
        )
        groups = group(signatures)
        kept_table = (
            tables.REVIEW_SCHEMA.empty_table() if self._live is None else self._live.reviews_table
        )
        self._write(
            "reviews.parquet",
            tables.write_table,
            tables.REVIEW_SCHEMA,
            tables.review_batches(
                kept_table, stay, self._taken(incoming), self._comparison.content, groups.leader
            ),
        )
        stemmer = bm25.stemmer_for(tables.read_languages(self._building / "reviews.parquet"))
        self._files |= bm25.write_lexical(
            self._building,
            stemmer,
            sentences,
            lambda done, total: self._progress("writing", done, total),
        )
        fractions = self._fractions()[sentences["review_row"]]
        self._write("leaning.parquet", tables.write_leaning, self._leaning(stored, fractions))
        search = self._write_approximate(stored)
        self._write_manifest(
            len(stay) + taken, total, len(chunks["start"]), groups, search, stemmer, imports
        )
        self._progress("writing", total, total)

    def _write(self, name: str, write: Callable[..., disk.NewFile], *values: Any) -> None:
        self._files[name] = write(self._building / name, *values)

    def _taken(self, incoming: Iterable[Review]) -> Iterator[Review]:
        return itertools.compress(incoming, self._comparison.take)

    def _joined(
        self, cut: CutReviews
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int32]], dict[str, NDArray[np.int32]]]:
        """Rows of the live sentences that stay; and the sentences and chunks of the whole
        generation.
        """
        if self._live is None:
            return np.empty(0, dtype=np.int64), cut.sentences, cut.chunks
        live, stay = self._live, self._comparison.stay
        review_row = np.full(live.manifest.reviews, -1, dtype=np.int32)
        review_row[stay] = np.arange(len(stay), dtype=np.int32)
        kept_sentences = np.flatnonzero(review_row[live.sentence_review] >= 0)
        kept_chunks = np.flatnonzero(review_row[live.chunk_review] >= 0)
        sentence_row = _renumbered(kept_sentences, live.manifest.sentences)
        chunk_row = _renumbered(kept_chunks, live.manifest.chunks)
        old_sentences = {
            "review_row": review_row[live.sentence_review[kept_sentences]],
            "start": live.sentence_start[kept_sentences],
            "end": live.sentence_end[kept_sentences],
            "chunk_row": chunk_row[live.sentence_chunk[kept_sentences]],
        }
        old_chunks = {
            "review_row": review_row[live.chunk_review[kept_chunks]],
            "start": live.chunk_start[kept_chunks],
            "end": live.chunk_end[kept_chunks],
            "first_sentence": sentence_row[live.chunk_first[kept_chunks]],
            "end_sentence": sentence_row[live.chunk_last[kept_chunks] - 1] + 1,
        }
        offsets = {
            "review_row": len(stay),
            "chunk_row": len(kept_chunks),
            "first_sentence": len(kept_sentences),
            "end_sentence": len(kept_sentences),
        }
        return (
            kept_sentences,
            {
                name: _appended(old_sentences[name], cut.sentences[name], offsets.get(name, 0))
                for name in old_sentences
            },
            {
                name: _appended(old_chunks[name], cut.chunks[name], offsets.get(name, 0))
                for name in old_chunks
            },
        )

    def _require_space(self, added: int, total: int) -> None:
        """Tell before an hour of embedding that the result will not fit."""
        needed = 4 * self._embedder.dimension * (added + total) + 200 * total
        free = shutil.disk_usage(self._building).free
        if free < needed:
            raise IndexFileError(
                f"The new index needs about {size_in_words(needed)} and {size_in_words(free)} are free "
                f"in {self._building.parent}. Make room, for example with: reviewqa index gc "
                f"{self._building.parent.name}"
            )

    def _embed(self, reviews: Iterable[Review], cut: CutReviews, batches: EmbeddedBatches) -> None:
        """Embed each text that has no vector yet, once."""
        unique, first = np.unique(cut.keys, return_index=True)
        self.resumed = int((batches.find(unique) >= 0).sum())
        self._lend_changed(batches)
        found = batches.find(unique) >= 0
        self.carried += int(found.sum()) - self.resumed
        wanted = np.zeros(len(cut.keys), dtype=np.bool_)
        wanted[first[~found]] = True
        if self.resumed:
            self._progress("resuming", self.resumed, self.resumed)
        left = int(wanted.sum())
        texts = itertools.compress(sentence_texts(reviews, cut), wanted)
        keys = itertools.compress(_raw(cut), wanted)
        while some := list(itertools.islice(texts, EMBED_AT_ONCE)):
            made = self._embedder.embed_documents(
                some,
                progress=lambda done, _: self._progress("embedding", self.embedded + done, left),
            )
            if made.shape != (len(some), self._embedder.dimension):
                raise IndexFileError(
                    f"The embedder returned vectors of shape {made.shape} for {len(some)} "
                    "sentences "
                    f"of {self._embedder.dimension} dimensions."
                )
            batches.add(list(itertools.islice(keys, len(some))), made)
            self.embedded += len(some)

    def _lend_changed(self, batches: EmbeddedBatches) -> None:
        """A changed review's sentences that did not change keep their vectors."""
        if self._live is None or not self._comparison.changed:
            return
        leaves = np.ones(self._live.manifest.reviews, dtype=np.bool_)
        leaves[self._comparison.stay] = False
        rows = np.flatnonzero(leaves[self._live.sentence_review])
        keys = b"".join(text_key(sentence.text) for sentence in self._live.sentences(rows))
        batches.lend(as_keys(keys), self._live.all_vectors, rows)

    def _write_vectors(
        self,
        kept: NDArray[np.int64],
        places: NDArray[np.int64],
        batches: EmbeddedBatches,
        total: int,
    ) -> NDArray[np.float32]:
        def blocks() -> Iterator[NDArray[np.float32]]:
            done = 0
            live = self._live
            parts = [vectors.blocks_of(places, batches.vectors)]
            if live is not None:
                parts.insert(0, vectors.blocks_of(kept, live.vectors))
            for block in itertools.chain(*parts):
                yield block
                done += len(block)
                if live is not None:
                    vectors.release(live.all_vectors)
                self._progress("writing", done, total)

        shape = (total, self._embedder.dimension)
        self._write("vectors.npy", vectors.write_array, shape, np.float32, blocks())
        return vectors.map_array(self._building / "vectors.npy")

    def _signatures(self) -> Signatures:
        if self._live is None:
            return self._comparison.signatures
        return np.concatenate(
            [self._live.signatures[self._comparison.stay], self._comparison.signatures]
        )

    def _fractions(self) -> NDArray[np.float64]:
        return tables.rating_fractions(tables.read_ratings(self._building / "reviews.parquet"))

    def _leaning(self, stored: NDArray[np.float32], fractions: NDArray[np.float64]) -> LeaningModel:
        """Fitted on a sample where the index is large: more would not change it."""
        if len(stored) > MOST_SENTENCES:
            rated = np.flatnonzero(~np.isnan(fractions))
            some = vectors.sample(
                stored, MOST_SENTENCES, rated if len(rated) >= MOST_SENTENCES else None
            )
            stored_some, fractions = stored[some], fractions[some]
            vectors.release(stored)
        else:
            stored_some = stored
        praising, complaining = (
            self._embedder.embed_documents(texts) for texts in (PRAISING, COMPLAINING)
        )
        return fit_leaning(stored_some, fractions, praising, complaining)

    def _write_approximate(self, stored: NDArray[np.float32]) -> dict[str, Any]:
        """The approximate index, if these vectors ask for one; what the manifest says about search."""
        kind = vectors.choose_type(self._vector_index, len(stored))
        if kind == "flat":
            return {"type": "flat", "recall_at_10": 1.0}
        lists = vectors.lists_for(len(stored))
        learnt = None if self._live is None else self._live.approximate
        if learnt is not None and not 0.5 <= learnt.nlist / lists <= 2:
            learnt = None  # learnt from far fewer vectors, or far more
        index = vectors.build_approximate(
            stored,
            trained=learnt,
            progress=lambda done, total: self._progress("writing", done, total),
        )
        self._write(store.APPROXIMATE_FILE, lambda path: vectors.write_approximate(index, path))
        return {
            "type": kind,
            "lists": index.nlist,
            "lists_learnt": "earlier" if learnt is not None else "now",
            "recall_at_10": round(vectors.VectorSearch(stored, index).recall(), 4),
        }

    def _write_manifest(
        self,
        reviews: int,
        sentences: int,
        chunks: int,
        groups: Groups,
        search: dict[str, Any],
        stemmer: str,
        imports: Sequence[Mapping[str, Any]],
    ) -> None:
        before = [] if self._live is None else self._live.manifest.imports
        store.write_manifest(
            self._building,
            store.Manifest(
                format_version=store.FORMAT_VERSION,
                fingerprint=index_fingerprint(
                    self._embedder.identity, self._chunking, self._chunk_tokens
                ),
                embedder=self._embedder.identity,
                dimension=self._embedder.dimension,
                chunking=self._chunking,
                chunk_tokens=self._chunk_tokens,
                normalisation=NORMALISATION,
                reviews=reviews,
                sentences=sentences,
                chunks=chunks,
                voices=int(np.sum(groups.leader == np.arange(len(groups.leader)))),
                exact_duplicates=groups.exact,
                near_duplicates=groups.near,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                sources=tables.read_sources(self._building / "reviews.parquet"),
                imports=[*before, *map(dict, imports)][-100:],
                vector_index=search,
                stemmer=stemmer,
                files={name: file.sha256 for name, file in self._files.items()},
                sizes={name: file.size for name, file in self._files.items()},
            ),
        )


def _renumbered(kept: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """New row of each old row; meaningless where the old one is not kept."""
    rows = np.zeros(count, dtype=np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    return rows


def _appended(old: NDArray[np.int32], new: NDArray[np.int32], offset: int) -> NDArray[np.int32]:
    return np.concatenate([old, new + np.int32(offset)]).astype(np.int32)


def _raw(cut: CutReviews) -> Iterator[bytes]:
    """Each sentence's key as 16 bytes; numpy's own strings drop zero bytes at the end."""
    data = cut.keys.tobytes()
    return (data[start : start + 16] for start in range(0, len(data), 16))
