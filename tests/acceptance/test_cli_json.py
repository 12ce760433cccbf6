"""Every command prints its data as JSON lines, whatever the terminal and its encoding are."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from api.devserver.folder import RunningInstance, SharedSettings, occupy_folder, write_run_file
from api.lifecycle import open_runtime
from api.settings import Settings
from domain.process.events import CommandWasRefused
from domain.process.outcomes import CommandRefused
from subscriptions.publishing.deliveries import WEBHOOK_DELIVERIES
from tests.helpers.command_line import JSON, InterruptingOutput, all_commands, run_nerve
from tests.helpers.hostile_text import HOSTILE
from tests.helpers.parcel_delivery.runs import CONTEXTS, PORTS, DeliveryRun
from tests.helpers.servers import eventually

ELSEWHERE = {
    "secure": "tests/acceptance/test_secure.py, which has a MongoDB with other users",
    "views drop": "tests/acceptance/test_retired_consumers.py, where the settings lack a view",
}

MASTER_KEY = "bWFzdGVybWFzdGVybWFzdGVybWFzdGVybWFzdGVyMTI="
OWN_CONTEXTS = (
    "projections.views.subjects",
    "projections.views.foreign_documents",
    "tests.helpers.people",
    *CONTEXTS,
)
DELIVERY = "delivery-parcel-1"


class Step(NamedTuple):
    """A command with its arguments, in which the first records of earlier commands are named.

    `codes` are the exit codes that are right, and `may_be_empty` says that there may be nothing to print.
    `contexts` are other ones than those of the log. The next step waits for views that `is_projected`.
    """

    path: str
    arguments: str = ""
    codes: Collection[int] = (0,)
    may_be_empty: bool = False
    contexts: str = ",".join(OWN_CONTEXTS)
    is_projected: bool = False


BEFORE = (Step("import", "{folder}/commands.jsonl"),)
"""What makes the log, before a worker runs."""

STEPS = (
    Step("views"),
    Step("events show", "person-a"),
    Step("events show", "person-a --at 2"),
    Step("events diff", "person-a 0 2"),
    Step("events replay"),
    Step("events tail", "--after 0"),
    Step("why", "person-a city"),
    Step("trace", "{events show[correlationId]}"),
    Step("audit"),
    Step("schema events", may_be_empty=True, contexts="projections.views.documents"),
    Step("schema check", contexts="projections.views.documents"),
    Step("export", "{folder}/log.jsonl --stream person-a"),
    Step("archive", "--before 2"),
    Step("archive"),
    Step("tenants list"),
    Step("tenants count", "default"),
    Step("tenants export", "default {folder}/tenant.jsonl"),
    Step("access keys issue", "billing", is_projected=True),
    Step("access keys rotate", "{access keys issue[id]}"),
    Step("access keys list"),
    Step("access keys revoke", "{access keys issue[id]}"),
    Step("access end", "subject ada --reason left", is_projected=True),
    Step("access list"),
    Step("access restore", "subject ada --reason returned"),
    Step("access token", "ada"),
    Step("access explain", "'{{ people {{ nodes {{ id }} }} }}'"),
    Step("processes list"),
    Step("processes show", DELIVERY),
    Step("processes retry", f"{DELIVERY} --reason again"),
    Step("processes resume", f"{DELIVERY} --reason again", codes=(0, 1)),
    Step("processes cancel", f"{DELIVERY} --reason over", codes=(0, 1)),
    Step("dead-letters list"),
    Step("dead-letters show", "people person-b@2"),
    Step("dead-letters retry", "people person-b@2", codes=(1,)),
    Step("dead-letters drop", "people person-b@2"),
    Step("webhooks create", "https://shop.example/events --name shop --type no.such", is_projected=True),
    Step("webhooks rotate", "{webhooks create[id]}"),
    Step("webhooks list"),
    Step("webhooks pause", "{webhooks create[id]} --reason late"),
    Step("webhooks show", "{webhooks create[id]}"),
    Step("webhooks drop", "{webhooks create[id]} person-a 1"),
    Step("webhooks resume", "{webhooks create[id]}"),
    Step("webhooks replay", "{webhooks create[id]}"),
    Step("webhooks retry", "{webhooks create[id]}"),
    Step("webhooks delete", "{webhooks create[id]}"),
    Step("verify", codes=(1,)),
    Step("doctor", codes=(0, 1)),
    Step("adopt"),
    Step("claims rebuild"),
    Step("keys rotate"),
    Step("erase", "person-a"),
    Step("views rebuild", "people"),
    Step("views cancel", "--all", may_be_empty=True),
    Step("views resume", "--all", may_be_empty=True),
    Step("views switch", "--all", may_be_empty=True),
    Step("views forget", "people"),
    Step("cdc", "--database {foreign} --collection orders --name orders --until-caught-up"),
    Step("tenants erase", "red --yes"),
)


def command_line(number: int, command: str, **data: Any) -> str:
    """A command as a CloudEvent."""
    kind = f"nerve.command.{command}"
    event = {"specversion": "1.0", "type": kind, "source": "s", "id": f"c{number}", "data": data}
    return json.dumps(event)


COMMANDS = (
    command_line(1, "RegisterPerson", id="person-a", city=f"日本 {HOSTILE} {'long ' * 40}", name="Grüße"),
    command_line(2, "RenamePerson", id="person-a", name=HOSTILE),
    command_line(3, "RegisterPerson", id="person-b", city="Graz"),
    command_line(4, "Remark", id="person-b", likes=1),
    command_line(5, "Remark", id="person-b", likes=2),
)


@pytest.fixture
def settings(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of all processes; the terminal is 40 columns wide."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "commands.jsonl").write_text("\n".join(COMMANDS))
    values = {
        "COLUMNS": "40",
        "NERVE_MONGO_URL": mongo_url,
        "NERVE_REDIS_URL": redis_url,
        "NERVE_CDC_URL": mongo_url,
        "NERVE_DATABASE": database,
        "NERVE_MASTER_KEY": MASTER_KEY,
        "NERVE_ARCHIVE_URL": (tmp_path / "archive").as_uri(),
        "NERVE_CONTEXTS": ",".join(OWN_CONTEXTS),
        "NERVE_PORTS": json.dumps(PORTS),
        "NERVE_UNREADABLE_EVENTS": "park",
        "NERVE_POLL_INTERVAL": "0.05",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings()


async def add_stuck_delivery(settings: Settings) -> None:
    """Add an instance of a process that is stuck, and a task of another tenant."""
    async with open_runtime(settings, allow_unreadable=True) as runtime:
        run = DeliveryRun(runtime, "parcel-1")
        await run.book()
        await run.react()
        refused = CommandWasRefused(effect=await run.effect_id("load"), code="NOT_FOUND", message="gone")
        await run.fail("load", refused, CommandRefused("load", "NOT_FOUND", "gone"))
        await DeliveryRun(runtime, "parcel-2", "red").book()


def park_event(database: Database[dict[str, Any]]) -> None:
    """Give an event a type that no context declares."""
    database["log"].update_one(
        {"stream": "person-b", "events.version": 2}, {"$set": {"events.0.type": "person.muttered"}}
    )


def add_dead_delivery(database: Database[dict[str, Any]], webhook: str) -> None:
    """Add an event that the webhook could not deliver."""
    at = datetime(2026, 1, 31, tzinfo=UTC)
    failure = {"attempts": 9, "first_failed_at": at, "failed_at": at, "status": 500, "error": "status 500"}
    event = {
        "stream": "person-a",
        "version": 1,
        "position": 1,
        "event": "evt-1",
        "type": "person.remarked",
        "due": None,
    }
    database[WEBHOOK_DELIVERIES].insert_one(
        {"_id": "letter", "consumer": webhook, "tenant": "default", "webhook": webhook, **event, **failure}
    )


@pytest.fixture
def stored(
    settings: Settings, mongo_client: MongoClient[dict[str, Any]], target_database: str
) -> Database[dict[str, Any]]:
    mongo_client[target_database]["orders"].insert_one({"total": 1})
    return mongo_client[settings.database]


@pytest.fixture
def running(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A data folder as of a running `nerve dev`, for which tokens are made."""
    shared = SharedSettings.model_validate(settings)
    instance = RunningInstance(pid=1, url="http://127.0.0.1:1", mongo_url="x", redis_url="x", settings=shared)
    with occupy_folder(tmp_path / ".nerve"):
        write_run_file(tmp_path / ".nerve", instance)
        yield


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """Run a worker in another thread."""
    ended = threading.Event()

    async def work() -> None:
        async with open_runtime(settings, worker=True):
            while not ended.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Walk:
    """Runs one command after the other, and keeps the first record of each."""

    def __init__(self, **names: Any) -> None:
        self.records: dict[str, Any] = names

    def take(self, step: Step) -> None:
        words = [*step.path.split(), *shlex.split(step.arguments.format(**self.records)), JSON]
        output = InterruptingOutput() if step.path == "events tail" else None
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NERVE_CONTEXTS", step.contexts)
            outcome = run_nerve(*words, encoding="ascii", output=output)
        assert outcome.code in step.codes, f"{words}: {outcome}"
        assert "Traceback" not in outcome.stderr
        records = outcome.records
        assert all(isinstance(record, dict) for record in records), f"{words}: {outcome}"
        assert records or step.may_be_empty, f"{words}: {outcome}"
        self.records[step.path] = records[0] if records else None


def has_caught_up() -> bool:
    """Whether all views have, and each has a generation."""
    views = run_nerve("views", JSON).records
    return bool(views) and all(view["generations"] and not view["lag"] for view in views)


def test_every_command_prints_json_in_a_narrow_terminal_without_unicode(
    settings: Settings,
    stored: Database[dict[str, Any]],
    running: None,
    target_database: str,
    tmp_path: Path,
) -> None:
    """A new command has to be added to the steps, or named with the test that runs it."""
    commands = {command.path for command in all_commands() if command.has_json}
    assert commands - ELSEWHERE.keys() == {step.path for step in (*BEFORE, *STEPS)}
    walk = Walk(folder=tmp_path, foreign=target_database)
    for step in BEFORE:
        walk.take(step)
    park_event(stored)
    asyncio.run(add_stuck_delivery(settings))
    with working(settings):
        eventually(has_caught_up)
        for step in STEPS:
            if step.path == "webhooks show":
                add_dead_delivery(stored, walk.records["webhooks create"]["id"])
            walk.take(step)
            if step.is_projected:
                eventually(has_caught_up)
