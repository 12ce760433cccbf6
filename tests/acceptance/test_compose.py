"""docker-compose.yml: valid, and each command in it does its work when it is run on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from api.devserver.binaries import find_program
from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, free_port
from api.exposure import check_exposure, check_metrics_exposure
from api.settings import load_settings
from tests.helpers.served_api import PATIENCE
from tests.helpers.servers import eventually

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
SECRETS = COMPOSE.with_name("compose-secrets.sh")
BIN = Path(sys.executable).parent
CHECK_EVERY = 0.3
"""Seconds between two health checks, each of which starts a process."""

PROCESSES = ("mongo1", "mongo2", "mongo3", "redis", "api1", "api2", "worker", "proxy")


def test_the_file_keeps_to_the_compose_specification() -> None:
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    outcome = subprocess.run([*check, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def test_nothing_is_published_beyond_this_machine() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:8321:8321"]


def test_every_service_is_hardened_and_no_secret_is_in_the_file() -> None:
    """Read-only, without rights, and not as root; secrets are files that the script makes."""
    file = yaml.safe_load(COMPOSE.read_text())
    for name, service in file["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        # The image of nerve has a user of its own.
        assert service["image"] == "nerve" or not service["user"].startswith("0"), name
        assert set(service.get("secrets", ())) <= file["secrets"].keys()
    made = re.findall(r"> (\S+)$", SECRETS.read_text(), re.MULTILINE)
    assert {secret["file"] for secret in file["secrets"].values()} == {f"./secrets/{name}" for name in made}


@pytest.mark.parametrize("service", ["api", "worker"])
def test_the_settings_may_listen_on_all_addresses(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployment below is on loopback, where less is required."""
    subprocess.run([str(SECRETS), str(tmp_path / "secrets")], check=True)
    monkeypatch.chdir(tmp_path)
    for name, value in yaml.safe_load(COMPOSE.read_text())["services"][service]["environment"].items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(tmp_path / "secrets")))
    settings = load_settings()
    assert (settings.host, settings.insecure_open) == ("0.0.0.0", False)
    check_exposure(settings)
    if service == "worker":
        check_metrics_exposure(settings)


