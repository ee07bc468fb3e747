"""A power cut at any operation of a build or an update leaves the old or the new index, whole, and
loses no kept batch.

The operations of a real run are recorded and played up to each one on a disk that forgets: what was
written to a file since its last fsync is dropped, cut, zeroed or torn; names made, changed and
removed since the last fsync of their folder are lost from some moment on (as journals do) or any of
them (which is worse). Some cuts are played always; all with ``--all-faults`` (`make test-faults`).
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.pool import Pool
from pathlib import Path

import pytest

from tests.faults import (
    NAME,
    SCENARIOS,
    Operation,
    Scenario,
    finish,
    in_fork,
    kept_batches,
    make_scenario,
    operations_of,
    spread,
    state_of,
)

SOME = ("build", "update")  # what is played unless all is wanted
SECTOR = 512
FATES = ("kept", "dropped", "cut", "zeroed", "torn")
CHOICES = 6  # disks for each operation and kind of disk


# --- a disk that forgets


@dataclass(eq=False)
class File:
    """`durable` is its content at its last fsync, `since` what was appended later."""

    durable: bytes = b""
    since: bytes = b""
    time: int = 0

    def after_cut(self, fate: str, some: random.Random) -> bytes:
        if fate == "dropped" or not self.since:
            return self.durable
        if fate == "cut":
            return self.durable + self.since[: some.randrange(len(self.since))]
        if fate == "zeroed":
            return self.durable + bytes(some.randint(1, len(self.since)))
        if fate == "torn":
            sectors = [
                self.since[start : start + SECTOR] for start in range(0, len(self.since), SECTOR)
            ]
            return self.durable + b"".join(
                s if some.random() < 0.5 else bytes(len(s)) for s in sectors
            )
        return self.durable + self.since


@dataclass(eq=False)
class Folder:
    """`names` is what a running program sees, `durable` what is on the disk in any case."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of one folder that change together; None removes a name."""

    folder: Folder
    changes: dict[str, File | Folder | None]

    def apply(self, names: dict[str, File | Folder]) -> None:
        for name, node in self.changes.items():
            if node is None:
                names.pop(name, None)
            else:
                names[name] = node


class Disk:
    """Plays operations, and can tell what a power cut would leave. Paths are relative to its root."""

    def __init__(self, start: Path, *, journal: bool) -> None:
        self._journal = journal
        self._waiting: list[Entries] = []  # not durable yet
        self._time = 0
        self._root = self._copied(start)

    def _copied(self, path: Path) -> Folder:
        folder = Folder()
        for inner in path.iterdir():
            time = inner.stat().st_mtime_ns
            self._time = max(self._time, time)
            folder.names[inner.name] = (
                self._copied(inner) if inner.is_dir() else File(inner.read_bytes(), time=time)
            )
        folder.durable = dict(folder.names)
        return folder

    def _find(self, path: Path) -> File | Folder | None:
        node: File | Folder | None = self._root
        for part in path.parts:
            assert isinstance(node, Folder)
            node = node.names.get(part)
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._find(path)
        assert isinstance(node, Folder), path
        return node

    def _change(self, folder: Folder, **changes: File | Folder | None) -> None:
        entries = Entries(folder, changes)
        entries.apply(folder.names)
        self._waiting.append(entries)

    def play(self, operation: Operation) -> None:
        """Do what the operation does to a disk; no more than the operating system promises."""
        self._time += 1000
        path = operation.path
        node, above = self._find(path), self._folder(path.parent)
        if operation.kind in ("create", "mkdir"):
            if node is None:
                self._change(
                    above, **{path.name: File() if operation.kind == "create" else Folder()}
                )
        elif operation.kind in ("unlink", "rmdir"):
            if node is not None:
                self._change(above, **{path.name: None})
        elif operation.kind == "rename":
            assert node is not None and operation.target.parent == path.parent
            self._change(above, **{path.name: None, operation.target.name: node})
        elif operation.kind == "sync folder":
            assert isinstance(node, Folder)
            self._sync(node)
        else:
            assert isinstance(node, File)
            if operation.kind == "write":
                node.since += operation.data
                node.time = self._time
            else:
                node.durable, node.since = node.durable + node.since, b""

    def _sync(self, folder: Folder) -> None:
        mine = [number for number, entries in enumerate(self._waiting) if entries.folder is folder]
        if self._journal and mine:  # earlier changes come along, and no later ones
            mine = list(range(mine[-1] + 1))
        for number in mine:
            self._waiting[number].apply(self._waiting[number].folder.durable)
        self._waiting = [
            entries for number, entries in enumerate(self._waiting) if number not in set(mine)
        ]

    def cut(
        self, target: Path, some: random.Random, *, names: float | None, fate: str | None
    ) -> None:
        """Make the folder `target` hold what a power cut may leave.

        `names` is the share of waiting name changes that survive, `fate` what becomes of unsynced
        content; None leaves both to chance.
        """
        share = some.choice((0.2, 0.5, 0.8)) if names is None else names
        if self._journal:
            left = self._waiting[
                : round(len(self._waiting) * (some.random() if names is None else names))
            ]
        else:
            left = [entries for entries in self._waiting if some.random() < share]
        held: dict[Folder, dict[str, File | Folder]] = {}
        for entries in left:
            entries.apply(held.setdefault(entries.folder, dict(entries.folder.durable)))

        def lay(folder: Folder, path: Path) -> None:
            path.mkdir()
            for name, node in held.get(folder, folder.durable).items():
                if isinstance(node, Folder):
                    lay(node, path / name)
                else:
                    (path / name).write_bytes(node.after_cut(fate or some.choice(FATES), some))
                    os.utime(path / name, ns=(node.time, node.time))

        lay(self._root, target)


