"""An index of more than 2,000 chunks that is changed and interrupted: how it is made, run, watched
and judged.

Whatever is interrupted, or looks at what that left, runs in a process forked from one that has used
no threads yet.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset  # noqa: F401  # otherwise imported at the first use, anew in each forked process
import rensa  # noqa: F401

from rag.embedding import Vectors
from rag.files import sha256_of
from rag.index import (
    BuildOptions,
    Change,
    Changed,
    ReviewIndex,
    change_index,
    disk,
    generation,
    store,
    verify_index,
)
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, FakeEmbedder

PHASES = (
    "comparing",
    "chunking",
    "resuming",
    "embedding",
    "writing",
    "checking",
    "switching",
    "pruning",
)
SCENARIOS = ("build", "update", "resume", "approximate")
NAME = "hotel"
SLOW_CALL, SLOW_OPERATION = (
    0.004,
    0.002,
)  # seconds, for kills at random moments: phases shorter than a tick get length


class SlowEmbedder(FakeEmbedder):
    """As the fake one, with a little time in each call."""

    def __init__(self, seconds: float) -> None:
        super().__init__(dimension=32)
        self._seconds = seconds

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        time.sleep(self._seconds)
        return super().embed_documents(texts, progress=progress)


# --- reviews


def _generated(number: int) -> Review:
    """The review of this number, always the same."""
    some = random.Random(number)
    letters = random.Random(7)
    words = ["".join(letters.choices("aeiklmnoprstu", k=letters.randint(3, 8))) for _ in range(500)]
    words += ["방이", "깨끗하고", "👩‍👩‍👧", "très", "Straße"]
    sentences = [
        " ".join(some.choices(words, k=some.randint(5, 10))).capitalize() + "." for _ in range(4)
    ]
    return Review(
        f"r{number:04}",
        " ".join(sentences),
        title=words[number % 500],
        rating=float(some.randint(1, 5)),
        rating_min=1.0,
        rating_max=5.0,
        date=f"2024-0{some.randint(1, 9)}-11",
        source="stays.csv",
        line=number + 2,
    )


def _reviews(numbers: range) -> list[Review]:
    """Generated reviews, every fiftieth a copy of the first, or nearly."""
    made = [_generated(number) for number in numbers]
    for place in range(50, len(made), 50):
        text = made[0].text if place % 100 else f"{made[0].text} {made[place].text[:9]}."
        made[place] = replace(made[place], text=text)
    return made


FIRST = _reviews(range(800))  # what the generation before the live one holds
LIVE = _reviews(range(880))
WANTED = [
    *(replace(review, text=f"{review.text} Changed since.") for review in LIVE[100:110]),
    replace(LIVE[110], rating=5.0),
    *LIVE[111:],
    *LIVE[8:100],
    *map(_generated, range(900, 920)),
    replace(_generated(920), text=LIVE[300].text),
]
"""Of 880 reviews 8 are gone, 11 changed and 21 new, one of those a copy; in another order."""


# --- the change that is interrupted


@dataclass(frozen=True)
class Scenario:
    """One change of an index: `template` is the folder of indexes before it, `clean` the index
    after it.

    build: there is nothing before; update: there are two generations, one of which will be removed;
    resume: as update, and an interrupted run has left batches; approximate: as update, of an
    approximate index.
    """

    name: str
    root: Path

    @property
    def template(self) -> Path:
        return self.root / "template"

    @property
    def clean(self) -> Path:
        return self.root / "clean" / NAME

    def run(self, folder: Path, progress: Progress = no_progress, *, slow: bool = False) -> Changed:
        """Make the change. It sets how much is embedded at once, so call it in a process of its
        own.
        """
        first = self.name == "build"
        generation.EMBED_AT_ONCE = 400 if first else 12
        return change_index(
            LIVE if first else WANTED,
            SlowEmbedder(SLOW_CALL if slow else 0),
            folder,
            Change(mode="new" if first else "replace"),
            BuildOptions(
                chunk_tokens=CHUNK_TOKENS,
                vector_index="ivf_sq8" if self.name == "approximate" else "flat",
                keep_generations=1,
            ),
            progress,
        )

    def prepare(self) -> None:
        """Make `template` and `clean`."""
        self.template.mkdir(parents=True)
        folder = self.template / NAME
        kind = "ivf_sq8" if self.name == "approximate" else "flat"
        if self.name != "build":
            for reviews in (FIRST, LIVE):
                _from_empty(reviews, folder, kind)
        if self.name == "resume":
            _interrupt_embedding(self, folder)
        shutil.copytree(self.template, self.clean.parent)
        self.run(self.clean)
        index = ReviewIndex.open(self.clean)
        assert index.manifest.chunks > 2000, index.manifest.chunks
        if (
            self.name != "approximate"
        ):  # its lists are carried over, so a build from nothing finds others
            _from_empty(list(index.reviews()), self.root / "again" / NAME, kind)
            found = difference(index, ReviewIndex.open(self.root / "again" / NAME))
            assert not found, found

    def copied(self, to: Path) -> Path:
        """A copy of the template's index that may be harmed."""
        shutil.copytree(self.template, to)
        return to / NAME


