"""Workers as processes of their own, beside the process of a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pymongo import MongoClient

from api.devserver.child import ChildProcess
from tests.helpers.own_contexts import OWN_CONSUMERS
from tests.helpers.servers import eventually

NERVE = str(Path(sys.executable).with_name("nerve"))


@contextmanager
def worker_on_new_database(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    """Run a worker on a database of its own; yield the settings of both as environment variables."""
    database = f"test_{uuid4().hex}"
    settings = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    worker = ChildProcess("worker", [NERVE, "worker"], environment=settings)
    with MongoClient[dict[str, object]](mongo_url) as client:
        consumers = client[database].consumers
        eventually(lambda: consumers.count_documents({}) == OWN_CONSUMERS)
        yield settings
        assert worker.stop(grace=20)
        assert worker.exit_code == 0
        client.drop_database(database)