# --- what was done, and what must be on the disk


@dataclass(frozen=True)
class Log:
    """The operations of one change, and which of them decide what a cut may leave."""

    scenario: Scenario
    operations: list[Operation]

    @property
    def switched(self) -> int:
        """Number of the operation that renames CURRENT."""
        return next(
            n
            for n, op in enumerate(self.operations)
            if op.kind == "rename" and op.target.name == "CURRENT"
        )

    def states(self, done: int) -> set[str]:
        """What may be live after a power cut when `done` operations were done."""
        before = "none" if self.scenario.name == "build" else "old"
        return (
            {before}
            if done <= self.switched
            else {"new"}
            if done > self.switched + 1
            else {before, "new"}
        )

    def batches(self, done: int) -> int:
        """How many batches must be found after it, as long as the old index is live."""
        kept = len(kept_batches(self.scenario.template / NAME))
        for named, synced in zip(self.operations, self.operations[1:done], strict=False):
            kept += (
                named.kind == "rename"
                and named.target.suffix == ".batch"
                and synced.kind == "sync folder"
            )
        return kept


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_absolute() else path


def record(scenario: Scenario) -> Log:
    """The operations of one run, kept in a file beside it, too; in a worker."""

    def work() -> Log:
        indexes = scenario.root / "recorded"
        found = [
            replace(op, path=_below(op.path, indexes), target=_below(op.target, indexes))
            for op in operations_of(scenario, indexes)
        ]
        log = Log(scenario, found)
        (scenario.root / "log.pickle").write_bytes(pickle.dumps(log))
        return log

    return in_fork(work)  # type: ignore[no-any-return]


# --- one case; these run in the workers


@dataclass(frozen=True)
class Case:
    """A power cut after so many operations, on several disks. `left_out` names the fsyncs that are
    not done.
    """

    root: Path
    done: int
    disks: int
    finish: bool
    left_out: str = ""


LEFT_OUT: dict[str, Callable[[Operation], bool]] = {
    "all": lambda op: op.kind.startswith("sync"),
    "files": lambda op: op.kind == "sync",
    "folders": lambda op: op.kind == "sync folder",
    "tables": lambda op: op.kind == "sync" and op.path.suffix == ".parquet",
    "arrays": lambda op: op.kind == "sync" and op.path.suffix == ".npy",
    "manifest": lambda op: op.kind == "sync" and op.path.name == "manifest.json",
    "CURRENT": lambda op: op.kind == "sync" and op.path.name == "CURRENT.new",
    "generation": lambda op: op.kind == "sync folder" and op.path.name.startswith(".building-"),
    "index": lambda op: op.kind == "sync folder" and op.path.name == NAME,
    "indexes": lambda op: op.kind == "sync folder" and op.path == Path(),
    "batches": lambda op: op.kind == "sync" and op.path.name == "pending",
    "batch names": lambda op: op.kind == "sync folder" and op.path.parent.name == ".work",
}
"""fsyncs without which a power cut does harm."""


