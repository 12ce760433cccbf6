"""``nerve cdc``: the commands of docs/cdc.md, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from domain.kernel.errors import ConfigurationError
from tests.helpers.command_line import CLI
from tests.helpers.documentation import ROOT, code_blocks, operation
from tests.helpers.served_api import serve
from tests.helpers.servers import eventually

VIEW = "projections.views.foreign_documents"
ORDERS = ["cdc", "--database", "shop", "--collection", "orders"]


@pytest.fixture
def nerve(mongo_url: str, redis_url: str, database: str) -> CliRunner:
    servers = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    return CliRunner(env={**servers, "NERVE_CONTEXTS": VIEW, "NERVE_CDC_URL": mongo_url})


def test_the_commands_and_the_query_of_the_page_show_a_collection(
    nerve: CliRunner,
    mongo_url: str,
    redis_url: str,
    database: str,
    target_database: str,
    mongo_client: MongoClient[dict[str, Any]],
) -> None:
    """The second run continues the first one."""
    orders = mongo_client[target_database]["orders"]
    orders.insert_many([{"_id": n, "total": n} for n in range(3)])
    (script,) = code_blocks(ROOT / "docs" / "cdc.md", "sh")
    exported, command = script.splitlines()
    assert exported.startswith("export NERVE_CDC_URL=mongodb://")
    arguments = command.replace("--database shop", f"--database {target_database}").split()[1:]
    arguments += ["--name", "shop.orders", "--until-caught-up"]
    first = nerve.invoke(CLI, arguments)
    assert first.exit_code == 0, first.output
    assert "shop.orders: recorded 3 events of the copy and 0 of changes" in first.output
    orders.update_one({"_id": 1}, {"$set": {"total": 5}})
    second = nerve.invoke(CLI, arguments)
    assert "shop.orders: recorded 0 events of the copy and 1 of changes" in second.output
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(contexts=(VIEW,), **own) as served:
        expected = [{"_id": 0, "total": 0}, {"_id": 1, "total": 5}, {"_id": 2, "total": 2}]

        def documents() -> list[Any]:
            nodes = served.ask(operation("Orders"))["foreignDocuments"]["nodes"]
            return sorted((node["document"] for node in nodes), key=lambda document: document["_id"])

        eventually(lambda: documents() == expected)


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--source-url", "mongodb://ada:secret@host/"], {}, "set NERVE_CDC_URL instead"),
        ([], {"NERVE_CDC_URL": None}, "set NERVE_CDC_URL, or --source-url"),
        (["--source-url", "http://host"], {}, "the URL of the foreign MongoDB is invalid"),
        (["--name", "our orders"], {}, "choose one with --name"),
        ([], {"NERVE_CONTEXTS": "projections.views.meters"}, f"`contexts` lacks {VIEW}"),
    ],
    ids=["password", "no URL", "no URL of MongoDB", "name", "context"],
)
def test_a_wrong_call_is_refused_in_one_sentence(
    nerve: CliRunner, arguments: list[str], environment: dict[str, str | None], sentence: str
) -> None:
    """Without the password."""
    refused = nerve.invoke(CLI, [*ORDERS, *arguments], env=environment)
    assert isinstance(refused.exception, ConfigurationError)
    text = str(refused.exception)
    assert sentence in text
    assert "\n" not in text
    assert "secret" not in text + refused.output
