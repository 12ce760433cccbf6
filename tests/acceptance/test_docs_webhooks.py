"""The operations and commands of docs/webhooks.md, against a receiver in the process of the test."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
import yaml
from pymongo import MongoClient
from redis import Redis
from standardwebhooks import Webhook as Verifier
from typer.testing import CliRunner, Result

from api.access.callers import Caller
from api.webhook_settings import RedisStreamSettings, WebhookSettings
from domain.kernel import Scope
from tests.helpers.command_line import CLI
from tests.helpers.documentation import ROOT, code_blocks, operation
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually
from tests.helpers.token_access import Tokens, serve_with
from tests.helpers.webhook_receiver import WebhookReceiver, serving_in_thread

PAGE = ROOT / "docs" / "webhooks.md"
QUICK = WebhookSettings(
    first_pause=0.02, longest_pause=0.1, retry_for=timedelta(seconds=0), allow_private=True
)
LOOK_EVERY = 0.3
"""Seconds between two commands that wait for something, each of which opens a runtime."""

URL = "https://shop.example/events"
CREATE = """mutation ($url: String!) {
  createWebhook(input: {name: "shop", url: $url}) { secret receipt { stream } }
}"""


@pytest.fixture(scope="module")
def database(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with serving_in_thread(WebhookReceiver()) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str, database: str) -> Iterator[Served]:
    streams = {"billing": RedisStreamSettings(key=f"nerve:{database}", types=("task.completed",))}
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**servers, webhooks=QUICK, redis_streams=streams) as served:
        yield served


@pytest.fixture
def nerve(mongo_url: str, redis_url: str, database: str, served: Served) -> CliRunner:
    settings = {"NERVE_WEBHOOKS__ALLOW_PRIVATE": "true", "NERVE_DATABASE": database, "COLUMNS": "200"}
    return CliRunner(env={**settings, "NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url})


def run(nerve: CliRunner, command: str) -> Result:
    result = nerve.invoke(CLI, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    return result


def test_a_webhook_is_created_and_shown(served: Served, receiver: WebhookReceiver) -> None:
    """The secret is in the response of the mutation, and verifies what arrives."""
    created = served.ask(operation("CreateShopWebhook"), url=receiver.url)["createWebhook"]
    assert created["webhook"]["state"] == "ACTIVE"
    webhook, secret = created["webhook"]["id"], created["secret"]
    served.do("createTask", title="Read the log")
    eventually(lambda: len(receiver.accepted) == 1)
    [delivery] = receiver.accepted
    Verifier(secret).verify(delivery.body, dict(delivery.headers))
    assert delivery.events[0]["type"] == "task.created"
    assert delivery.events[0]["data"]["title"] == "Read the log"

    def state() -> Any:
        return served.ask(operation("WebhookState"), id=webhook)

    eventually(lambda: state()["webhookDeliveries"][0]["delivered"] == 1)
    [deliveries] = state()["webhookDeliveries"]
    assert deliveries["attempts"][0]["status"] == 200
    assert deliveries["position"] is not None
    rotated = "mutation ($id: ID!) { rotateWebhookSecret(input: {id: $id}) { secret } }"
    renewed = served.ask(rotated, id=webhook)["rotateWebhookSecret"]["secret"]
    assert renewed != secret
    shown = f"{state()}{served.ask('{ events(first: 100) { nodes { data } } }')}"
    assert not [each for each in (secret, renewed) if each.removeprefix("whsec_") in shown]
    served.do("deleteWebhook", id=webhook)
    gone: dict[str, Any] = {"webhook": None, "webhookDeliveries": [], "webhookDeadLetters": {"nodes": []}}
    eventually(lambda: state() == gone)


def test_each_command_of_the_page_runs(served: Served, receiver: WebhookReceiver, nerve: CliRunner) -> None:
    """In their order, for a webhook of the test and with the ids of its task."""
    create, listing, show, pause, resume, rotate, retry, drop, replay, delete = (
        code_blocks(PAGE, "sh")[0].strip().splitlines()
    )
    receiver.accepted.clear()
    receiver.answer = lambda delivery: 400
    created = run(nerve, create.replace(URL, receiver.url))
    secret = created.stdout.strip()
    [webhook] = re.findall(r"webhook-\w+", created.stderr)

    def named(command: str) -> str:
        return command.replace("webhook-01J9", webhook).replace("task-17", task)

    task = served.do("createTask", title="Read the log")["stream"]
    task_version = 1
    eventually(lambda: "1 dead letter" in run(nerve, named(show)).stdout, every=LOOK_EVERY)
    assert "127.0.0.1 answered 400" in run(nerve, named(show)).stdout
    assert webhook in run(nerve, listing).stdout
    assert run(nerve, named(pause)).stdout == f"{webhook} is paused\n"
    eventually(lambda: "the shop is being moved" in run(nerve, named(show)).stdout, every=LOOK_EVERY)
    assert run(nerve, named(resume)).stdout == f"{webhook} delivers again\n"
    renewed = run(nerve, named(rotate)).stdout.strip()
    assert {secret[:6], renewed[:6]} == {"whsec_"}
    assert secret != renewed
    assert run(nerve, named(retry)).stdout == f"{task} is delivered again\n"
    eventually(lambda: len(receiver.refused) > 1)
    eventually(lambda: "1 dead letter" in run(nerve, named(show)).stdout, every=LOOK_EVERY)
    receiver.answer = lambda delivery: 200
    run(nerve, named(drop).replace(f"{task} 3", f"{task} {task_version}"))
    eventually(lambda: "0 dead letters" in run(nerve, named(show)).stdout, every=LOOK_EVERY)
    run(nerve, named(replay).replace("2026-01-31T12:00:00Z", "2020-01-31T12:00:00Z"))
    eventually(lambda: task in receiver.first_versions)
    both = receiver.accepted[-1]
    for each in (secret, renewed):
        Verifier(each).verify(both.body, dict(both.headers))
    run(nerve, named(delete))
    gone = nerve.invoke(CLI, shlex.split(named(resume))[1:])
    assert "deleted for good" in str(gone.exception)


def test_only_integrators_manage_webhooks(mongo_url: str, redis_url: str) -> None:
    """For other callers neither the mutations nor the queries exist; each tenant has its own webhooks."""
    tokens = Tokens()
    callers = {"ada": ("default", "integrator"), "bob": ("default", "editor"), "eve": ("other", "integrator")}
    headers = {
        name: tokens.grant(name, Caller(Scope(tenant, name), name, frozenset((role,))))
        for name, (tenant, role) in callers.items()
    }
    with serve_with(tokens, mongo_url, redis_url) as api:
        body = {"query": CREATE, "variables": {"url": URL}}
        made = api.post(body, authorization=headers["ada"]).json()["data"]["createWebhook"]
        assert made["secret"].startswith("whsec_")
        refused = api.post(body, authorization=headers["bob"]).json()["errors"][0]
        assert "createWebhook" in refused["message"]
        webhook = made["receipt"]["stream"]
        read = "query ($id: ID!) { webhookDeliveries(ids: [$id]) { webhookId } }"
        query = {"query": read, "variables": {"id": webhook}}
        answers = [api.post(query, authorization=headers[name]).json() for name in ("ada", "eve")]
    assert [answer["data"]["webhookDeliveries"] for answer in answers] == [[{"webhookId": webhook}], []]


def test_a_service_reads_the_stream_of_the_page(served: Served, redis_url: str, database: str) -> None:
    """Its commands create the group, and read the event of a completed task."""
    [settings] = [yaml.safe_load(block) for block in code_blocks(PAGE, "yaml")]
    key = f"nerve:{database}"
    assert RedisStreamSettings(**settings["redis_streams"]["billing"]).types == ("task.completed",)
    agent = served.do("registerAgent", name="reader")["stream"]
    task = served.do("createTask", title="Read the log", agentId=agent)["stream"]
    served.do("completeTask", id=task)
    group, read = code_blocks(PAGE, "sh")[1].strip().splitlines()
    with Redis.from_url(redis_url) as redis:
        eventually(lambda: redis.exists(key) == 1)
        commands = [shlex.split(line.replace("nerve:billing", key))[1:] for line in (group, read)]
        assert redis.execute_command(*commands[0])
        [[_, entries]] = redis.execute_command(*commands[1])
        redis.delete(key)
    [(_, fields)] = entries
    assert (fields[b"type"], fields[b"stream"]) == (b"task.completed", task.encode())
    assert orjson.loads(fields[b"event"])["subject"] == task
