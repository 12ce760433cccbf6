"""A mongod with authentication: nerve runs as a user that can append to the log and change nothing in it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure
from typer.testing import CliRunner

from api.cli import main
from api.devserver.embedded import LOOPBACK, Mongod
from api.devserver.replica_set import set_user
from api.lifecycle import open_runtime
from api.settings import Settings
from domain.agents.commands import ChangeAgentState, RegisterAgent
from domain.agents.events import AgentState
from domain.builtin.subjects.commands import EraseSubject
from domain.documents.commands import CreateDocument
from domain.kernel import Envelope
from domain.kernel.errors import ConfigurationError
from eventstore.integrity import blocks
from eventstore.mongo import log_collections
from eventstore.mongo.driver import UNAUTHORIZED
from projections.querying.related import RelatedQuery
from tests.helpers.command_line import CLI
from tests.helpers.drivers import chosen_driver
from tests.helpers.row_scopes import ALL_ROWS

Documents = dict[str, Any]
Do = Callable[[Database[Documents]], Any]

ADMIN, APP, KEEPER = "admin:top-secret", "app:app-secret", "keeper:keeper-secret"


class GuardedMongod(Mongod):
    """With an administrator of a known name."""

    def as_user(self, user: str) -> str:
        return self.url.replace(self.credentials, user)

    def _ready(self) -> bool:
        if not super()._ready():
            return False
        with self.as_member() as client:
            set_user(client, *ADMIN.split(":"))
        return True


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongod]:
    server = GuardedMongod(tmp_path_factory.mktemp("guarded"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def environment(mongod: GuardedMongod, redis_url: str, tmp_path_factory: Any) -> dict[str, str]:
    """Settings of a deployment whose users `nerve secure` has made, twice."""
    settings = {
        "NERVE_MONGO_URL": mongod.as_user(APP),
        "NERVE_REDIS_URL": redis_url,
        "NERVE_MAINTENANCE_URL": mongod.as_user(KEEPER),
        "NERVE_ARCHIVE_URL": tmp_path_factory.mktemp("archive").as_uri(),
        "NERVE_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
        "NERVE_SNAPSHOT_EVERY": "2",
        "NERVE_POLL_INTERVAL": "0.05",
        "NERVE_MONGO_DRIVER": chosen_driver(),
    }
    runner = CliRunner(env={**settings, "NERVE_ADMIN_URL": mongod.as_user(ADMIN)})
    listed = runner.invoke(CLI, ["secure", "--json"], catch_exceptions=False)
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["app", "keeper"]
    made = runner.invoke(CLI, ["secure"], catch_exceptions=False)
    assert made.exit_code == 0
    assert "the user app of admin has the role nerveApplication in nerve" in made.output
    assert "the user keeper of admin has the role nerveMaintenance in nerve" in made.output
    assert "secret" not in made.output + listed.output
    return settings


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield Settings()


@pytest.fixture(scope="module")
def used(environment: dict[str, str], mongod: GuardedMongod) -> Iterator[Database[Documents]]:
    """What is stored after all of nerve has run as the application's user, seen by that user."""
    with pytest.MonkeyPatch.context() as patch, _environment(environment) as settings:
        patch.setattr(blocks, "BLOCK_SIZE", 5)
        asyncio.run(_use(settings))
        archived = CliRunner().invoke(CLI, ["archive", "--before", "4"], catch_exceptions=False)
        assert "archived 3 commits" in archived.output
        verified = CliRunner().invoke(CLI, ["verify"], catch_exceptions=False)
        assert verified.exit_code == 0, verified.output
    with MongoClient[Documents](mongod.as_user(APP)) as client:
        yield client["nerve"]


async def _use(settings: Settings) -> None:
    """Commands, views, snapshots, sealed blocks, and waiting for each of them."""
    async with open_runtime(settings, worker=True) as nerve, asyncio.timeout(120):
        for number in range(5):
            await nerve.bus.dispatch(Envelope(RegisterAgent(id=f"agent-{number}", name="a")))
        for state in (AgentState.BUSY, AgentState.IDLE) * 3:
            await nerve.bus.dispatch(Envelope(ChangeAgentState(id="agent-1", state=state)))
        document = CreateDocument(title="a", content={}, subject_id="agent-1")
        await nerve.bus.dispatch(Envelope(document))
        last = await nerve.bus.dispatch(Envelope(EraseSubject(subject="agent-1")))
        for reader in nerve.readers.values():
            await reader.wait_for(last.position, 60)
        assert await nerve.readers["agents"].count(ALL_ROWS) == 5
        related = nerve.view_parts["tasks"].related
        assert await related.counts(ALL_ROWS, ["agent-1"], RelatedQuery(1, by="agent_id")) == {"agent-1": 0}
        while await nerve.database["blocks"].count_documents({}) < 2:
            await asyncio.sleep(0.02)
        while not await nerve.database["snapshots"].count_documents({}):
            await asyncio.sleep(0.02)