class Deployment:
    """The services as processes of this machine: hosts become loopback ports, images become programs."""

    def __init__(self, folder: Path) -> None:
        self._file = yaml.safe_load(COMPOSE.read_text())
        self._folder = folder
        self.ports = {name: free_port() for name in PROCESSES}
        self.children: dict[str, ChildProcess] = {}
        self.programs = {
            "mongod": find_program("mongod"),
            "redis-server": find_program("redis-server"),
            "python": sys.executable,
            "nerve": str(BIN / "nerve"),
            "caddy": str(BIN / "caddy"),
            "bash": "/bin/bash",
        }
        subprocess.run([str(SECRETS), str(folder / "secrets")], check=True)
        for secret in (folder / "secrets").iterdir():
            secret.write_text(self._here(secret.read_text(), ""))

    def start(self, name: str) -> None:
        """Start the service's command as the process `name`."""
        (self._folder / name).mkdir()
        for source in self._service(name).get("configs", ()):
            content = self._here(self._file["configs"][source["source"]]["content"], name)
            (self._folder / name / Path(source["target"]).name).write_text(content)
        command = self._command(self._service(name)["command"], name)
        self.children[name] = ChildProcess(
            name, command, output=self._folder / f"{name}.log", environment=self._environment(name)
        )

    def _environment(self, name: str) -> dict[str, str]:
        settings = self._service(name).get("environment", {})
        return {
            **{key: self._here(value, name) for key, value in settings.items()},
            "NERVE_HOST": LOOPBACK,
            "NERVE_PORT": str(self.ports.get(name, 0)),
            "HOME": str(self._folder),
        }

    def healthy(self, name: str) -> bool:
        """Whether the service's health check passes for the process `name`."""
        kind, *command = self._service(name)["healthcheck"]["test"]
        assert kind == "CMD"
        assert self.children[name].exit_code is None, (self._folder / f"{name}.log").read_text()
        return subprocess.run(self._command(command, name), capture_output=True, check=False).returncode == 0

    def accepts(self, name: str, key: str) -> bool:
        """Whether the API process `name` accepts an API key."""
        address = f"http://{LOOPBACK}:{self.ports[name]}/graphql?query={{__typename}}"
        return httpx.get(address, headers={"X-API-Key": key}, timeout=PATIENCE).status_code == 200

    def run(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run the command of a service that ends by itself, or another command with its settings."""
        words = self._command(list(command) or self._service(name)["command"], name)
        environment = {**os.environ, **self._environment(name)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    def _service(self, name: str) -> dict[str, Any]:
        service: dict[str, Any] = self._file["services"][re.sub(r"(?<=api)\d", "", name)]
        return service

    def _command(self, words: list[str], name: str) -> list[str]:
        program, *rest = words
        local = ["--bind", LOOPBACK] if program == "redis-server" else []
        return [self.programs[program], *(self._here(word, name) for word in rest), *local]

    def _here(self, text: str, name: str) -> str:
        both = f"{LOOPBACK}:{self.ports['api1']} {LOOPBACK}:{self.ports['api2']}"
        text = text.replace("api:8321", both).replace("admin off", f"admin off\n default_bind {LOOPBACK}")
        text = re.sub(r"\b(mongo\d|redis):\d+", lambda host: f"{LOOPBACK}:{self.ports[host[1]]}", text)
        if name in self.ports:
            text = re.sub(r"(?<!\d)(27017|6379|8321|9321)(?!\d)", str(self.ports[name]), text)
        text = text.replace("--bind_ip_all", f"--bind_ip={LOOPBACK}")
        text = text.replace("exec mongod", f"exec {self.programs['mongod']}")
        text = text.replace("/run/secrets", str(self._folder / "secrets"))
        for place, here in {"/tmp/mongo_key": "mongo_key", "/data/db": "", "/etc/caddy": ""}.items():
            text = text.replace(place, str(self._folder / name / here))
        return text


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    deployed = Deployment(tmp_path)
    yield deployed
    for child in deployed.children.values():
        child.kill()


def test_its_commands_and_health_checks_make_a_deployment_that_survives_one_api(
    deployment: Deployment,
) -> None:
    for name in ("mongo1", "mongo2", "mongo3", "redis"):
        deployment.start(name)
    for name in ("mongo1", "mongo2", "mongo3", "redis"):
        eventually(partial(deployment.healthy, name), seconds=120.0, every=CHECK_EVERY)
    for job in ("replica-set", "secure", "replica-set", "secure"):
        outcome = deployment.run(job)
        assert outcome.returncode == 0, f"{job}, also when it is run again: {outcome.stderr}"
    for name in ("api1", "api2", "worker", "proxy"):
        deployment.start(name)
    for name in ("api1", "api2", "worker"):
        eventually(partial(deployment.healthy, name), seconds=120.0, every=CHECK_EVERY)

    key = deployment.run(
        "worker", "nerve", "access", "keys", "issue", "admin", "--role", "administrator"
    ).stdout.strip()
    for name in ("api1", "api2"):
        # A process that another one's command gives a key knows it within milliseconds, not at once.
        eventually(partial(deployment.accepts, name, key))
    address = f"{LOOPBACK}:{deployment.ports['proxy']}"
    create = (
        'mutation { createTask(input: {title: "t"}, await: PROJECTED) { task { title } receipt { stream } } }'
    )
    with httpx.Client(base_url=f"http://{address}", timeout=PATIENCE, headers={"X-API-Key": key}) as client:
        assert (
            httpx.get(f"http://{address}/graphql?query={{tasks{{totalCount}}}}", timeout=PATIENCE).status_code
            == 401
        )
        answer = client.post("/graphql", json={"query": create}).json()
        assert answer["data"]["createTask"]["task"] == {"title": "t"}, answer
        with connect(f"ws://{address}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            socket.send(json.dumps({"type": "connection_init", "payload": {"X-API-Key": key}}))
            assert json.loads(socket.recv(timeout=PATIENCE))["type"] == "connection_ack"
        for name in ("api1", "api2"):
            assert deployment.healthy(name)
        deployment.children["api1"].kill()
        for _ in range(4):
            # The proxy repeats a GET whose connection was lost with the process.
            count = client.get("/graphql", params={"query": "{ tasks { totalCount } }"}).json()
            assert count == {"data": {"tasks": {"totalCount": 1}}}
