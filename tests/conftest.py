"""Real servers for the tests: one mongod and one redis-server a run, however many workers it has."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from pymongo import MongoClient

from eventstore.mongo.driver import Driver
from tests.helpers.drivers import DRIVER, chosen_driver
from tests.helpers.forking import popen
from tests.helpers.servers import Servers

GARBAGE_THRESHOLD = 50_000
"""New containers between two cycle collections, as in a worker of nerve; Python's default is 700."""

URLS = pytest.StashKey[dict[str, str]]()

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("suite"), max_examples=10_000)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--driver",
        choices=get_args(Driver),
        help="Run on this MongoDB driver. Without it, what takes the fixture `driver` runs on both of them, "
        f"the rest on ${DRIVER} or motor.",
    )


MEMORY = Path("/dev/shm")
"""Storage in memory: mongod waits for the disk at each write, and no test needs what outlives the machine."""

ENOUGH_MEMORY = 6_000_000_000
"""Bytes that must be free there."""


def use_memory() -> None:
    """Keep temporary files, which the data of all servers is among, in memory where there is enough of it."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY:
        tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    """Start the run's servers in its first process; the workers are handed their addresses."""
    use_memory()
    popen.install()
    # pymongo's asyncio client leaves a socket to the collector when it is cancelled while it connects.
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")
    if config.option.driver:
        os.environ[DRIVER] = config.option.driver
    # What a shell starts in the background ignores Ctrl-C, and would pass that on to the programs under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[URLS] = worker["nerve_urls"]
    elif not config.option.collectonly:
        folder = tempfile.TemporaryDirectory(prefix="nerve-tests-")
        config.add_cleanup(folder.cleanup)
        servers = Servers(Path(folder.name))
        config.add_cleanup(servers.kill_all)
        config.stash[URLS] = {"mongo": servers.mongod().url, "redis": servers.redis().url}


def pytest_runtest_setup() -> None:
    """Let Ctrl-C interrupt the test: two servers of uvicorn that overlap leave a handler of theirs behind."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLOWEST_FIRST = ("faults", "acceptance", "integration", "contract", "unit")
"""The folders of tests by the time of their files."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest files, so that no worker is busy with one when the others have ended."""
    here = Path(__file__).parent
    items.sort(key=lambda item: SLOWEST_FIRST.index(item.path.relative_to(here).parts[0]))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of all cycle collections, because they live to the end.

    Otherwise each full collection visits them again, a quarter of the processor time of the tests of sockets.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the addresses to a worker of pytest-xdist."""
    node.workerinput["nerve_urls"] = node.config.stash[URLS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" in metafunc.fixturenames:
        is_alone = metafunc.config.option.driver or metafunc.definition.get_closest_marker("one_driver")
        metafunc.parametrize("driver", [chosen_driver()] if is_alone else get_args(Driver), indirect=True)


@pytest.fixture
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """The test runs once on each driver; also the processes that it starts."""
    monkeypatch.setenv(DRIVER, request.param)
    chosen: Driver = request.param
    return chosen


@pytest.fixture(scope="session")
def mongo_url(pytestconfig: pytest.Config) -> str:
    """The run's mongod, shared by all tests; use `servers` to have one to kill."""
    return pytestconfig.stash[URLS]["mongo"]


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> str:
    """The run's redis-server, shared by all tests; use `servers` to have one to kill."""
    return pytestconfig.stash[URLS]["redis"]


@pytest.fixture(scope="session")
def mongo_client(mongo_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of the run's mongod, for what tests do behind the back of nerve."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        yield client


@pytest.fixture
def database(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of a database of the test's own, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def target_database(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of a second database of the test's own, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Starts private servers: ``servers.mongod()`` and ``servers.redis()``, to stop, kill and start again."""
    private = Servers(tmp_path)
    yield private
    private.kill_all()
