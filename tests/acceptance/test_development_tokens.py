"""`nerve dev`: everything is open on this machine, and a developer acts as any caller by a token."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.clients.programs import PACKAGE, build_pages, node_with_clients, require
from tests.helpers.served_api import PATIENCE
from tests.helpers.tokens import bearer, make_token

NERVE = Path(sys.executable).with_name("nerve")
DEADLINE = 120.0
PATH = "/graphiql/development-token"
CREATE = 'mutation { createTask(input: {title: "x"}) { receipt { version } } }'
ACTORS = "{ events(last: 1) { nodes { actor } } }"
ADA: dict[str, Any] = {"subject": "ada", "roles": ["administrator"], "claims": {"team": "red"}}


def token_for(nerve_url: str, **caller: Any) -> str:
    """Return a token as the picker of GraphiQL gets it."""
    token: str = httpx.post(f"{nerve_url}{PATH}", json={**ADA, **caller}, timeout=PATIENCE).json()["token"]
    return token


def ask(nerve_url: str, query: str, token: str | None = None) -> dict[str, Any]:
    headers = bearer(token) if token else {}
    answer: dict[str, Any] = httpx.post(
        f"{nerve_url}/graphql", json={"query": query}, headers=headers, timeout=PATIENCE
    ).json()
    return answer


def test_without_a_token_everything_is_open_and_with_one_the_caller_acts(nerve_url: str) -> None:
    assert ask(nerve_url, CREATE)["data"]
    assert ask(nerve_url, ACTORS)["data"]["events"]["nodes"] == [{"actor": None}]
    token = token_for(nerve_url)
    assert ask(nerve_url, CREATE, token)["data"]
    assert ask(nerve_url, ACTORS, token)["data"]["events"]["nodes"] == [{"actor": "ada"}]


def test_a_caller_has_the_roles_and_the_tenant_that_were_picked(nerve_url: str) -> None:
    stranger = token_for(nerve_url, tenant="another")
    assert ask(nerve_url, ACTORS, stranger)["data"]["events"]["nodes"] == []
    reader = token_for(nerve_url, roles=["reader-of-nothing"])
    fields = {field["name"] for field in _mutations(nerve_url, reader)}
    assert "eraseSubject" not in fields
    assert "eraseSubject" in {field["name"] for field in _mutations(nerve_url, token_for(nerve_url))}


def _mutations(nerve_url: str, token: str) -> Any:
    schema = ask(nerve_url, "{ __schema { mutationType { fields { name } } } }", token)["data"]["__schema"]
    return (schema["mutationType"] or {"fields": []})["fields"]


def test_a_changed_token_is_refused_and_not_taken_for_none(nerve_url: str) -> None:
    token = token_for(nerve_url)
    [error] = ask(nerve_url, CREATE, f"{token[:-4]}AAAA")["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


def test_tokens_of_an_issuer_are_ignored_while_nothing_is_configured(nerve_url: str) -> None:
    """Front ends may send them before nerve knows their issuer."""
    assert ask(nerve_url, CREATE, make_token())["data"]


@pytest.mark.parametrize(
    ("caller", "place"),
    [
        ({"subject": ""}, "subject"),
        ({"tenant": "a/b"}, "tenant"),
        ({"roles": "administrator"}, "roles"),
        ({"claims": {"team": {"$ne": 1}}}, "claims.team"),
        ({"is_root": True}, "is_root"),
        ({"claims": {f"claim-{number}": "x" * 200 for number in range(50)}}, "characters"),
    ],
    ids=str,
)
def test_a_caller_that_cannot_be_is_refused_with_the_place(
    nerve_url: str, caller: dict[str, Any], place: str
) -> None:
    response = httpx.post(f"{nerve_url}{PATH}", json={**ADA, **caller}, timeout=PATIENCE)
    assert response.status_code == 400
    assert place in response.json()["error"]


def test_pages_of_other_origins_get_no_token(nerve_url: str) -> None:
    """Neither by a script nor by a form, for which a browser does not ask first."""
    foreign = httpx.post(
        f"{nerve_url}{PATH}", json=ADA, headers={"origin": "https://evil.example"}, timeout=PATIENCE
    )
    assert foreign.status_code == 403
    form = httpx.post(
        f"{nerve_url}{PATH}",
        content=json.dumps(ADA),
        headers={"content-type": "text/plain"},
        timeout=PATIENCE,
    )
    assert form.status_code == 400
    assert httpx.post(f"{nerve_url}{PATH}", content=b" " * 30_000, headers={
        "content-type": "application/json"}, timeout=PATIENCE).status_code == 400  # fmt: skip


def test_nerve_dev_lists_pages_of_vite_on_this_machine(nerve_url: str) -> None:
    for origin, status in (("http://localhost:5173", 200), ("http://localhost:5174", 403)):
        answer = httpx.post(
            f"{nerve_url}/graphql",
            json={"query": "{ __typename }"},
            headers={"origin": origin},
            timeout=PATIENCE,
        )
        assert answer.status_code == status


def test_the_key_is_private(nerve_url: str, nerve_folder: Path) -> None:
    key = nerve_folder / "development.key"
    assert token_for(nerve_url)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_command_line_prints_the_same_tokens(nerve_url: str, nerve_folder: Path) -> None:
    command = [str(NERVE), "access", "token", "grace", "--role", "administrator", "--claim", "level=3"]
    environment = {**os.environ, "NERVE_DATA_DIR": str(nerve_folder)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=DEADLINE
    )
    assert ask(nerve_url, CREATE, done.stdout.strip())["data"]
    assert ask(nerve_url, ACTORS, done.stdout.strip())["data"]["events"]["nodes"] == [{"actor": "grace"}]


@pytest.mark.browser
def test_a_developer_acts_as_a_caller_in_graphiql(nerve_url: str, tmp_path: Path) -> None:
    build_pages()
    chromium = require("chromium", "chromium-browser", "google-chrome")
    command = [node_with_clients(), "callers.mjs", chromium, nerve_url, str(tmp_path)]
    done = subprocess.run(
        command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True, timeout=DEADLINE, check=True
    )
    seen = json.loads(done.stdout)
    assert seen["problems"] == []
    assert "JSON" in seen["refused"]
    assert '"id": "task-' in seen["created"]
    [init] = seen["inits"]
    assert init["headers"]["authorization"].startswith("Bearer ")
    assert ask(nerve_url, '{ events(filter: {types: ["task.created"]}, last: 1) { nodes { actor } } }')[
        "data"
    ]["events"]["nodes"] == [{"actor": "ada"}]
