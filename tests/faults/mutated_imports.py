"""Very many mutated versions of each file that an import reads. Seeds make them, so each can be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.table import Table

from tests.helpers.log_files import FILES
from tests.helpers.mutated_files import check_import, mutate

STEP = 100
"""Versions of a file that are imported between two steps of the progress."""


@dataclass
class Outcome:
    """How many versions of each file were imported, and what was wrong."""

    versions: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        table = Table("file", "mutated versions", caption=f"{len(self.wrongs):,} wrongs")
        for name, count in self.versions.items():
            table.add_row(name, f"{count:,}")
        return table


def import_mutations(folder: Path, times: int, step: Callable[[], None]) -> Outcome:
    """Import `times` hundreds of versions of each file; those that went wrong stay in the folder."""
    outcome = Outcome()
    for hundred in range(times):
        for name, content in FILES.items():
            for seed in range(hundred * STEP, (hundred + 1) * STEP):
                mutated = mutate(content, Random(f"{name} {seed}"))
                outcome.versions[name] += 1
                try:
                    check_import(folder, name, mutated)
                except Exception as error:
                    (folder / f"{seed}-{name}").write_bytes(mutated)
                    outcome.wrongs.append(f"{name}, seed {seed}: {type(error).__name__}: {error}")
        step()
    return outcome
