"""A receiver of webhooks that fails, is silent and is restarted: all events arrive, by stream in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from random import Random

from rich.table import Table

from api.devserver.child import ChildProcess
from api.ids import now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from api.webhook_settings import WebhookSettings
from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import CreateWebhook, ReplayWebhook
from domain.documents.commands import CreateDocument, RenameDocument
from domain.kernel import Command, Envelope, Receipt, Scope
from eventstore.reading.event_query import EVERYTHING
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.webhook_status import WebhookStatus, WebhookStatusReader
from tests.helpers.webhook_receiver import SILENCE, Answer, Delivery, WebhookReceiver, serving

FAILING = WebhookSettings(
    timeout=0.5,
    first_pause=0.05,
    longest_pause=1.0,
    concurrency=16,
    allow_private=True,
)
"""Settings by which a trial of thousands of events ends within minutes."""

GIVING_UP = FAILING.model_copy(update={"retry_for": timedelta(seconds=10)})
"""Settings of the worker that makes dead letters."""

FAILURES, SILENCES = 0.3, 0.1
"""Shares of the requests."""

PATIENCE = 900.0
"""Seconds after which what was awaited is given up."""


@dataclass(frozen=True)
class Size:
    """How large a trial is: `restarts` of the receiver, `kills` of the worker."""

    events: int
    streams: int
    restarts: int
    kills: int
    dead_letters: int


@dataclass
class Outcome:
    """What came of it."""

    events: int = 0
    requests: int = 0
    failed: int = 0
    silent: int = 0
    doubles: int = 0
    restarts: int = 0
    kills: int = 0
    dead_letters: int = 0
    replayed: int = 0
    seconds: float = 0.0
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        table = Table(
            "webhook",
            "number",
            title=f"{self.events:,} events delivered in {self.seconds:.0f} s, "
            f"{self.events / self.seconds:.0f} a second",
            caption=f"{len(self.wrongs):,} wrongs",
        )
        numbers = asdict(self)
        for name in ("requests", "failed", "silent", "doubles", "restarts", "kills"):
            table.add_row(name, f"{numbers[name]:,}")
        table.add_row("dead letters", f"{self.dead_letters:,}")
        table.add_row("events of the replay", f"{self.replayed:,}")
        return table


class WebhookDeliveries:
    """Events for a webhook whose receiver fails; then dead letters, and a replay that delivers them.

    `start_worker` starts a worker of nerve with these settings, which is killed and started again; None if
    the caller runs one.
    """

    def __init__(
        self,
        settings: Settings,
        size: Size,
        start_worker: Callable[[WebhookSettings], ChildProcess] | None = None,
    ) -> None:
        self._settings = settings
        self._size = size
        self._start_worker = start_worker
        self._chance = Random(size.events)
        self._receiver = WebhookReceiver(self._answer)
        self._refused: set[str] = set()
        self._is_failing = True
        self._worker: ChildProcess | None = None
        self.outcome = Outcome()

    def _restart_worker(self, settings: WebhookSettings) -> None:
        """Kill the worker, and start another one with these settings."""
        if self._start_worker is not None:
            if self._worker is not None:
                self._worker.kill()
                self.outcome.kills += 1
            self._worker = self._start_worker(settings)

    def _answer(self, delivery: Delivery) -> Answer:
        self.outcome.requests += 1
        if any(event["subject"] in self._refused for event in delivery.events):
            return 422
        draw = self._chance.random()
        if self._is_failing and draw < FAILURES:
            self.outcome.failed += 1
            return 500
        if self._is_failing and draw < FAILURES + SILENCES:
            self.outcome.silent += 1
            return SILENCE
        return 200

    async def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Deliver all events while the receiver fails, then make dead letters, and replay."""
        self._restart_worker(FAILING)
        async with serving(self._receiver), open_runtime(self._settings) as runtime:
            command = CreateWebhook(name="trial", url=self._receiver.url, categories=("document",))
            webhook = (await _send(runtime, command)).stream
            began = time.monotonic()
            writing = asyncio.create_task(self._write(runtime))
            for number in range(self._size.restarts):
                await self._reach((number + 1) / (self._size.restarts + 1))
                await self._receiver.restart()
                self.outcome.restarts += 1
                if number < self._size.kills:
                    self._restart_worker(FAILING)
                step()
            expected = await writing
            await self._receiver.until(lambda: self._is_complete(expected), PATIENCE)
            self.outcome.seconds = time.monotonic() - began
            self._judge(expected)
            await self._replay(runtime, webhook, expected)
        return self.outcome

    async def _write(self, runtime: Runtime) -> dict[str, int]:
        """Write the events in streams of about equal length. Return the last version of each."""
        each = self._size.events // self._size.streams

        async def write(number: int) -> tuple[str, int]:
            document = f"document-{number}"
            await _send(runtime, CreateDocument(id=document, title="0", content={}))
            for version in range(1, each):
                await _send(runtime, RenameDocument(id=document, title=str(version)))
            return document, each

        return dict(await asyncio.gather(*map(write, range(self._size.streams))))

    async def _reach(self, share: float) -> None:
        """Wait until this share of all events was accepted."""
        count = int(share * self._size.events)
        await self._receiver.until(lambda: len(self._receiver.accepted) >= count, PATIENCE)

    def _is_complete(self, expected: Mapping[str, int]) -> bool:
        # First by the cheap count: it is asked after each request.
        if len(self._receiver.accepted) < sum(expected.values()):
            return False
        versions = self._receiver.first_versions
        return all(len(versions.get(stream, ())) == last for stream, last in expected.items())

    def _judge(self, expected: Mapping[str, int]) -> None:
        self.outcome.events = sum(expected.values())
        self.outcome.doubles = self._receiver.doubles
        versions = self._receiver.first_versions
        for stream, last in expected.items():
            if versions.get(stream) != list(range(1, last + 1)):
                self.outcome.wrongs.append(f"{stream} arrived as {versions.get(stream)}, not 1 to {last}")
        for delivery in self._receiver.accepted:
            if delivery.id != delivery.events[0]["id"]:
                self.outcome.wrongs.append(f"the request {delivery.id} has another id than its event")

    async def _replay(self, runtime: Runtime, webhook: str, expected: Mapping[str, int]) -> None:
        """Make dead letters, then accept everything, and replay from before them: none is missing."""
        self._is_failing = False
        self._restart_worker(GIVING_UP)
        letters = {f"document-{number}" for number in range(self._size.dead_letters)}
        self._refused = set(letters)
        [before] = await runtime.log.search("default", EVERYTHING, limit=1, backward=True)
        await asyncio.gather(*(_send(runtime, RenameDocument(id=each, title="refused")) for each in letters))
        status = await self._until(runtime, webhook, lambda each: each.dead_letters >= len(letters))
        self.outcome.dead_letters = status.dead_letters
        self._refused = set()
        self._receiver.accepted.clear()
        await _send(runtime, ReplayWebhook(id=webhook, after_event=before.id))
        wanted = {(document, expected[document] + 1) for document in letters}
        await self._receiver.until(lambda: wanted <= self._places(), PATIENCE)
        self.outcome.replayed = len(self._receiver.events)
        status = await self._until(runtime, webhook, lambda each: each.dead_letters + each.pending == 0)
        self.outcome.wrongs += [f"{status.dead_letters} dead letters are left"] if status.dead_letters else []

    def _places(self) -> set[tuple[str, int]]:
        return {(event["subject"], event["streamversion"]) for event in self._receiver.events}

    async def _until(
        self, runtime: Runtime, webhook: str, condition: Callable[[WebhookStatus], bool]
    ) -> WebhookStatus:
        reader = WebhookStatusReader(runtime.database, runtime.log, runtime.checkpoints, now)
        async with asyncio.timeout(PATIENCE):
            while True:
                loaded = await runtime.aggregates.load("default", webhook, Webhook, fresh=True)
                status = await reader.read(WebhookKey("default", webhook), loaded.state)
                if condition(status):
                    return status
                await asyncio.sleep(0.05)


async def _send(runtime: Runtime, command: Command) -> Receipt:
    return await runtime.bus.dispatch(Envelope(command, Scope()))
