"""The page of the console: its addresses, its headers, and its operations."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from graphql import DocumentNode, GraphQLSchema, build_schema, validate
from starlette.applications import Starlette

import api.console
from api.app import OPEN_PATHS
from tests.helpers.console_documents import console_documents
from tests.helpers.console_schema import console_schema

ROOT = Path(__file__).parents[2]
DOCUMENTS = console_documents()
PAGE = '<meta content="__GRAPHQL_PATH__"><meta content="__TOKEN_PATH__"><script src="./assets/console-1a.js">'


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """The folder of the built pages, with the console alone."""
    (tmp_path / "console.html").write_text(PAGE)
    return tmp_path


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(console_schema())


@pytest.mark.parametrize(
    ("path", "parent"), [("/console", "."), ("/console/", ".."), ("/nerve/console", ".")]
)
async def test_the_addresses_of_the_page_are_relative(path: str, parent: str, static: Path) -> None:
    """So it works behind any path prefix, with and without a slash at its end."""
    page = await _get(path, static)
    graphql, token = f"{parent}/graphql", f"{parent}/token"
    script = f"{parent}/graphiql/assets/console-1a.js"
    assert page.text == f'<meta content="{graphql}"><meta content="{token}"><script src="{script}">'


async def test_the_page_may_reach_nothing_but_its_server(static: Path) -> None:
    """Neither scripts nor styles may be inline."""
    page = await _get("/console", static)
    policy = page.headers["content-security-policy"].split("; ")
    own = {"default-src 'none'", "connect-src 'self'", "script-src 'self'", "style-src 'self'"}
    assert own <= set(policy)
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"


async def test_a_console_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    """As in a checkout on a machine without Node."""
    page = await _get("/console", tmp_path)
    assert page.status_code == 503
    assert "<code>make console</code>" in page.text


def test_the_page_is_served_without_authentication() -> None:
    """It has no data; its requests are authenticated."""
    assert {"/console", "/console/"} <= set(OPEN_PATHS)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_each_operation_of_the_console_fits_the_schema(document: DocumentNode, schema: GraphQLSchema) -> None:
    """The types of their results are generated from the same schema."""
    assert validate(schema, document) == []


async def _get(path: str, static: Path) -> httpx.Response:
    routes = api.console.routes("/graphql", static, token_path="/token")
    prefix = "/nerve" if path.startswith("/nerve/") else ""
    app = Starlette(routes=routes)
    transport = httpx.ASGITransport(app, root_path=prefix)
    async with httpx.AsyncClient(transport=transport, base_url="http://nerve") as browser:
        return await browser.get(path)
