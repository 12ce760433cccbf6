"""Runs nerve on one machine: the API, a worker, and the servers that are not configured."""

from __future__ import annotations

import os
import signal
import ssl
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from api.devserver.address import listen, reachable, url_of
from api.devserver.child import ChildProcess
from api.devserver.embedded import START_DEADLINE, STOP_GRACE, EmbeddedServer, Mongod, RedisServer, free_port
from api.devserver.folder import (
    RunningInstance,
    SharedSettings,
    instance_master_key,
    occupy_folder,
    write_run_file,
)
from api.settings import Settings
from domain.kernel.errors import ConfigurationError, Unavailable

REFUSED = 2
"""The exit code of a child process that refuses its settings or the log."""

POLL_INTERVAL = 0.1
"""Seconds between two checks that all child processes are running."""

DEV_ORIGINS = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (5173, 3000))
"""Origins that may use the API in development: Vite and Next on this machine, at their default ports."""

Printer = Callable[[str], None]


MAX_RESTARTS = 3
"""Times that a server is started again within `RESTART_PERIOD`; one that ends more often is not repaired."""

RESTART_PERIOD = 60.0
"""Seconds."""


class StopRequested(Exception):
    """A signal has asked the program to stop."""


class RestartLimit:
    """Counts the restarts of each program."""

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = defaultdict(list)

    def admit(self, program: str, now: float) -> bool:
        """Count a restart at this time; return whether the program may be started again."""
        recent = [each for each in self._times[program] if each > now - RESTART_PERIOD]
        self._times[program] = [*recent, now]
        return len(recent) < MAX_RESTARTS


