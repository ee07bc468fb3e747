"""Writing the next generation of an index: compare, write beside the live one, check, switch.

The reviews that stay are carried over, and only the sentences of new and changed ones are embedded,
a batch at a time, each kept as soon as it is made (`embedding_cache`).
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.embedding import Embedder
from rag.files import size_in_words
from rag.index import disk, store
from rag.index.diff import compare
from rag.index.embedding_cache import EmbeddingCache, older_than, remove_cache
from rag.index.generation import GenerationWriter
from rag.index.options import BuildOptions, Change, Counts
from rag.index.snapshot import ReviewIndex
from rag.index.verify import problems_of
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError, Review


@dataclass(slots=True, kw_only=True)
class Changed(Counts):
    """What a change did, and the index it led to."""

    index: ReviewIndex


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
                comparison.counts.carried = live.manifest.sentences
                return Changed(index=live, **asdict(comparison.counts))
            if not len(comparison.stay) and not comparison.take.any():
                raise IndexFileError("There are no reviews to build an index from.")
            generation = store.new_generation(folder)
            building = store.building_folder(folder, generation)
            try:
                disk.make_folder(building)
                writer = GenerationWriter(building, live, comparison, embedder, options, progress)
                cache = EmbeddingCache(folder, embedder.identity, embedder.dimension)
                writer.write(incoming, cache, change.imports)
                progress("checking", 0, 1)
                if problems := problems_of(building):
                    raise IndexFileError(
                        f"The new index did not pass its own check, and is not used: {problems[0]}"
                    )
                progress("checking", 1, 1)
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
    return Changed(index=ReviewIndex(folder / generation), **asdict(comparison.counts))


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
            reason += f" ({size_in_words(shutil.disk_usage(folder).free)} are free)"
    return reason