REFUSED: list[tuple[str, Do]] = [
    ("update", lambda db: db.log.update_one({"_id": 1}, {"$set": {"actor": "x"}})),
    ("replace", lambda db: db.log.replace_one({"_id": 1}, {"stream": "x"})),
    ("upsert", lambda db: db.log.update_one({"_id": 999}, {"$set": {"a": 1}}, upsert=True)),
    ("delete", lambda db: db.log.delete_one({"_id": 1})),
    ("delete many", lambda db: db.log.delete_many({})),
    ("find and modify", lambda db: db.log.find_one_and_update({"_id": 1}, {"$set": {"actor": "x"}})),
    ("find and delete", lambda db: db.log.find_one_and_delete({"_id": 1})),
    ("drop", lambda db: db.command("drop", "log")),
    ("drop the database", lambda db: db.command("dropDatabase")),
    ("rename", lambda db: db.client.admin.command("renameCollection", "nerve.log", to="nerve.other")),
    (
        "rename onto it",
        lambda db: db.client.admin.command("renameCollection", "nerve.meta", to="nerve.log", dropTarget=True),
    ),
    ("make capped", lambda db: db.command("convertToCapped", "log", size=4096)),
    ("change options", lambda db: db.command("collMod", "log", validationAction="warn")),
    ("drop the guards", lambda db: db.log.drop_indexes()),
    ("hide a guard", lambda db: db.command("collMod", "log", index={"name": "command_id", "hidden": True})),
    ("make expire", lambda db: db.log.create_index("at", expireAfterSeconds=1)),
    ("merge into", lambda db: list(db.meta.aggregate([{"$merge": "log"}]))),
    ("write out to", lambda db: list(db.meta.aggregate([{"$out": "log"}]))),
    ("rewrite a seal", lambda db: db.blocks.update_one({"_id": 1}, {"$set": {"digest": b""}})),
    ("delete a seal", lambda db: db.blocks.delete_one({"_id": 1})),
    ("forget a segment", lambda db: db.segments.delete_one({"_id": 1})),
    ("make a user", lambda db: db.command("createUser", "me", pwd="me", roles=[])),
    ("change its role", lambda db: db.command("updateRole", "nerveApplication", privileges=[])),
    ("take other rights", lambda db: db.command("grantRolesToUser", "app", roles=["dbOwner"])),
    ("apply an oplog", lambda db: db.client.admin.command("applyOps", [])),
]


@pytest.mark.parametrize(("what", "do"), REFUSED, ids=[what for what, _ in REFUSED])
def test_i4_the_database_refuses_to_change_the_log_for_the_user_that_nerve_runs_as(
    what: str, do: Do, used: Database[Documents]
) -> None:
    before = list(used.log.find())
    assert len(before) > 10
    with pytest.raises((OperationFailure, BulkWriteError)) as refused:
        do(used)
    assert refused.value.code == UNAUTHORIZED
    assert list(used.log.find()) == before


