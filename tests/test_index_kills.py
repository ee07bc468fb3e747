"""SIGKILL at any moment of a build or an update leaves the old or the new index, whole, and costs
no embedded batch.

Some of the points run always; all of them with ``--all-faults`` (`make test-faults`).
"""

from __future__ import annotations

import itertools
import mmap
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import pytest

from rag.index import store
from tests.faults import (
    NAME,
    PHASES,
    SCENARIOS,
    SLOW_OPERATION,
    Operation,
    Scenario,
    finish,
    in_fork,
    kept_batches,
    make_scenario,
    operations_of,
    spread,
    state_of,
    watch,
)

SOME = ("build", "resume")  # what is interrupted unless all is wanted
RANDOM_KILLS, IN_EACH_PHASE, ATTEMPTS = 200, 10, 400


@dataclass(frozen=True)
class Killed:
    """One kill and what was found after it. `phase` is "" when the change was done before it could
    be killed.
    """

    phase: str
    state: str
    resumed: int
    again: bool  # the run that should have finished was killed, too


@pytest.fixture(scope="module")
def scenarios(
    workers: Pool, all_faults: bool, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Scenario]:
    root = tmp_path_factory.mktemp("kills")
    names = SCENARIOS if all_faults else SOME
    return {
        scenario.name: scenario
        for scenario in workers.map(make_scenario, [Scenario(n, root / n) for n in names])
    }


# --- the process that is killed


