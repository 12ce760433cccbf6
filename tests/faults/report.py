"""The table of a run: what struck, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.faults.judge import WRONGS, Verdict
from tests.faults.recovery import Recovery, parts, parts_table


@dataclass(frozen=True)
class Outcome:
    """A fault that struck so many times, and was survived so often; `failure` says why not every time."""

    name: str
    times: int
    survived: int
    verdict: Verdict
    failure: str = ""
    recoveries: Sequence[Recovery] = ()

    @property
    def clean(self) -> bool:
        """Whether all was as it must be."""
        return self.survived == self.times and not self.verdict.wrongs and not self.failure


def print_table(outcomes: list[Outcome], console: Console) -> None:
    """One row for each fault, and whatever went wrong below."""
    table = Table("fault", title="faults under load, and what the log came to", title_justify="left")
    for column in ("times", "survived", "acknowledged", *WRONGS, "longest outage, s"):
        table.add_column(column, justify="right")
    for outcome in outcomes:
        verdict = outcome.verdict
        counts = (outcome.times, outcome.survived, verdict.acknowledged)
        wrongs = (getattr(verdict, wrong) for wrong in WRONGS)
        style = None if outcome.clean else "red"
        row = (*(f"{count:,}" for count in (*counts, *wrongs)), f"{verdict.outage:.2f}")
        table.add_row(outcome.name, *row, style=style)
    console.print(table)
    for outcome in outcomes:
        if outcome.recoveries and outcome.verdict.receipts:
            receipts = outcome.verdict.receipts
            console.print(parts_table([parts(recovery, receipts) for recovery in outcome.recoveries]))
        for told in (*outcome.verdict.told, *([outcome.failure] if outcome.failure else [])):
            console.print(f"{outcome.name}: {told}", markup=False, style="red")