class Supervisor:
    """Starts all processes in order, monitors them, and stops them in the opposite order."""

    def __init__(self, settings: Settings, check_start: Callable[[Settings], None], report: Printer) -> None:
        """`check_start` raises what would keep the API and the worker from starting with these settings."""
        self._settings = settings
        self._check_start = check_start
        self._report = report
        self._servers: list[EmbeddedServer] = []
        self._processes: list[ChildProcess] = []
        self._restarts = RestartLimit()
        self._stopping = False
        self._killing = False

    def run(self, on_ready: Callable[[RunningInstance], None]) -> None:
        """Run until SIGINT or SIGTERM; call `on_ready` when the API accepts requests.

        A server that ends unexpectedly is started again, since the API and the worker wait for it. A second
        signal kills the processes that have not stopped yet. Raises ConfigurationError where a server cannot
        start or a child process refuses to; Unavailable where the API or the worker ends unexpectedly, or a
        server too often; and the errors of `check_start`.
        """
        listen(self._settings.host, self._settings.port).close()
        with occupy_folder(self._settings.data_dir) as lock:
            try:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, self._on_signal)
                instance = self._start(lock)
                write_run_file(self._settings.data_dir, instance)
                on_ready(instance)
                while True:
                    self._monitor()
            except StopRequested:
                self._report("stopping")
            finally:
                self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # An exception here could interrupt any statement; the waiting loops check these flags instead.
        self._killing = self._stopping
        self._stopping = True

    def _start(self, lock: int) -> RunningInstance:
        instance = self._start_servers(lock)
        service = self._service_settings(instance)
        self._check_start(service)
        self._check_stopping()
        self._report("starting the API and a worker")
        environment = _environment(service)
        programs = {"the API": ["api.cli.development"], "the worker": ["api.cli", "worker"]}
        for name, module in programs.items():
            program = [sys.executable, "-m", *module]
            self._processes.append(ChildProcess(name, program, environment=environment, keep=[lock]))
        self._await_ready(_connection(service))
        return instance

    def _start_servers(self, lock: int) -> RunningInstance:
        """Start the servers that are not configured; return the instance that is to run."""
        settings = self._settings
        mongod = None if settings.mongo_url else Mongod(settings.data_dir / "mongo", keep=[lock])
        redis = None if settings.redis_url else RedisServer(settings.data_dir / "redis", keep=[lock])
        for server in (mongod, redis):
            if server is not None:
                self._report(f"starting {server.program}")
                self._servers.append(server)
                server.start(self._check_stopping)
        return RunningInstance(
            pid=os.getpid(),
            url=url_of(settings.host, settings.port or free_port(), tls=settings.tls_cert is not None),
            mongo_url=mongod.url if mongod else _plain(settings.mongo_url),
            redis_url=redis.url if redis else _plain(settings.redis_url),
            settings=SharedSettings.model_validate(settings),
        )

    def _service_settings(self, instance: RunningInstance) -> Settings:
        """Return the settings with which the API and the worker run."""
        settings = self._settings
        updates: dict[str, Any] = {
            "port": urlsplit(instance.url).port,
            "mongo_url": SecretStr(instance.mongo_url),
            "redis_url": SecretStr(instance.redis_url),
        }
        if settings.master_key is None:
            updates["master_key"] = instance_master_key(settings.data_dir)
        if "unindexed_queries" not in settings.model_fields_set:
            updates["unindexed_queries"] = "warn"
        if "allowed_origins" not in settings.model_fields_set:
            updates["allowed_origins"] = DEV_ORIGINS
        return settings.model_copy(update=updates)

    def _await_ready(self, connection: HTTPConnection) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while not _answers(connection):
            self._monitor()
            if time.monotonic() > deadline:
                raise Unavailable(f"the API was not ready after {START_DEADLINE:.0f} seconds")

    def _check_stopping(self) -> None:
        if self._stopping:
            raise StopRequested

    def _monitor(self) -> None:
        time.sleep(POLL_INTERVAL)
        self._check_stopping()
        for server in self._servers:
            if server.exit_code is not None:
                self._restart(server, server.exit_code)
        for child in self._processes:
            if child.exit_code is not None:
                # Its own sentence is printed already.
                error = ConfigurationError if child.exit_code == REFUSED else Unavailable
                raise error(f"{child.name} ended unexpectedly {_cause(child.exit_code)}")

    def _restart(self, server: EmbeddedServer, exit_code: int) -> None:
        """Start a server again that has ended. It keeps its port, so clients connect again by themselves."""
        end = f"{server.program} ended unexpectedly {_cause(exit_code)}"
        if not self._restarts.admit(server.program, time.monotonic()):
            raise Unavailable(
                f"{end}, after {MAX_RESTARTS} restarts in a minute; see its log in {server.folder}"
            )
        self._report(f"{end}; it is started again")
        server.start(self._check_stopping)
        self._report(f"{server.program} is running again")

    def _stop(self) -> None:
        self._stopping = True
        for children in (self._processes, self._started):
            for child in children:
                child.ask_to_stop()
            deadline = time.monotonic() + STOP_GRACE
            while slow := [child for child in children if child.exit_code is None]:
                if self._killing or time.monotonic() > deadline:
                    break
                time.sleep(POLL_INTERVAL)
            for child in slow:
                self._report(f"{child.name} has not stopped in time and is killed")
                child.kill()

    @property
    def _started(self) -> list[ChildProcess]:
        return [server.child for server in self._servers if server.child]


def _plain(url: SecretStr | None) -> str:
    assert url is not None
    return url.get_secret_value()


def _environment(service: Settings) -> dict[str, str]:
    """Return the environment variables with which a child process has these settings."""
    secrets = {
        "mongo_url": service.mongo_url,
        "redis_url": service.redis_url,
        "master_key": service.master_key,
    }
    values = {
        "host": service.host,
        "port": str(service.port),
        "unindexed_queries": service.unindexed_queries,
        "allowed_origins": ",".join(service.allowed_origins),
        **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
    }
    return {f"NERVE_{name.upper()}": value for name, value in values.items()}


def _connection(service: Settings) -> HTTPConnection:
    """Return a client of the API on this machine. Its certificate is for the clients that come by name."""
    host, port = reachable(service.host), service.port
    if service.tls_cert is None:
        return HTTPConnection(host, port, timeout=2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=2, context=context)


def _answers(connection: HTTPConnection) -> bool:
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _cause(exit_code: int) -> str:
    return f"with exit code {exit_code}" if exit_code >= 0 else f"by signal {-exit_code}"
