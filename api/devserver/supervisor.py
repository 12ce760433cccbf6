"""All of nerve on one machine: the servers that are missing, the API and a worker, as one program."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from types import FrameType

from api.devserver.address import listen, reachable, url_of
from api.devserver.child import ChildProcess
from api.devserver.embedded import START_DEADLINE, STOP_GRACE, EmbeddedServer, Mongod, RedisServer, free_port
from api.devserver.folder import RunningInstance, instance_master_key, occupy_folder, write_run_file
from api.settings import Settings
from domain.kernel.errors import Unavailable

LOOK_EVERY = 0.1
"""Seconds between two looks at whether all children are alive."""

DEV_ORIGINS = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (5173, 3000))
"""Pages that may use the API in development: those of Vite and Next on this machine, at their usual ports."""

Printer = Callable[[str], None]


class StopRequested(Exception):
    """A signal asks this program to end."""


class Supervisor:
    """Starts everything in order, watches it, and stops everything in the opposite order."""

    def __init__(self, settings: Settings, say: Printer) -> None:
        self._settings = settings
        self._say = say
        self._servers: list[EmbeddedServer] = []
        self._processes: list[ChildProcess] = []
        self._stopping = False
        self._hurried = False

    def run(self, ready: Callable[[RunningInstance], None]) -> None:
        """Run until SIGINT or SIGTERM; `ready` is told once all of it serves.

        A second signal kills what has not stopped yet. Raises ConfigurationError where something cannot
        start, Unavailable where a child ends by itself.
        """
        listen(self._settings.host, self._settings.port).close()
        with occupy_folder(self._settings.data_dir) as lock:
            try:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, self._on_signal)
                instance = self._start(lock)
                write_run_file(self._settings.data_dir, instance)
                ready(instance)
                while True:
                    self._look()
            except StopRequested:
                self._say("stopping")
            finally:
                self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Nothing is raised here, where it would break into anything: a wait looks at what was asked.
        self._hurried = self._stopping
        self._stopping = True

    def _start(self, lock: int) -> RunningInstance:
        settings = self._settings
        mongod = None if settings.mongo_url else Mongod(settings.data_dir / "mongo", keep=[lock])
        redis = None if settings.redis_url else RedisServer(settings.data_dir / "redis", keep=[lock])
        for server in (mongod, redis):
            if server is not None:
                self._say(f"starting {server.program}")
                self._servers.append(server)
                server.start(self._check)
        port = settings.port or free_port()
        instance = RunningInstance(
            pid=os.getpid(),
            url=url_of(settings.host, port),
            mongo_url=mongod.url if mongod else None,
            redis_url=redis.url if redis else None,
        )
        environment = {"NERVE_PORT": str(port), "NERVE_HOST": settings.host}
        if mongod:
            environment["NERVE_MONGO_URL"] = mongod.url
        if redis:
            environment["NERVE_REDIS_URL"] = redis.url
        if settings.master_key is None:
            environment["NERVE_MASTER_KEY"] = instance_master_key(settings.data_dir).get_secret_value()
        if "unindexed_queries" not in settings.model_fields_set:
            environment["NERVE_UNINDEXED_QUERIES"] = "warn"
        if "allowed_origins" not in settings.model_fields_set:
            environment["NERVE_ALLOWED_ORIGINS"] = ",".join(DEV_ORIGINS)
        self._say("starting the API and a worker")
        programs = {"the API": ["api.cli.development"], "the worker": ["api.cli", "worker"]}
        for name, module in programs.items():
            program = [sys.executable, "-m", *module]
            self._processes.append(ChildProcess(name, program, environment=environment, keep=[lock]))
        self._await_ready(reachable(settings.host), port)
        return instance

    def _await_ready(self, host: str, port: int) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while not _answers(host, port):
            self._look()
            if time.monotonic() > deadline:
                raise Unavailable(f"the API was not ready after {START_DEADLINE:.0f} seconds")

    def _check(self) -> None:
        if self._stopping:
            raise StopRequested

    def _look(self) -> None:
        time.sleep(LOOK_EVERY)
        self._check()
        for child in self._started + self._processes:
            if child.exit_code is not None:
                raise Unavailable(f"{child.name} ended by itself with exit code {child.exit_code}")

    def _stop(self) -> None:
        self._stopping = True
        for children in (self._processes, self._started):
            for child in children:
                child.ask_to_stop()
            deadline = time.monotonic() + STOP_GRACE
            while slow := [child for child in children if child.exit_code is None]:
                if self._hurried or time.monotonic() > deadline:
                    break
                time.sleep(LOOK_EVERY)
            for child in slow:
                self._say(f"{child.name} is slow to stop and is killed")
                child.kill()

    @property
    def _started(self) -> list[ChildProcess]:
        return [server.child for server in self._servers if server.child]


def _answers(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
