"""The examples of docs/authentication.md work as they stand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from api.settings import Settings
from tests.acceptance.clients.programs import PACKAGE, node_with_clients
from tests.helpers.documentation import ROOT, code_blocks
from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, make_token

PAGE = ROOT / "docs" / "authentication.md"
PROGRAM = """
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createClient as create } from "graphql-ws";
import WebSocket from "ws";

const [long, url] = process.argv.slice(-2);
console.log("ready");
const tokens = await once(createInterface({ input: process.stdin }), "line");
const freshToken = async () => tokens.pop() ?? long;
const createClient = (options) => create({ ...options, url, webSocketImpl: WebSocket, retryAttempts: 0 });
EXAMPLE
const closed = [];
client.on("closed", ({ code }) => closed.push(code));
client.on("message", ({ type, payload }) => {
  if (type === "pong" && payload) console.log(JSON.stringify(payload));
});
const query = "subscription { events { __typename } }";
client.subscribe({ query }, { next() {}, error() {}, complete() {} });
const end = () => { console.log(JSON.stringify({ closed })); process.exit(); };
client.on("connected", () => setTimeout(end, 11_000));
client.on("closed", end);
"""


@pytest.mark.parametrize("example", code_blocks(PAGE, "yaml"))
def test_the_settings_of_the_page_are_valid(example: str) -> None:
    settings = Settings(**yaml.safe_load(example))
    assert settings.auth is not None


@pytest.fixture
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(leeway=0)) as served:
        yield served


@pytest.mark.node
def test_the_client_of_the_page_keeps_its_socket_open_with_new_tokens(served: Served) -> None:
    """The first token expires within ten seconds, and the socket is open after eleven."""
    [example] = code_blocks(PAGE, "js")
    program = PROGRAM.replace("EXAMPLE", example.replace("60_000", "1_000"))
    url, long = f"ws://127.0.0.1:{served.port}/graphql", make_token(roles=("administrator",))
    command = [node_with_clients(), "--input-type=module", "--eval", program, "--", long, url]
    with subprocess.Popen(
        command, cwd=PACKAGE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        # On a busy machine it takes long until the program begins.
        assert process.stdout.readline() == "ready\n"
        output, _ = process.communicate(
            make_token(roles=("administrator",), expires_in=10) + "\n", timeout=120
        )
    *pongs, end = map(json.loads, output.splitlines())
    assert end == {"closed": []}, output
    assert pongs
    assert all(pong["expiresAt"] for pong in pongs)
