"""No process prints a secret of its settings: in its log, in an error, in metrics or answers."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, free_port
from api.secret_settings import secret_paths
from api.settings import Settings
from tests.helpers.command_line import CLI
from tests.helpers.served_api import PATIENCE, plain_client
from tests.helpers.servers import eventually
from tests.helpers.worker_processes import NERVE

MARKED = sha256(b"marked").hexdigest()[:48]
"""In each secret. The same in each process of a test run, because it is in the names of tests."""

NOWHERE = "127.0.0.1:1/?serverSelectionTimeoutMS=200"
"""The address of a MongoDB that does not answer, for which a client does not wait long."""

KEYS = [b64encode(secrets.token_bytes(32)).decode() for _ in range(4)]
PORT = {
    "adapter": "http",
    "url": f"https://cards.example/{MARKED}-url",
    "secret": f"whsec_{KEYS[2]}",
}

EVENT_SOURCE = {"source": "https://billing.example", "secret": f"whsec_{KEYS[3]}"}
TRACING = {"endpoint": "http://127.0.0.1:1", "headers": f"x-key={MARKED}-collector"}


@pytest.fixture(scope="module")
def environment(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    """Settings in which every secret is set."""
    database = f"test_{uuid4().hex}"
    yield {
        "NERVE_DATABASE": database,
        "NERVE_LOG_LEVEL": "debug",
        "NERVE_MONGO_URL": mongo_url,
        "NERVE_REDIS_URL": redis_url,
        "NERVE_ADMIN_URL": f"mongodb://admin:{MARKED}-admin@{NOWHERE}",
        "NERVE_MAINTENANCE_URL": f"mongodb://maintenance:{MARKED}-maintenance@{NOWHERE}",
        "NERVE_MASTER_KEY": KEYS[0],
        "NERVE_OLD_MASTER_KEYS": KEYS[1],
        "NERVE_ARCHIVE_ACCESS_KEY": f"{MARKED}-access",
        "NERVE_ARCHIVE_SECRET_KEY": f"{MARKED}-secret",
        "NERVE_METRICS_TOKEN": f"{MARKED}-metrics",
        "NERVE_AUTH": json.dumps({"issuer": "i", "audience": "a", "secret": f"{MARKED}-auth"}),
        "NERVE_PORTS": json.dumps({"cards": PORT}),
        "NERVE_EVENT_SOURCES": json.dumps({"billing": EVENT_SOURCE}),
        "NERVE_CDC_URL": f"mongodb://reader:{MARKED}-reader@{NOWHERE}",
        "NERVE_TRACING": json.dumps(TRACING),
    }
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def _secrets_of(environment: dict[str, str]) -> list[str]:
    passwords = [urlsplit(environment[f"NERVE_{name}_URL"]).password for name in ("MONGO", "REDIS")]
    return [MARKED, *KEYS, *(password for password in passwords if password)]


def test_the_settings_of_the_test_have_every_secret(environment: dict[str, str]) -> None:
    assert {f"NERVE_{path[0].upper()}" for path in secret_paths(Settings)} <= environment.keys()


def test_no_process_prints_a_secret(environment: dict[str, str], tmp_path: Path) -> None:
    """`nerve dev`, and the API and the worker that it starts, with one output for all."""
    api, metrics = free_port(), free_port()
    own = {
        "NERVE_PORT": str(api),
        "NERVE_METRICS_PORT": str(metrics),
        "NERVE_DATA_DIR": str(tmp_path / "data"),
    }
    output = tmp_path / "output"
    process = ChildProcess("dev", [NERVE, "dev"], output=output, environment={**environment, **own})
    token = {"Authorization": f"Bearer {environment['NERVE_METRICS_TOKEN']}"}
    answers: dict[str, str] = {}

    def all_answer() -> bool:
        assert process.exit_code is None, output.read_text()
        for url in (f"http://{LOOPBACK}:{metrics}/metrics", f"http://{LOOPBACK}:{api}/readyz"):
            with suppress(httpx.TransportError):
                answers[url] = http.get(url).text
        return len(answers) == 2

    try:
        with plain_client(headers=token, timeout=PATIENCE) as http:
            eventually(all_answer, 120.0, every=0.2)
            for query in ("{ nothing }", "{ __schema { types { name description } } }"):
                refused = http.post(f"http://{LOOPBACK}:{api}/graphql", json={"query": query})
                answers[query] = refused.text
    finally:
        process.stop(PATIENCE)
    texts = [*answers.values(), output.read_text()]
    assert "worker" in texts[-1]
    assert [secret for secret in _secrets_of(environment) for text in texts if secret in text] == []


@pytest.mark.parametrize(
    "command", ["doctor", "doctor --json", "views", "verify", "secure", "archive --list"]
)
def test_no_command_prints_a_secret(command: str, environment: dict[str, str], tmp_path: Path) -> None:
    nowhere = {"NERVE_MONGO_URL": f"mongodb://u:{MARKED}@{NOWHERE}"}
    for settings in (
        environment,
        {**environment, **nowhere, "NERVE_REDIS_URL": f"redis://:{MARKED}@127.0.0.1:1"},
    ):
        outcome = CliRunner(env={**settings, "NERVE_DATA_DIR": str(tmp_path)}).invoke(CLI, command.split())
        text = f"{outcome.output}{outcome.exception}"
        assert [secret for secret in _secrets_of(environment) if secret in text] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NERVE_MASTER_KEY", MARKED),
        ("NERVE_OLD_MASTER_KEYS", MARKED),
        ("NERVE_MONGO_URL", f"mongodb//{MARKED}"),
        ("NERVE_MONGO_URL", f"mongodb://a:{MARKED}@b@c/"),
        ("NERVE_REDIS_URL", f"redis//{MARKED}"),
        ("NERVE_METRICS_TOKEN", MARKED[:20]),
        ("NERVE_AUTH", json.dumps({"issuer": "i", "audience": "a", "secret": MARKED[:20]})),
        ("NERVE_PORTS", json.dumps({"cards": {**PORT, "secret": f"{MARKED}!"}})),
        ("NERVE_PORTS", MARKED),
        ("NERVE_EVENT_SOURCES", json.dumps({"billing": {**EVENT_SOURCE, "secret": f"{MARKED}!"}})),
        ("NERVE_TRACING", json.dumps({**TRACING, "headers": MARKED})),
    ],
)
def test_no_error_about_a_wrong_secret_has_it(name: str, value: str, environment: dict[str, str]) -> None:
    outcome = CliRunner(env={**environment, name: value}).invoke(CLI, ["views"])
    assert outcome.exception is not None
    assert MARKED[:20] not in f"{outcome.output}{outcome.exception}"
