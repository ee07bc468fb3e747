"""Writing the next generation of an index: compare, write beside the live one, check, switch.

The reviews that stay are carried over, and only the sentences of new and changed ones are embedded,
a batch at a time, each kept as soon as it is made (`embedding_cache`).
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.embedding import Embedder
from rag.files import size_text
from rag.index import disk, store
from rag.index.diff import Comparison, compare
from rag.index.embedding_cache import EmbeddingCache, older_than, remove_cache
from rag.index.generation import Counts, GenerationWriter
from rag.index.options import BuildOptions, Change
from rag.index.snapshot import ReviewIndex
from rag.index.tables import well_formed_review
from rag.index.verify import problems_of
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError, Review


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


def build_index(
    reviews: Sequence[Review],
    embedder: Embedder,
    folder: Path,
    *,
    chunking: str,
    chunk_tokens: int,
    progress: Progress = no_progress,
) -> ReviewIndex:
    """Build the index in `folder` from `reviews` alone, and open it. Raises as `change_index` does."""
    options = BuildOptions(chunking=chunking, chunk_tokens=chunk_tokens)
    return change_index(reviews, embedder, folder, Change(mode="new"), options, progress).index


def change_index(
    incoming: Iterable[Review],
    embedder: Embedder,
    folder: Path,
    change: Change,
    options: BuildOptions,
    progress: Progress = no_progress,
) -> Changed:
    """Write the next generation of the index in `folder`, verify it, make it live, and open it.

    `incoming` is read several times, and must be the same each time. Where nothing changes, the
    live generation stays. Stages of progress: "comparing", "chunking", "resuming" (once, with how
    many sentences an interrupted run had embedded, if any), "embedding", "writing", "checking".

    Whatever goes wrong before the last step, the generation that was live stays live, and what was
    embedded is used by the next run. Raises `IndexFileError` when there would be no reviews, two
    share an id, an id to delete is not there, another process is writing, the live generation was
    built with other settings, or the disk is full.
    """
    incoming = _WellFormed(incoming)
    try:
        with store.writer_lock(folder):
            store.remove_unfinished(folder)
            live = None if change.mode == "new" else ReviewIndex.open(folder)
            if live is not None:
                live.check_fingerprint(embedder, options)
            comparison = compare(incoming, live, change, progress)
            if live is not None and comparison.changes_nothing:
                if older_than(folder, live.generation):
                    # made live by a run that was killed before it tidied up
                    _tidy(folder, options.keep_generations)
                return _changed(live, comparison, Counts(carried=live.manifest.sentences))
            if not len(comparison.stay) and not comparison.take.any():
                raise IndexFileError("There are no reviews to build an index from.")
            generation = store.new_generation(folder)
            building = store.building_folder(folder, generation)
            try:
                disk.make_folder(building)
                cache = EmbeddingCache(folder, embedder.identity, embedder.dimension)
                writer = GenerationWriter(building, live, embedder, cache, options, progress)
                writer.write(incoming, comparison, change.imports)
                _check(building, progress)
                store.switch(folder, generation)
            except BaseException:
                store.remove_unfinished(folder)
                raise
            _tidy(folder, options.keep_generations)
    except OSError as error:
        raise IndexFileError(
            f"Cannot write the index in {folder}: {_reason(error, folder)}. The index that was "
            "live still is; what was embedded is kept, and the next run goes on from there."
        ) from error
    # just verified; `open` would read every byte once more
    return _changed(ReviewIndex(folder / generation), comparison, writer.counts)


class _WellFormed(Iterable[Review]):
    """Reviews, any number of times, with texts that can be stored."""

    def __init__(self, reviews: Iterable[Review]) -> None:
        self._reviews = reviews

    def __iter__(self) -> Iterator[Review]:
        return map(well_formed_review, self._reviews)


def _check(building: Path, progress: Progress) -> None:
    """Raise `IndexFileError` unless the new generation is whole."""
    progress("checking", 0, 1)
    problems = problems_of(building)
    if problems:
        raise IndexFileError(
            f"The new index did not pass its own check, and is not used: {problems[0]}"
        )
    progress("checking", 1, 1)


def _tidy(folder: Path, keep_generations: int) -> None:
    """The new generation is live; what cannot be removed now, the next run will."""
    with contextlib.suppress(OSError):
        store.prune(folder, keep_generations)
        remove_cache(folder)


def _reason(error: OSError, folder: Path) -> str:
    """Why the disk refused, and how much room it has if that is why."""
    reason = str(error.strerror or error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        with contextlib.suppress(OSError):
            reason += f" ({size_text(shutil.disk_usage(folder).free)} are free)"
    return reason


def _changed(index: ReviewIndex, comparison: Comparison, counts: Counts) -> Changed:
    return Changed(
        index=index,
        new=comparison.new,
        changed=comparison.changed,
        unchanged=comparison.unchanged,
        removed=comparison.removed,
        embedded=counts.embedded,
        carried=counts.carried,
        resumed=counts.resumed,
    )
