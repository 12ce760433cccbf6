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
from tests.faults.trials import TRIALS, Trial

SCRATCH = Path(".nerve")
TOLD = 20
"""Wrongs of a trial that are told one by one, at most."""

WIDTH = 140
"""Columns of the table in a file."""


def main() -> None:
    """Run them one after the other; the exit code is 1 where anything was not as it must be."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    wanted = os.environ.get("ONLY", "")
    chosen = [fault for fault in FAULTS if fault.name.startswith(wanted)]
    trials = [trial for trial in TRIALS if trial.name.startswith(wanted)]
    if not chosen and not trials:
        names = ", ".join(one.name for one in (*FAULTS, *TRIALS))
        sys.exit(f"no fault starts with {wanted!r}; there are {names}")
    SCRATCH.mkdir(exist_ok=True)
    outcomes = [_shown(fault, console) for fault in chosen]
    if outcomes:
        print_table(outcomes, console)
    passed = [_tried(trial, console) for trial in trials]
    sys.exit(not (all(passed) and all(outcome.clean for outcome in outcomes)))


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
            outcome = replace(outcome, verdict=verdict_on(scene), recoveries=scene.recoveries)
    except Exception as error:
        outcome = replace(outcome, failure=f"{type(error).__name__}: {error}")
    finally:
        servers.kill_all()
    if outcome.clean:
        shutil.rmtree(folder)
    else:
        outcome = replace(outcome, failure=f"{outcome.failure} (see {folder})")
    return outcome


def _tried(trial: Trial, console: Console) -> bool:
    """Whether nothing was wrong; the folder stays where anything was."""
    folder = Path(tempfile.mkdtemp(prefix=f"{trial.name}-", dir=SCRATCH))
    console.print(f"{trial.name}: {trial.about}")
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(trial.name, total=trial.times)
            found = trial.run(folder, trial.times, lambda: progress.advance(task))
    except Exception as error:
        console.print(f"{trial.name}: {type(error).__name__}: {error}", markup=False, style="red")
        console.print(f"  see {folder}")
        return False
    console.print(found.table)
    for wrong in found.wrongs[:TOLD]:
        console.print(f"{trial.name}: {wrong}", markup=False, style="red")
    if found.wrongs:
        console.print(f"  see {folder}")
    else:
        shutil.rmtree(folder)
    return not found.wrongs


if __name__ == "__main__":
    main()
