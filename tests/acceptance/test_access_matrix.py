"""Each root field of the schema, asked for by each caller that may not, over each transport.

The fields come from the schema: a new one is covered without being named, and is refused unless it is listed
in `SIGNED_IN`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.helpers.access_rig import END, bearer
from tests.helpers.field_documents import FieldDocument, error_codes, field_documents, is_unknown
from tests.helpers.own_contexts import own_schema
from tests.helpers.served_api import Client, Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import MANY_FAILURES, auth_settings, make_token

SECRET = "planted-for-tenant-a"
"""A text in every value that tenant A stores."""

TRANSPORTS = {
    "POST": ("POST", "application/json"),
    "GET": ("GET", "application/json"),
    "SSE": ("POST", "text/event-stream"),
    "multipart": ("POST", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"),
}
"""Method and accepted format of the transports over HTTP."""

VIEWS = ("agent", "task", "workflow", "document", "taskDay", "stepTime")
SIGNED_IN = {
    *(f"{root}.{view}" for root in ("Query", "Subscription") for view in VIEWS),
    *(f"{root}.{view}s" for root in ("Query", "Subscription") for view in VIEWS),
    *(f"Query.{view}{past}" for view in VIEWS for past in ("History", "Why")),
    *(f"Query.{name}" for name in ("node", "events", "versions", "stateAt", "diff", "viewer")),
    "Subscription.events", "Subscription.live",
}  # fmt: skip
"""What the default contexts show to every caller with credentials."""


PING_INTERVAL = 2.0
SILENT = "command"
"""The subscription without a first result: a command has none until it is sent."""
SIGNS_OF_LIFE = (4 * ":\n\n", 4 * "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql")
"""What says that it is open, in an event stream and in multipart: a refusal would come before these."""


class Answer(NamedTuple):
    """The status and the text of a response."""

    status: int
    text: str


@dataclass(frozen=True)
class Tenants:
    """An API with what tenant A has stored, and a document for each field.

    Those of `fields` select little: the refusal of a field does not depend on what is selected below it.
    Those of `documents` ask for all that tenant A has stored.
    """

    served: Served
    fields: Sequence[FieldDocument]
    documents: Sequence[FieldDocument]

    def ask(self, transport: str, document: FieldDocument, token: str | None) -> Answer:
        """Send the document over HTTP; return the response, of a subscription up to its first result."""
        method, accept = TRANSPORTS[transport]
        headers = {"accept": accept, **({} if token is None else {"authorization": bearer(token)})}
        body: dict[str, Any] = {"json": {"query": document.text}}
        if method == "GET":
            body = {"params": {"query": document.text}}
        text = ""
        ends = ('"data":', '"errors":', *(SIGNS_OF_LIFE if document.field == SILENT else ()))
        with self.served.http.stream(method, "/graphql", headers=headers, **body) as response:
            for part in response.iter_text():
                text += part
                if document.root == "Subscription" and any(end in text for end in ends):
                    break
        return Answer(response.status_code, text)

    @asynccontextmanager
    async def socket(self, token: str | None) -> AsyncIterator[Client]:
        """A socket whose client has sent `connection_init`."""
        async with self.served.socket() as client:
            payload = {} if token is None else {"authorization": bearer(token)}
            await client.send(type="connection_init", payload=payload)
            yield client


@pytest.fixture(scope="module")
def tenants(mongo_url: str, redis_url: str) -> Iterator[Tenants]:
    settings = {
        "auth": auth_settings(leeway=0),
        "rates": MANY_FAILURES,
        "max_sockets_per_caller": 1_000,
        "max_operation_rate": 10_000,
        "ping_interval": PING_INTERVAL,
    }
    with serve_with(None, mongo_url, redis_url, worker=True, **settings) as served:
        ids = _plant(served)
        schema = own_schema()
        yield Tenants(served, field_documents(schema, ids, 1), field_documents(schema, ids, 3))


def _plant(served: Served) -> dict[str, str]:
    """Store what no caller of the matrix may see; return the ids of entities by category."""
    inputs = {
        "agent": ("registerAgent", f'name: "{SECRET}"'),
        "workflow": ("startWorkflow", f'name: "{SECRET}"'),
        "document": ("createDocument", f'title: "{SECRET}", content: "{SECRET}"'),
        "task": ("createTask", f'title: "{SECRET}", description: "{SECRET}"'),
    }
    return {category: _send(served, *command) for category, command in inputs.items()}


def _send(served: Served, mutation: str, fields: str) -> str:
    """Send a command of tenant A; return its stream."""
    query = f"mutation {{ {mutation}(input: {{{fields}}}, await: PROJECTED) {{ receipt {{ stream }} }} }}"
    response = served.post({"query": query}, authorization=bearer(administrator("a"))).json()
    assert "errors" not in response, response
    stream: str = response["data"][mutation]["receipt"]["stream"]
    return stream


def administrator(tenant: str, subject: str = "root") -> str:
    return make_token(subject, tenant, ("administrator",))


UNAUTHENTICATED: dict[str, Callable[[], str | None]] = {
    "no token": lambda: None,
    "expired": lambda: make_token("ada", "a", ("administrator",), expires_in=-1),
    "wrong audience": lambda: make_token("ada", "a", ("administrator",), aud="another"),
}
"""Makers of credentials that are refused whatever the field."""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("credentials", UNAUTHENTICATED)
def test_without_valid_credentials_each_field_is_refused(
    tenants: Tenants, credentials: str, transport: str
) -> None:
    token, wrong = UNAUTHENTICATED[credentials](), []
    for document in tenants.fields:
        answer = tenants.ask(transport, document, token)
        is_right = answer.status == 401 and error_codes(answer.text) == {"UNAUTHENTICATED"}
        if not is_right or document.field in answer.text:
            wrong.append((str(document), *answer))
    assert wrong == []


@pytest.mark.parametrize("credentials", UNAUTHENTICATED)
async def test_without_valid_credentials_a_socket_starts_no_field(tenants: Tenants, credentials: str) -> None:
    """An operation that is sent behind `connection_init` at once is not started either."""
    token, wrong = UNAUTHENTICATED[credentials](), []
    for document in tenants.fields:
        async with tenants.socket(token) as client:
            with suppress(ConnectionClosed):
                await client.subscribe("1", document.text)
            code, _ = await client.closed()
            if code != 4401:
                wrong.append((str(document), code))
    assert wrong == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_without_the_role_a_field_does_not_exist(tenants: Tenants, transport: str) -> None:
    """And those that every signed-in caller may see do."""
    token = make_token("ada", "a", ("stranger",))
    shown, wrong = set(), []
    for document in tenants.fields:
        answer = tenants.ask(transport, document, token)
        if not is_unknown(document, answer.text):
            shown.add(str(document))
        elif SECRET in answer.text or "Did you mean" in answer.text:
            wrong.append((str(document), *answer))
    assert shown == SIGNED_IN
    assert wrong == []


async def test_without_the_role_a_field_does_not_exist_over_a_socket(tenants: Tenants) -> None:
    shown = set()
    async with tenants.socket(make_token("ada", "a", ("stranger",))) as client:
        assert (await client.receive())["type"] == "connection_ack"
        for number, document in enumerate(tenants.fields):
            await client.subscribe(str(number), document.text)
            message = await client.receive()
            while message["id"] != str(number):
                message = await client.receive()
            if message["type"] != "error":
                shown.add(str(document))
                await client.send(type="complete", id=str(number))
    assert shown == SIGNED_IN


def test_the_documents_show_their_own_tenant_what_it_has_stored(tenants: Tenants) -> None:
    """So that what another tenant does not see is not missing for another reason."""
    shown = {
        document.field
        for document in tenants.documents
        if document.root == "Query" and SECRET in tenants.ask("POST", document, administrator("a")).text
    }
    rows = {name for view in ("agent", "task", "workflow", "document") for name in (view, f"{view}s")}
    assert rows | {"taskHistory", "events"} <= shown


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_administrator_of_another_tenant_sees_nothing(tenants: Tenants, transport: str) -> None:
    """Each field answers as if the ids did not exist, and shows nothing that tenant A has stored."""
    wrong = []
    for document in tenants.documents:
        answer = tenants.ask(transport, document, administrator("b"))
        if SECRET in answer.text or answer.status >= 500 or "INTERNAL" in error_codes(answer.text):
            wrong.append((str(document), *answer))
    assert wrong == []


async def test_subscribers_of_another_tenant_receive_nothing(tenants: Tenants) -> None:
    """All subscriptions are open while tenant A changes what they name."""
    documents = [document for document in tenants.documents if document.root == "Subscription"]
    async with tenants.socket(administrator("b")) as client:
        assert (await client.receive())["type"] == "connection_ack"
        for number, document in enumerate(documents):
            await client.subscribe(str(number), document.text)
        await asyncio.to_thread(_plant, tenants.served)
        # A change of tenant B comes behind those of A.
        own = 'mutation { registerAgent(input: {name: "own"}, await: PROJECTED) { receipt { stream } } }'
        await client.subscribe("own", own)
        texts = []
        while not ("AgentChanged" in (text := str(await client.receive())) and "own" in text):
            texts.append(text)
        assert not [text for text in texts if SECRET in text]


async def test_when_access_ends_every_open_field_ends(tenants: Tenants) -> None:
    """Subscriptions end on every transport, and each field is refused from then on."""
    token = make_token("gone", "a", ("administrator", "deployment"))
    documents = [document for document in tenants.documents if document.root == "Subscription"]
    served = tenants.served
    base = f"http://127.0.0.1:{served.port}"
    async with (
        httpx.AsyncClient(base_url=base, timeout=60, limits=httpx.Limits(max_connections=None)) as http,
        tenants.socket(token) as client,
    ):
        assert (await client.receive())["type"] == "connection_ack"
        for number, document in enumerate(documents):
            await client.subscribe(str(number), document.text)
        opened = asyncio.Semaphore(0)
        streams = [
            asyncio.create_task(_stream(http, document, accept, token, opened))
            for document in documents
            for accept in ("text/event-stream", TRANSPORTS["multipart"][1])
        ]
        for _ in streams:
            await opened.acquire()
        body = {"query": END, "variables": {"input": {"kind": "SUBJECT", "name": "gone", "reason": "left"}}}
        response = await asyncio.to_thread(served.post, body, authorization=bearer(administrator("a")))
        assert "errors" not in response.json(), response.text
        with suppress(ConnectionClosed):
            while await client.receive():
                pass
        assert (await client.closed())[0] == 4403
        ended = await asyncio.gather(*streams)
    wrong = [text for text in ended if not error_codes(text) & {"FORBIDDEN", "UNAUTHENTICATED"}]
    assert wrong == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_after_access_has_ended_each_field_is_refused(tenants: Tenants, transport: str) -> None:
    token, wrong = administrator("a", f"gone-{transport}"), []
    query = FieldDocument("Query", "viewer", "{ viewer { subject } }")
    assert f"gone-{transport}" in tenants.ask("POST", query, token).text
    ending = {"kind": "SUBJECT", "name": f"gone-{transport}", "reason": "left"}
    tenants.served.post(
        {"query": END, "variables": {"input": ending}}, authorization=bearer(administrator("a"))
    )
    for document in tenants.fields:
        answer = tenants.ask(transport, document, token)
        if answer.status not in (401, 403) or SECRET in answer.text:
            wrong.append((str(document), *answer))
    assert wrong == []


async def _stream(
    http: httpx.AsyncClient, document: FieldDocument, accept: str, token: str, opened: asyncio.Semaphore
) -> str:
    """Return the whole response to a subscription."""
    headers = {"accept": accept, "authorization": bearer(token)}
    async with http.stream("POST", "/graphql", json={"query": document.text}, headers=headers) as response:
        opened.release()
        return "".join([part async for part in response.aiter_text()])