def start_victim(work: Callable[[], Any]) -> int:
    """A process that does `work`; its id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return child


def wait_for(child: int) -> bool:
    """Whether the process was killed; if not, it finished."""
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, (
        "the change failed for another reason"
    )
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def killer(number: int, *, torn: bool) -> Callable[[Operation], None]:
    """Kills this process before its operation `number`, counted from 0; with `torn`, in the middle
    of a write.
    """
    done = 0

    def before(operation: Operation) -> None:
        nonlocal done
        if done == number:
            if torn and operation.kind == "write":
                os.write(operation.descriptor, operation.data[: len(operation.data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    return before


def killed_at(scenario: Scenario, folder: Path, number: int, *, torn: bool) -> bool:
    """Let a process make the change, and kill itself at one operation; whether it got there."""

    def work() -> None:
        watch(killer(number, torn=torn))
        scenario.run(folder)

    return wait_for(start_victim(work))


def run_marked(scenario: Scenario, folder: Path, mark: Callable[[str], None]) -> None:
    """Make the change, a little slowed down, and tell of each phase when it begins."""

    def marked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            mark(name)
            return function(*arguments, **more)

        return call

    watch(lambda operation: time.sleep(SLOW_OPERATION))
    vars(store).update(
        switch=marked("switching", store.switch), prune=marked("pruning", store.prune)
    )
    scenario.run(folder, lambda stage, done, total: mark(stage), slow=True)
    mark("")


def lengths_of(scenario: Scenario, folder: Path) -> dict[str, float]:
    """How many seconds each phase takes when nobody kills it."""
    begun: list[tuple[str, float]] = []

    def mark(phase: str) -> None:
        if not begun or begun[-1][0] != phase:
            begun.append((phase, time.monotonic()))

    run_marked(scenario, folder, mark)
    lengths: Counter[str] = Counter()
    for (phase, start), (_, end) in itertools.pairwise(begun):
        lengths[phase] += end - start  # type: ignore[assignment]
    return dict(lengths)


def killed_in(scenario: Scenario, folder: Path, phase: str, after: float) -> str:
    """Let a process make the change, and kill it `after` seconds in a phase; in which phase it
    died, "" if in none.
    """
    memory = mmap.mmap(-1, 1)

    def mark(name: str) -> None:
        memory[0] = 1 + PHASES.index(name) if name else 255

    child = start_victim(lambda: run_marked(scenario, folder, mark))
    while (
        memory[0] < 1 + PHASES.index(phase)
        and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        time.sleep(0.0003)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    died_in = wait_for(child) and 0 < memory[0] < 255
    return PHASES[memory[0] - 1] if died_in else ""


# --- one case; these run in the workers


def list_operations(scenario: Scenario) -> list[tuple[str, int]]:
    """Of each operation of the change its kind, and how many batches have been kept before it."""

    def work() -> list[tuple[str, int]]:
        kept, found = len(kept_batches(scenario.template / NAME)), []
        for operation in operations_of(scenario, scenario.root / "operations"):
            found.append((operation.kind, kept))
            kept += operation.kind == "rename" and operation.target.suffix == ".batch"
        return found

    return in_fork(work)  # type: ignore[no-any-return]


def measure_phases(scenario: Scenario) -> dict[str, float]:
    folder = scenario.copied(scenario.root / "measured")
    return in_fork(lambda: lengths_of(scenario, folder))  # type: ignore[no-any-return]


def kill_at_operation(case: tuple[Scenario, int, int, bool]) -> Killed:
    scenario, number, batches, torn = case
    indexes = scenario.root / f"operation-{number}-{torn}"
    folder = scenario.copied(indexes)
    reached = killed_at(scenario, folder, number, torn=torn)
    state, resumed = in_fork(lambda: judge(scenario, folder, batches))
    shutil.rmtree(indexes)
    return Killed("reached" if reached else "", state, resumed, False)


def kill_at_moment(case: tuple[Scenario, str, float, int]) -> Killed:
    scenario, phase, length, seed = case
    some = random.Random(seed)
    indexes = scenario.root / f"moment-{seed}"
    folder = scenario.copied(indexes)
    died_in = killed_in(scenario, folder, phase, some.uniform(0, length))
    again = False
    if died_in and seed % 4 == 0:  # the next run is killed as well
        in_fork(lambda: state_of(scenario, folder))
        again = killed_at(scenario, folder, some.randrange(200), torn=True)
    state, resumed = in_fork(lambda: judge(scenario, folder))
    shutil.rmtree(indexes)
    return Killed(died_in, state, resumed, again)


def judge(scenario: Scenario, folder: Path, batches: int = 0) -> tuple[str, int]:
    state = state_of(scenario, folder)
    return state, finish(scenario, folder, state, batches)


# --- tests


def test_killed_at_any_operation_the_index_is_whole_and_the_next_run_goes_on(
    workers: Pool,
    scenarios: dict[str, Scenario],
    all_faults: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, scenario in scenarios.items():
        operations = workers.apply(list_operations, (scenario,))
        count = len(operations)
        assert count > 150 and operations[-1][1] > 2
        cases = [
            (scenario, number, operations[number][1], torn)
            for number in spread(count, count if all_faults else 6)
            for torn in (
                (False, True) if all_faults and operations[number][0] == "write" else (False,)
            )
        ]
        outcomes = workers.map(kill_at_operation, cases, 1)
        assert all(outcome.phase for outcome in outcomes)
        states = Counter(outcome.state for outcome in outcomes)
        before = "none" if name == "build" else "old"
        assert states[before] and states["new"] and states[before] + states["new"] == len(cases)
        if all_faults:
            torn = sum(case[-1] for case in cases)
            resumed = sum(outcome.resumed > 0 for outcome in outcomes)
            with capsys.disabled():
                print(
                    f"\n{name}: killed before each of {count} operations and within {torn} writes: "
                    f"{dict(states)};"
                )
                print(f"  {resumed} of the next runs went on from kept batches")


def test_killed_at_random_moments_the_index_is_whole_and_the_next_run_goes_on(
    workers: Pool,
    scenarios: dict[str, Scenario],
    all_faults: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    some = random.Random(1)
    names = list(SCENARIOS) if all_faults else ["resume"]
    lengths = dict(
        zip(names, workers.map(measure_phases, [scenarios[name] for name in names], 1), strict=True)
    )
    assert set(lengths["resume"]) == set(PHASES)
    outcomes: list[Killed] = []
    seed = 0
    while True:
        kills = Counter(outcome.phase for outcome in outcomes if outcome.phase)
        lacking = [phase for phase in PHASES if kills[phase] < (IN_EACH_PHASE if all_faults else 1)]
        if not all_faults and outcomes:
            break
        if all_faults and not lacking and kills.total() >= RANDOM_KILLS:
            break
        assert seed < ATTEMPTS, f"too few kills: {dict(kills)}"
        cases = []
        for phase in (lacking if outcomes else None) or PHASES:
            for _ in range(4 if all_faults else 1):
                name = some.choice([name for name in names if phase in lengths[name]])
                cases.append((scenarios[name], phase, lengths[name][phase], seed))
                seed += 1
        outcomes += workers.map(kill_at_moment, cases, 1)
    assert kills.total() >= len(PHASES) // 2
    with capsys.disabled():
        if all_faults:
            states = Counter(outcome.state for outcome in outcomes if outcome.phase)
            twice, resumed = (
                sum(getattr(o, what) > 0 for o in outcomes) for what in ("again", "resumed")
            )
            print(
                f"\nkilled at {kills.total()} random moments: {dict(kills)}; found {dict(states)}, "
                f"{resumed} resumed,"
            )
            print(
                f"{twice} of them killed once more; {len(outcomes) - kills.total()} were done "
                "before the kill"
            )


@pytest.mark.parametrize("harm", ["rubbish", "bit", "reviews", "batch"])
def test_harm_would_be_noticed(workers: Pool, scenarios: dict[str, Scenario], harm: str) -> None:
    """The judge itself: whatever a crash must not do, it finds."""
    with pytest.raises(RuntimeError, match="AssertionError"):
        workers.apply(judge_harmed, (scenarios["resume"], harm))


def judge_harmed(scenario: Scenario, harm: str) -> None:
    folder = scenario.copied(scenario.root / harm)
    live = store.live_generation(folder)
    if harm == "rubbish":
        shutil.copytree(live, folder / "20990101T000000-00000001")
    elif harm == "bit":
        data = bytearray((live / "vectors.npy").read_bytes())
        data[-1] ^= 1
        (live / "vectors.npy").write_bytes(data)
    elif harm == "reviews":  # whole, and neither the old nor the new
        store.make_live(folder, store.generations(folder)[0])
    else:
        next(folder.glob(".work/*/*.batch")).unlink()
    kept = len(kept_batches(scenario.template / NAME))
    in_fork(lambda: judge(scenario, folder, kept))
