"""nerve as it is deployed: servers, workers and API processes, each to be killed and started again."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, Mongod, free_port
from api.settings import Settings
from tests.helpers.served_api import plain_client
from tests.helpers.servers import Servers, eventually

POLL_INTERVAL = 0.2
LEASE_TIME = 1.5

PATIENCE = 60.0
"""Seconds that a process may take to serve on a machine that does much else."""


class Deployment:
    """MongoDB and one redis-server, and any number of nerve's own processes, with outputs in `folder`.

    Without a `mongo_url` it has a mongod of its own.
    """

    def __init__(self, folder: Path, *, partitions: int = 1, mongo_url: str | None = None) -> None:
        self.folder = folder
        self._servers = Servers(folder)
        self.redis = self._servers.redis()
        self.database = "deployed"
        self.children: list[ChildProcess] = []
        self.environment = {
            "NERVE_MONGO_URL": mongo_url or self.mongod.url,
            "NERVE_REDIS_URL": self.redis.url,
            "NERVE_DATABASE": self.database,
            "NERVE_MASTER_KEY": b64encode(b"k" * 32).decode(),
            "NERVE_POLL_INTERVAL": str(POLL_INTERVAL),
            "NERVE_FENCE_AFTER": "0.5",
            "NERVE_LEASE_TIME": str(LEASE_TIME),
            "NERVE_VIEW_PARTITIONS": str(partitions),
            # Long: how late something is says nothing on a machine that does much else.
            "NERVE_WAIT_TIMEOUT": str(PATIENCE),
            "NERVE_LOG_LEVEL": "warning",
        }

    @cached_property
    def mongod(self) -> Mongod:
        """The deployment's own mongod."""
        return self._servers.mongod()

    def settings(self) -> Settings:
        """The same settings, for a nerve in this process."""
        names = {name.removeprefix("NERVE_").lower(): value for name, value in self.environment.items()}
        known: dict[str, Any] = {
            name: value for name, value in names.items() if name in Settings.model_fields
        }
        for name in {"ports", "rates", "webhooks"} & known.keys():
            known[name] = json.loads(known[name])
        return Settings(**known)

    def start(self, *arguments: str, **environment: str) -> ChildProcess:
        """Start ``python -m`` with these arguments and the deployment's settings."""
        output = self.folder / f"{arguments[0]}-{len(self.children)}.out"
        command = [sys.executable, "-m", *arguments]
        child = ChildProcess(
            output.stem, command, output=output, environment={**self.environment, **environment}
        )
        self.children.append(child)
        return child

    def worker(self) -> ChildProcess:
        return self.start("api.cli", "worker")

    def api(self, **environment: str) -> str:
        """Start an API process; its address once it serves."""
        port = free_port()
        child = self.start("api.cli", "serve", NERVE_PORT=str(port), NERVE_HOST=LOOPBACK, **environment)
        url = f"http://{LOOPBACK}:{port}"
        self.serving(url, child)
        return url

    def serving(self, url: str, child: ChildProcess) -> None:
        """Wait until an API process serves."""

        def serves() -> bool:
            assert child.exit_code is None, self.said(child)
            with suppress(httpx.TransportError):
                return http.get(f"{url}/healthz").is_success
            return False

        with plain_client() as http:
            eventually(serves, PATIENCE)

    def said(self, child: ChildProcess) -> str:
        """All that a process has printed."""
        return (self.folder / f"{child.name}.out").read_text()

    def end(self) -> None:
        """Kill whatever runs."""
        for child in self.children:
            child.kill()
        self._servers.kill_all()