def _error_of(command: str, settings: dict[str, str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence with which a command ends for wrong settings."""
    with _environment(settings), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nerve", *command.split()])
        with pytest.raises(SystemExit) as end:
            main()
    printed = capsys.readouterr().err
    assert "secret" not in printed
    sentences = [line for line in printed.splitlines() if line.startswith("nerve: ")]
    assert (end.value.code, len(sentences)) == (2, 1), printed
    assert printed.endswith(f"{sentences[0]}\n")
    return sentences[0]


@pytest.mark.parametrize("command", ["serve", "worker", "views", "verify"])
def test_a_wrong_password_gives_one_sentence_without_the_password(
    command: str, environment: dict[str, str], mongod: GuardedMongod, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {**environment, "NERVE_MONGO_URL": mongod.as_user("app:wrong-secret"), "NERVE_PORT": "0"}
    message = _error_of(command, wrong, capsys)
    assert "MongoDB refuses the user and password of mongo_url" in message


@pytest.mark.parametrize("command", ["serve", "verify"])
def test_a_url_without_a_user_gives_one_sentence(
    command: str, environment: dict[str, str], mongod: GuardedMongod, capsys: pytest.CaptureFixture[str]
) -> None:
    url = mongod.url.replace(f"{mongod.credentials}@", "")
    message = _error_of(command, {**environment, "NERVE_MONGO_URL": url, "NERVE_PORT": "0"}, capsys)
    assert "lacks rights that nerve needs, or the URL names none; `nerve secure`" in message


def test_a_context_that_came_later_needs_its_rights_first(
    environment: dict[str, str],
) -> None:
    with _environment(environment) as settings:
        more = settings.model_copy(update={"contexts": (*settings.contexts, "tests.helpers.notes")})
        with pytest.raises(
            ConfigurationError, match=r"app may not find in nerve\.view_notes_0; run `nerve sec"
        ):
            asyncio.run(_open(more))


async def _open(settings: Settings) -> None:
    async with open_runtime(settings):
        pass


def test_a_user_that_may_change_the_log_gives_a_warning(
    environment: dict[str, str], mongod: GuardedMongod, caplog: pytest.LogCaptureFixture
) -> None:
    with _environment({**environment, "NERVE_MONGO_URL": mongod.as_user(ADMIN)}) as settings:
        asyncio.run(_open(settings))
    assert "the MongoDB user admin may change commits of the log" in caplog.text


def test_adopting_a_cut_log_needs_the_user_of_maintenance_url(
    environment: dict[str, str], mongod: GuardedMongod, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a second log, of which the same users get the rights as well."""
    own = {**environment, "NERVE_DATABASE": "other"}
    made = CliRunner(env={**own, "NERVE_ADMIN_URL": mongod.as_user(ADMIN)}).invoke(CLI, ["secure"])
    assert made.exit_code == 0, made.output
    with pytest.MonkeyPatch.context() as patch, _environment(own) as settings:
        patch.setattr(blocks, "BLOCK_SIZE", 5)
        patch.setattr(log_collections, "HEAD_LAG", 0.2)
        asyncio.run(_use(settings))
        with MongoClient[Documents](mongod.as_user(ADMIN)) as client:
            client["other"].log.delete_many({"_id": {"$gt": 7}})
        without = {**own, "NERVE_MAINTENANCE_URL": mongod.as_user(APP)}
        assert "lacks rights that nerve needs" in _error_of("adopt --yes", without, capsys)
        adopted = CliRunner().invoke(CLI, ["adopt", "--yes"], catch_exceptions=False)
        assert "nerve continues from position 7" in adopted.output
        verified = CliRunner().invoke(CLI, ["verify"], catch_exceptions=False)
        assert verified.exit_code == 0, verified.output
    with _environment(environment) as settings:
        asyncio.run(_open(settings))


SETTINGS: list[tuple[dict[str, str], str]] = [
    ({"NERVE_ADMIN_URL": ""}, "admin_url must contain a user"),
    ({"NERVE_ADMIN_URL": "mongodb://admin:wrong-secret@HOST"}, "refuses the user and password of admin_url"),
    ({"NERVE_ADMIN_URL": "mongodb://app:app-secret@HOST"}, "admin_url and mongo_url name the same user"),
    ({"NERVE_ADMIN_URL": "mongodb://keeper:keeper-secret@HOST", "NERVE_MAINTENANCE_URL": "mongodb://a:secret@h"},
     "the MongoDB user of admin_url lacks rights"),
    ({"NERVE_MONGO_URL": "mongodb://HOST"}, "mongo_url must contain a user and its password"),
    ({"NERVE_MONGO_URL": "mongodb://secret:a@b@HOST"}, "mongo_url is not a MongoDB URL"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "sentence"), SETTINGS)
def test_an_error_of_secure_is_one_sentence(
    changed: dict[str, str],
    sentence: str,
    environment: dict[str, str],
    mongod: GuardedMongod,
    capsys: pytest.CaptureFixture[str],
) -> None:
    host = f"{LOOPBACK}:{mongod.port}/?directConnection=true"
    own = {name: value.replace("HOST", host) for name, value in changed.items()}
    settings = {**environment, "NERVE_ADMIN_URL": mongod.as_user(ADMIN), **own}
    assert sentence in _error_of("secure", settings, capsys)
