"""A whole nerve, as its users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from api.devserver.folder import find_instance
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually
from tests.helpers.shared_schemas import shared_schema


@pytest.fixture(scope="module")
def nerve_settings(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    """What all processes of one nerve share, with a database of the module's own."""
    key = b64encode(os.urandom(32)).decode()
    database = f"test_{uuid4().hex}"
    yield {"mongo_url": mongo_url, "redis_url": redis_url, "database": database, "master_key": key}
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture(scope="module")
def nerve_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the running nerve."""
    return tmp_path_factory.mktemp("nerve")


@pytest.fixture(scope="module")
def nerve_url(nerve_settings: dict[str, str], nerve_folder: Path) -> Iterator[str]:
    """The address of a running `nerve dev`; `served` takes a fifth of the processor time to start."""
    folder = nerve_folder
    shared = {f"NERVE_{name.upper()}": value for name, value in nerve_settings.items()}
    own = {**shared, "NERVE_PORT": "0", "NERVE_DATA_DIR": str(folder)}
    nerve = subprocess.Popen([sys.executable, "-m", "api.cli", "dev"], env={**os.environ, **own})
    try:
        eventually(lambda: nerve.poll() is not None or find_instance(folder) is not None, 120.0)
        instance = find_instance(folder)
        assert instance is not None, f"nerve ended with exit code {nerve.poll()}"
        yield instance.url
    finally:
        nerve.terminate()
        nerve.wait(30)


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API and a worker, on a database of the module's own; requests have to be short here."""
    database = f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, max_body_bytes=100_000) as running_api:
        yield running_api
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture(scope="session", autouse=True)
def shared_schemas() -> Iterator[None]:
    """The APIs that tests start in this process share their schemas."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.app.build_schema", shared_schema)
        yield
