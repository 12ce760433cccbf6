"""What the console serves, and what is committed for it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from graphql import build_schema, parse, validate
from starlette.applications import Starlette

import api.console

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "api/console/web/examples").glob("*.graphql"))
LOCKS = [
    ROOT / folder / "package-lock.json"
    for folder in ("api/console/web", "tests/acceptance/clients", "tests/bench/node")
]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """The folder of the built page, empty."""
    return tmp_path


async def test_the_built_page_is_told_where_the_api_is_and_may_reach_nothing_else(static: Path) -> None:
    (static / "index.html").write_text('<meta content="__GRAPHQL_PATH__"><script src="./assets/index.js">')
    page = await _get("/graphiql", static)
    assert page.text == '<meta content="./graphql"><script src="./graphiql/assets/index.js">'
    slash = await _get("/graphiql/", static)
    assert slash.text == '<meta content="../graphql"><script src="../graphiql/assets/index.js">'
    assert page.headers["cache-control"] == "no-cache"
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "connect-src 'self'", "script-src 'self'"} <= set(policy)
    assert "http" not in page.headers["content-security-policy"]


async def test_assets_are_kept_for_good_and_carry_the_policy_that_their_workers_obey(static: Path) -> None:
    (static / "assets").mkdir()
    (static / "assets/worker-1a2b.js").write_text("postMessage(1)")
    asset = await _get("/graphiql/assets/worker-1a2b.js", static)
    assert asset.text == "postMessage(1)"
    assert "immutable" in asset.headers["cache-control"]
    assert "connect-src 'self'" in asset.headers["content-security-policy"]
    assert (await _get("/graphiql/assets/%2e%2e/index.html", static)).status_code == 404


async def test_where_it_has_not_been_built_the_page_says_how_above_strawberrys(static: Path) -> None:
    page = (await _get("/graphiql", static)).text
    assert "<code>make console</code>" in page
    assert "loads its scripts from a CDN" in page
    assert "Strawberry GraphiQL" in page
    assert 'fetchURL = new URL("./graphql", window.location).href' in page


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_each_operation_that_stands_ready_fits_the_schema(example: Path) -> None:
    schema = build_schema((ROOT / "api/schema.graphql").read_text())
    assert validate(schema, parse(example.read_text())) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_of_npm_packages_names_no_place_to_get_them_from(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    assert len(packages) > 1
    assert [name for name, package in packages.items() if "resolved" in package] == []


async def _get(path: str, static: Path) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=api.console.routes("/graphql", static)))
    async with httpx.AsyncClient(transport=transport, base_url="http://nerve") as browser:
        return await browser.get(path)
