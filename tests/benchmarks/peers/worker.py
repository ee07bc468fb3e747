"""One system in a process of its own, told by lines of JSON what to do and answering in such lines:
``python -m tests.benchmarks.peers.worker SYSTEM MODEL FOLDER [--made-up]``.

{"build": texts} is answered by its seconds, {"ask": question, "most": count} by its seconds and the
number of passages. Every answer has the process's largest memory so far.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.made_up import make_up_vectors
from tests.benchmarks.peers.systems import SYSTEMS

WARMING = 32  # texts of a build that only warms up


def main() -> None:
    """Serve until the input ends."""
    name, model, folder, *made_up = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a system prints is no answer
    if made_up:
        make_up_vectors(name)
    system = SYSTEMS[name](model, Path(folder))
    system.build([f"It is good, {row}. " * 50 for row in range(WARMING)])
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = {}
        wall, processor = time.perf_counter(), time.process_time()
        if "build" in order:
            system.build(order["build"])
        else:
            answer["passages"] = system.ask(order["ask"], order["most"])
        answer["seconds"] = time.perf_counter() - wall
        answer["processor"] = time.process_time() - processor
        answer["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