def _from_empty(reviews: list[Review], folder: Path, kind: str) -> None:
    change_index(
        reviews,
        SlowEmbedder(0),
        folder,
        Change(mode="new"),
        BuildOptions(chunk_tokens=CHUNK_TOKENS, vector_index=kind),
    )


def _interrupt_embedding(scenario: Scenario, folder: Path) -> None:
    def progress(stage: str, done: int, total: int) -> None:
        if stage == "embedding" and done > total // 2:
            raise KeyboardInterrupt

    try:
        scenario.run(folder, progress)
    except KeyboardInterrupt:
        return
    raise AssertionError("the change was not interrupted")


# --- watching what is done to the disk


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of what is on the disk: create, write, sync, sync folder, rename, mkdir, unlink or
    rmdir.
    """

    kind: str
    path: Path
    target: Path = Path()
    data: bytes = b""
    descriptor: int = -1


class WatchedOs:
    """Stands for `os` in `rag.index.disk`; `before` is called before each operation."""

    def __init__(self, before: Callable[[Operation], None]) -> None:
        self._before = before
        self._paths: dict[int, Path] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            self._before(Operation("create", path))
        descriptor = os.open(path, flags, mode)
        self._paths[descriptor] = path
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        self._before(
            Operation("write", self._paths[descriptor], data=bytes(data), descriptor=descriptor)
        )
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        path = self._paths[descriptor]
        self._before(Operation("sync folder" if path.is_dir() else "sync", path))
        os.fsync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._before(Operation("rename", source, target))
        os.replace(source, target)

    def mkdir(self, path: Path) -> None:
        self._before(Operation("mkdir", path))
        os.mkdir(path)

    def unlink(self, path: Path) -> None:
        self._before(Operation("unlink", path))
        os.unlink(path)

    def rmdir(self, path: Path) -> None:
        self._before(Operation("rmdir", path))
        os.rmdir(path)


def watch(before: Callable[[Operation], None]) -> None:
    """From now on, in this process, tell of every operation before it is done."""
    vars(disk)["os"] = WatchedOs(before)


def operations_of(scenario: Scenario, indexes: Path) -> list[Operation]:
    """All operations of the change, which is made in the folder `indexes`."""
    found: list[Operation] = []
    folder = scenario.copied(indexes)
    watch(found.append)
    scenario.run(folder)
    return found


# --- processes


def in_fork(work: Callable[[], Any]) -> Any:
    """What `work` returns in a process of its own. Raises `RuntimeError` with its traceback if it
    raises.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = (True, work())
        except BaseException:
            result = (False, traceback.format_exc())
        with os.fdopen(writer, "wb") as answer:
            pickle.dump(result, answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    good, result = pickle.loads(data)
    if not good:
        raise RuntimeError(result)
    return result


# --- judging


INDEX_ARRAYS = (
    "sentence_review",
    "sentence_start",
    "sentence_end",
    "sentence_chunk",
    "chunk_review",
    "chunk_start",
    "chunk_end",
    "chunk_first",
    "chunk_last",
)


def difference(one: ReviewIndex, other: ReviewIndex) -> str:
    """In what two indexes differ, in words; nothing if they are equal."""
    for name in (
        "reviews",
        "sentences",
        "chunks",
        "voices",
        "exact_duplicates",
        "near_duplicates",
        "fingerprint",
    ):
        if getattr(one.manifest, name) != getattr(other.manifest, name):
            return f"{name}: {getattr(one.manifest, name)} and {getattr(other.manifest, name)}"
    if not one.reviews_table.equals(other.reviews_table):
        return "reviews"
    for name in (*INDEX_ARRAYS, "signatures"):
        if not np.array_equal(getattr(one, name), getattr(other, name)):
            return name
    if not np.allclose(one.all_vectors, other.all_vectors, rtol=0, atol=1e-5):
        return "vectors"
    queries = np.concatenate(
        [one.vectors(range(0, one.manifest.sentences, 100)), one.all_vectors[:1] * -1]
    )
    if not np.allclose(one.search(queries, 10)[0], other.search(queries, 10)[0], rtol=0, atol=1e-5):
        return "search scores"
    if differs := difference_of_words(one, other):
        return differs
    if not np.allclose(one.stance.weights, other.stance.weights, atol=1e-4):
        return "stance"
    return "" if one.catalogue == other.catalogue else "catalogue"


def difference_of_words(one: ReviewIndex, other: ReviewIndex) -> str:
    """In what their words and the weights of these differ; nothing if they are equal."""
    words = sorted(one.bm25.words)
    if words != sorted(other.bm25.words):
        return "words"
    for name in ("sentences", "reviews"):
        sums = [
            getattr(index.bm25, name).scores(map(index.bm25.words.__getitem__, words))
            for index in (one, other)
        ]
        if not np.array_equal(*sums):
            return f"words of {name}"
    return ""


def state_of(scenario: Scenario, folder: Path) -> str:
    """Which index is live: "old", "new", or "none" before a first build. Raises `AssertionError` if
    it is not whole.
    """
    first = scenario.name == "build"
    try:
        index = ReviewIndex.open(folder)
    except IndexFileError as error:
        assert first and "There is no index" in str(error) and not (folder / "CURRENT").exists(), (
            str(error)
        )
        return "none"
    problems = verify_index(folder)
    assert not problems, problems
    found = {
        state: difference(index, ReviewIndex.open(known))
        for state, known in (("new", scenario.clean), ("old", scenario.template / NAME))
        if not (first and state == "old")
    }
    whole = [state for state, differs in found.items() if not differs]
    assert len(whole) == 1, f"the live index is none of those it may be: {found}"
    return whole[0]


def kept_batches(folder: Path) -> list[int]:
    """How many vectors each of the good batches holds that an interrupted run has left."""
    found = []
    for path in folder.glob(".work/*/*.batch"):
        if sha256_of(path).startswith(path.stem.partition("-")[2]):
            with path.open("rb") as file:
                found.append(len(np.load(file, allow_pickle=False)))
    return found


def finish(scenario: Scenario, folder: Path, state: str, batches: int = 0) -> int:
    """Make the change again, see that nothing was lost and nothing is left over; how many sentences
    it resumed with.

    `batches` is how many batches must be there, if the change is not done yet.
    """
    good, before = kept_batches(folder), set(store.generations(folder))
    kept = sum(good)
    assert state == "new" or len(good) >= batches, (
        f"{len(good)} batches are there, and {batches} had been kept"
    )
    live = store.live_name(folder)
    wanted = json.loads((scenario.root / "counts.json").read_text())
    changed = scenario.run(folder)
    counts = {name: getattr(changed, name) for name in wanted}
    if state == "new" and scenario.name != "build":
        assert (
            changed.embedded
            == changed.resumed
            == changed.new
            == changed.changed
            == changed.removed
            == 0
        ), counts
    else:
        assert changed.resumed == kept, (
            f"resumed with {changed.resumed} sentences, and {kept} had been kept"
        )
        assert changed.resumed + changed.embedded == wanted["resumed"] + wanted["embedded"], counts
        assert all(
            counts[name] == wanted[name] for name in wanted if name not in ("embedded", "resumed")
        ), counts
    assert state_of(scenario, folder) == "new"
    now = store.live_name(folder)
    expected = {"CURRENT", "LOCK", now}
    if state == "old":
        expected.add(live)  # the one to go back to
    elif state == "new":
        expected |= {live} if now != live else {max(before - {live})} if len(before) > 1 else set()
    found = {path.name for path in folder.iterdir()}
    assert found == expected, f"{sorted(found)} instead of {sorted(expected)}"
    return changed.resumed


def counts_of(scenario: Scenario, folder: Path) -> dict[str, int]:
    """What an uninterrupted run says of itself."""
    changed = scenario.run(folder)
    names = ("new", "changed", "unchanged", "removed", "carried", "embedded", "resumed")
    return {name: getattr(changed, name) for name in names}


def make_scenario(scenario: Scenario) -> Scenario:
    """Prepare a scenario; in a process of its own."""

    def work() -> None:
        scenario.prepare()
        counts = counts_of(scenario, scenario.copied(scenario.root / "counted"))
        (scenario.root / "counts.json").write_text(json.dumps(counts))

    in_fork(work)
    return scenario


def spread(count: int, wanted: int) -> Iterator[int]:
    """About `wanted` of the numbers below `count`, evenly spread, the last among them."""
    if count <= wanted:
        yield from range(count)
    else:
        yield from sorted({round(number * (count - 1) / (wanted - 1)) for number in range(wanted)})
