"""What an author's mistake looks like to clients: explained by `nerve dev`, masked by `nerve serve`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from api.devserver.folder import find_instance
from tests.helpers.mistakes import SECRET
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

CONTEXTS = "tests.helpers.mistakes"
CREATE = """mutation ($input: BeginInput!) {
  begin(input: $input, await: STORED) { receipt { stream version } }
}"""
PLACE = r"tests/helpers/mistakes/__init__\.py:\d+"


@pytest.fixture(scope="module")
def database(mongo_url: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str, database: str) -> Iterator[Served]:
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database, contexts=(CONTEXTS,)) as api:
        yield api


@pytest.fixture(scope="module")
def dev(mongo_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a `nerve dev` on loopback."""
    folder, name = tmp_path_factory.mktemp("dev"), f"test_{uuid4().hex}"
    own = {
        "MONGO_URL": mongo_url,
        "REDIS_URL": redis_url,
        "DATABASE": name,
        "CONTEXTS": CONTEXTS,
        "PORT": "0",
    }
    environment = {f"NERVE_{key}": value for key, value in {**own, "DATA_DIR": str(folder)}.items()}
    root = Path(__file__).parents[2]
    nerve = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "dev"],
        env={**os.environ, **environment, "PYTHONPATH": str(root)},
        cwd=root,
    )
    try:
        eventually(lambda: nerve.poll() is not None or find_instance(folder) is not None, 120.0)
        instance = find_instance(folder)
        assert instance is not None, f"nerve ended with exit code {nerve.poll()}"
        yield instance.url
    finally:
        nerve.terminate()
        nerve.wait(30)
        with MongoClient[dict[str, Any]](mongo_url) as client:
            client.drop_database(name)


def error_of(url: str, mistake: str) -> dict[str, Any]:
    body = {"query": CREATE, "variables": {"input": {"mistake": mistake}}}
    answer = httpx.post(f"{url}/graphql", json=body, timeout=60).json()
    (error,) = answer["errors"]
    found: dict[str, Any] = error
    return found


def test_a5_in_production_a_mistake_is_masked_and_stores_nothing(served: Served) -> None:
    for mistake in ("undeclared", "nothing", "an error"):
        error = served.refused(CREATE, input={"mistake": mistake})
        assert error["message"] == "internal error; the log has it under the trace id"
        assert error["extensions"].keys() == {"code", "traceId"}
        assert error["extensions"]["code"] == "INTERNAL"
    assert served.stored() == []


def test_a5_in_development_a_mistake_is_explained(dev: str) -> None:
    error = error_of(dev, "undeclared")
    assert re.match(rf"Sheet\.decide returned the event Strange, .* for Begin \({PLACE}\)", error["message"])
    assert (error["extensions"]["code"], error["path"]) == ("INTERNAL", ["begin"])
    assert error["extensions"]["traceId"]

    error = error_of(dev, "an error")
    assert re.match(
        rf"Sheet\.decide raised KeyError for Begin at {PLACE}: .*what a client typed", error["message"]
    )
    exception = error["extensions"]["exception"]
    assert (exception["type"], SECRET in exception["message"]) == ("KeyError", True)
    assert re.fullmatch(PLACE, exception["place"])
    events = httpx.post(f"{dev}/graphql", json={"query": "{ events { nodes { id } } }"}, timeout=60).json()
    assert events["data"]["events"]["nodes"] == []


def test_nothing_makes_serve_explain_its_errors() -> None:
    """There is no option and no setting: only `nerve dev` starts the program that explains."""
    shown = subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"--[a-z-]+", shown)) == {"--help"}
