"""Many malformed requests on each transport, and what the API process made of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from rich.table import Table

from tests.faults.deployment import Deployment
from tests.helpers.malformed import TRANSPORTS
from tests.helpers.malformed_client import Answers, send_malformed

SEED = 20_261
REQUEST_TIMEOUT = 1.0
"""Seconds that the server waits for the rest of an incomplete request."""


@dataclass
class MalformedOutcome:
    """The answers on each transport, and the seconds that they took."""

    number: int
    answers: dict[str, tuple[Answers, float]] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        table = Table("transport", title=f"{self.number:,} malformed requests on each transport")
        for column in ("answered", "wrong answers", "seconds"):
            table.add_column(column, justify="right")
        for transport, (answers, seconds) in self.answers.items():
            figures = (f"{answers.answered:,}", str(len(answers.wrongs)), f"{seconds:.0f}")
            table.add_row(transport, *figures)
        return table


class MalformedTrial:
    """Sends `number` malformed requests on each transport to one API process."""

    def __init__(self, folder: Path, number: int) -> None:
        self._deployment = Deployment(folder)
        self._deployment.environment |= {
            "NERVE_REQUEST_TIMEOUT": str(REQUEST_TIMEOUT),
            "NERVE_INIT_TIMEOUT": str(REQUEST_TIMEOUT),
            "NERVE_MAX_BATCH": "5",
        }
        self._outcome = MalformedOutcome(number)

    def run(self, step: Callable[[], None] = lambda: None) -> MalformedOutcome:
        """Run all; `step` is called after each transport."""
        try:
            self._deployment.worker()
            url = self._deployment.api()
            for transport in TRANSPORTS:
                start = time.monotonic()
                port = urlsplit(url).port or 0
                answers = asyncio.run(send_malformed(port, transport, self._outcome.number, SEED))
                self._outcome.answers[transport] = answers, time.monotonic() - start
                self._outcome.wrongs += answers.wrongs
                step()
            self._check_process(url)
        finally:
            self._deployment.end()
        return self._outcome

    def _check_process(self, url: str) -> None:
        api = self._deployment.children[1]
        printed = self._deployment.said(api)
        for sign in ("Traceback", " ERROR ", "unexpected error"):
            if sign in printed:
                self._outcome.wrongs.append(f"the log of the API has {sign!r}: {printed[-2_000:]}")
        if api.exit_code is not None or not httpx.get(f"{url}/readyz").is_success:
            self._outcome.wrongs.append("the API process no longer serves")
