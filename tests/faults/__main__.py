"""``python -m tests.faults``: every fault in full, or with ``ONLY=prefix`` those whose name starts so."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.faults.judge import Verdict
from tests.faults.replica_set import ReplicaSet
from tests.faults.report import Outcome, print_table
from tests.faults.suite import FAULTS, Fault, load_on, strike, verdict_on

SCRATCH = Path(".nerve")
WIDTH = 140
"""Columns of the table in a file."""


def main() -> None:
    """Run them one after the other; the exit code is 1 where anything was not as it must be."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    wanted = os.environ.get("ONLY", "")
    chosen = [fault for fault in FAULTS if fault.name.startswith(wanted)]
    if not chosen:
        sys.exit(f"no fault starts with {wanted!r}; there are {', '.join(fault.name for fault in FAULTS)}")
    SCRATCH.mkdir(exist_ok=True)
    outcomes = [_shown(fault, console) for fault in chosen]
    print_table(outcomes, console)
    sys.exit(not all(outcome.clean for outcome in outcomes))


def _shown(fault: Fault, console: Console) -> Outcome:
    began = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(fault.name, total=fault.times)
        outcome = _run(fault, lambda: progress.advance(task))
    took = time.monotonic() - began
    console.print(f"{fault.name}: {fault.about}")
    wrongs = outcome.verdict.wrongs or "nothing wrong"
    console.print(f"  {outcome.survived} of {fault.times} survived in {took:.0f} s, {wrongs}")
    return outcome


def _run(fault: Fault, survived: Callable[[], None]) -> Outcome:
    """The fault on a set of its own, whose data and journals stay where anything went wrong."""
    folder = Path(tempfile.mkdtemp(prefix=f"{fault.name}-", dir=SCRATCH))
    servers = ReplicaSet(folder)
    outcome = Outcome(fault.name, fault.times, 0, Verdict())
    try:
        servers.start()
        with load_on(servers, folder, long=True) as scene:
            for _ in range(fault.times):
                strike(fault, scene)
                outcome = replace(outcome, survived=outcome.survived + 1)
                survived()
            outcome = replace(outcome, verdict=verdict_on(scene))
    except Exception as error:
        outcome = replace(outcome, failure=f"{type(error).__name__}: {error}")
    finally:
        servers.kill_all()
    if outcome.clean:
        shutil.rmtree(folder)
    else:
        outcome = replace(outcome, failure=f"{outcome.failure} (see {folder})")
    return outcome


if __name__ == "__main__":
    main()