@dataclass(frozen=True)
class Played:
    """What was found after the cuts of a case, and the harm: nothing, unless fsyncs were left out."""

    states: Counter[str]
    resumed: list[int]  # for each run made after a cut, with how many sentences it went on
    harm: list[str]


def play(case: Case) -> Played:
    return in_fork(lambda: _play(case))  # type: ignore[no-any-return]


def _play(case: Case) -> Played:
    log: Log = pickle.loads((case.root / "log.pickle").read_bytes())
    scenario, batches = log.scenario, log.batches(case.done)
    states, resumed, harm = Counter[str](), list[int](), list[str]()
    for journal in (True, False):
        disk = Disk(scenario.template, journal=journal)
        for operation in log.operations[: case.done]:
            if not (case.left_out and LEFT_OUT[case.left_out](operation)):
                disk.play(operation)
        for number, (names, fate) in enumerate(_disks(case.disks)):
            indexes = case.root / f"cut-{case.done}-{case.left_out}"
            disk.cut(
                indexes, random.Random(f"{case.done} {journal} {number}"), names=names, fate=fate
            )
            what = f"{case}, journal {journal}, disk {number}"
            try:
                state = state_of(scenario, indexes / NAME)
                assert state in log.states(case.done), f"{state} instead of {log.states(case.done)}"
                found = len(kept_batches(indexes / NAME))
                assert state == "new" or found >= batches, f"{found} of {batches} batches are left"
                if case.finish and number == case.done % case.disks:
                    resumed.append(finish(scenario, indexes / NAME, state, batches))
            except Exception as error:
                if not case.left_out:
                    raise AssertionError(f"{what}: {error}") from error
                harm.append(f"{what}: {error}")
            else:
                states[state] += 1
            shutil.rmtree(indexes)
    return Played(states, resumed, harm)


def _disks(count: int) -> Iterator[tuple[float | None, str | None]]:
    """How forgetful each disk is: first the extremes, then by chance."""
    extremes: Sequence[tuple[float | None, str | None]] = (
        (1, "dropped"),
        (None, None),
        (0, "kept"),
        (1, "torn"),
    )
    yield from extremes[:count]
    yield from [(None, None)] * (count - len(extremes))


# --- tests


@pytest.fixture(scope="module")
def logs(workers: Pool, all_faults: bool, tmp_path_factory: pytest.TempPathFactory) -> list[Log]:
    root = tmp_path_factory.mktemp("power")
    scenarios = [Scenario(name, root / name) for name in (SCENARIOS if all_faults else SOME)]
    return workers.map(record, workers.map(make_scenario, scenarios, 1), 1)


def test_after_any_power_cut_the_index_is_whole_and_the_next_run_goes_on(
    workers: Pool, logs: list[Log], all_faults: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for log in logs:
        count = len(log.operations)
        wanted = [
            *spread(count + 1, count + 1 if all_faults else 10),
            log.switched,
            log.switched + 1,
            log.switched + 2,
        ]
        disks, again = (CHOICES, 3) if all_faults else (2, 8)
        cases = [
            Case(log.scenario.root, done, disks, finish=number % again == 0)
            for number, done in enumerate(sorted(set(wanted)))
        ]
        played = workers.map(play, cases, 1)
        states = sum((outcome.states for outcome in played), Counter[str]())
        assert (
            states.total() == 2 * disks * len(cases)
            and states["new"]
            and states["old"] + states["none"]
        )
        if all_faults:
            resumed = [number for outcome in played for number in outcome.resumed]
            assert sum(number > 0 for number in resumed) > 10
            with capsys.disabled():
                print(
                    f"\n{log.scenario.name}: {states.total()} power cuts after {count} operations: "
                    f"{dict(states)};"
                )
                print(
                    f"  {len(resumed)} next runs, {sum(number > 0 for number in resumed)} went on "
                    "from kept batches"
                )


@pytest.mark.parametrize("left_out", LEFT_OUT)
def test_without_an_fsync_the_harm_is_found(workers: Pool, logs: list[Log], left_out: str) -> None:
    """The player itself: no fsync is left out unnoticed."""
    log = next(log for log in logs if log.scenario.name == "build")
    done = log.switched + (0 if left_out.startswith("batch") else 2)
    assert workers.apply(
        play, (Case(log.scenario.root, done, 4, finish=False, left_out=left_out),)
    ).harm
