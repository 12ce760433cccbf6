"""What one tenant's caller gets never tells anything of another tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from api.access.callers import AccessRevocation, Caller
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT
from tests.helpers.served_api import Served, serve
from tests.helpers.token_access import Tokens

ADD = """mutation ($id: ID, $name: String!, $command: ID) {
  registerAgent(input: { id: $id, name: $name }, commandId: $command, await: PROJECTED) {
    receipt { stream version position replayed } agent { name } } }"""


class Tenant:
    """An administrator of one tenant."""

    def __init__(self, served: Served, shown: str) -> None:
        self._served = served
        self._headers = {"authorization": shown}

    def within(self, name: str) -> Tenant:
        """The same caller, who names a tenant."""
        other = Tenant(self._served, self._headers["authorization"])
        other._headers["x_nerve_tenant"] = name
        return other

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        return self.send({"query": query, "variables": variables})

    def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._served.post(body, **self._headers).json()
        return answer

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.run(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def refused(self, query: str, **variables: Any) -> dict[str, Any]:
        [error] = self.run(query, **variables)["errors"]
        return {"message": error["message"], **error["extensions"]}

    def add(self, name: str, id: str | None = None, command: str | None = None) -> dict[str, Any]:
        added: dict[str, Any] = self.ask(ADD, id=id, name=name, command=command)["registerAgent"]
        return added


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str, tokens: Tokens) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(tokens, **servers) as served:
        yield served
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def tenant(served: Served, tokens: Tokens, *roles: str) -> Tenant:
    """A new tenant whose administrator has the same subject as that of every other one."""
    caller = Caller(Scope(f"t{uuid4().hex}", "ada"), "ada", frozenset((ADMINISTRATOR, *roles)))
    return Tenant(served, tokens.grant(uuid4().hex, caller))


@pytest.fixture
def red(served: Served, tokens: Tokens) -> Tenant:
    return tenant(served, tokens)


@pytest.fixture
def blue(served: Served, tokens: Tokens) -> Tenant:
    return tenant(served, tokens)


def test_equal_ids_and_command_ids_of_two_tenants_are_two_streams_and_two_commands(
    red: Tenant, blue: Tenant
) -> None:
    """Neither ALREADY_EXISTS nor COMMAND_ID_REUSED reveals what another tenant has."""
    agent, command = f"agent-{uuid4().hex}", uuid4().hex
    for owner, name in ((red, "of red"), (blue, "of blue")):
        added = owner.add(name, agent, command)
        assert (added["receipt"]["version"], added["receipt"]["replayed"]) == (1, False)
    for owner, name in ((red, "of red"), (blue, "of blue")):
        assert owner.ask("query ($id: ID!) { agent(id: $id) { name } }", id=agent)["agent"]["name"] == name
        assert owner.refused(ADD, id=agent, name="again")["code"] == "INVARIANT_VIOLATED"
        assert owner.ask("{ agents { totalCount } }")["agents"]["totalCount"] == 1


@pytest.mark.parametrize(
    "query",
    [
        'query ($at: Position!) { agent(id: "agent-1", atLeast: $at) { name } }',
        "query ($at: Position!) { agents(asOf: { position: $at }) { nodes { name } } }",
        "query ($at: Position!) { agents(atLeast: $at) { nodes { name } } }",
    ],
)
def test_a_position_of_another_tenant_is_refused_as_one_that_nerve_did_not_issue(
    red: Tenant, blue: Tenant, query: str
) -> None:
    """It cannot be told from a made-up one."""
    blue.add("of blue")
    position = red.add("of red")["receipt"]["position"]
    assert blue.refused(query, at=position) == blue.refused(query, at="AAAA" + position[4:])


def test_a_document_that_another_tenant_sent_is_not_found_by_its_hash(red: Tenant, blue: Tenant) -> None:
    """Otherwise a tenant could test which documents others use."""
    text = f"query A{uuid4().hex} {{ agents {{ totalCount }} }}"
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
    assert "errors" not in red.send({"query": text, "extensions": named})
    assert "errors" not in red.send({"extensions": named})
    [error] = blue.send({"extensions": named})["errors"]
    assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


def test_an_event_of_another_tenant_does_not_exist(red: Tenant, blue: Tenant) -> None:
    """By its own id, and as a node, a trace or the result of a command id."""
    command = uuid4().hex
    stream = red.add("of red", command=command)["receipt"]["stream"]
    [event] = red.ask("{ events(first: 1) { nodes { id correlationId } } }")["events"]["nodes"]
    assert red.ask("query ($id: ID!) { node(id: $id) { id } }", id=event["id"])["node"]["id"] == event["id"]
    for own in (event["id"], stream):
        assert blue.ask("query ($id: ID!) { node(id: $id) { id } }", id=own)["node"] is None
    trace = "query ($id: ID!) { trace(correlationId: $id) { nodes { __typename } } }"
    assert blue.ask(trace, id=event["correlationId"])["trace"] == blue.ask(trace, id=uuid4().hex)["trace"]


@pytest.mark.parametrize(
    "operation",
    [
        "{ viewStatus { name lag } }",
        "{ recentMetrics { head } }",
        "{ deploymentStatus { head } }",
        'mutation { rebuildView(name: "agents") { name } }',
        'mutation { cancelRebuild(name: "agents") { name } }',
        'mutation { resumeRebuild(name: "agents") { name } }',
        'mutation { switchView(name: "agents") { name } }',
        'mutation { forgetGenerations(name: "agents") { name } }',
        "{ connections { nodes { connectionId } } }",
        'mutation { endConnection(id: "x", reason: "x") }',
        "{ consumers { name lag } }",
        "{ tenants { name } }",
        '{ tenantCounts(name: "x") { events } }',
    ],
)
def test_what_concerns_all_tenants_is_for_the_deployment_alone(red: Tenant, operation: str) -> None:
    """Lag, counts of events, compared rows, connections and names are those of all tenants."""
    assert red.refused(operation)["code"] in ("FORBIDDEN", "VALIDATION_FAILED")


def test_a_caller_for_the_deployment_sees_the_states_of_views(served: Served, tokens: Tokens) -> None:
    """So the test before is not refused for another reason."""
    operator = tenant(served, tokens, DEPLOYMENT)
    assert operator.ask('{ viewStatus(names: ["agents"]) { name } }')["viewStatus"] == [{"name": "agents"}]


def test_a_caller_for_the_deployment_acts_in_the_tenant_that_it_names(
    served: Served, tokens: Tokens, red: Tenant
) -> None:
    """Its own tenant has nothing of it."""
    operator, name = tenant(served, tokens, DEPLOYMENT), f"t{uuid4().hex}"
    operator.within(name).add("of the operator")
    agents = "{ agents { nodes { name } } }"
    assert operator.within(name).ask(agents)["agents"]["nodes"] == [{"name": "of the operator"}]
    assert operator.ask(agents)["agents"]["nodes"] == red.ask(agents)["agents"]["nodes"] == []
    [event] = operator.within(name).ask("{ events { nodes { actor } } }")["events"]["nodes"]
    assert event["actor"] == "ada"


def test_all_others_are_refused_if_they_name_a_tenant(served: Served, tokens: Tokens) -> None:
    """Also an administrator, and also its own tenant: nobody may think that the header decides."""
    own = f"t{uuid4().hex}"
    caller = Caller(Scope(own, "ada"), "ada", frozenset((ADMINISTRATOR,)))
    administrator = Tenant(served, tokens.grant(uuid4().hex, caller))
    for name in (own, "default", "a/b"):
        assert administrator.within(name).refused("{ agents { totalCount } }")["code"] == "FORBIDDEN"


def test_a_name_that_no_tenant_can_have_is_refused(served: Served, tokens: Tokens) -> None:
    """The tenant of the deployment's own records among them."""
    operator = tenant(served, tokens, DEPLOYMENT)
    for name in ("a/b", "_deployment", ""):
        assert operator.within(name).refused("{ agents { totalCount } }")["code"] == "VALIDATION_FAILED"


async def test_a_socket_names_a_tenant_in_its_first_message(served: Served, tokens: Tokens) -> None:
    """By the payload of connection_init, where a browser cannot send headers."""
    name = f"t{uuid4().hex}"
    caller = Caller(Scope(f"t{uuid4().hex}", "ada"), "ada", frozenset((ADMINISTRATOR, DEPLOYMENT)))
    shown = tokens.grant(uuid4().hex, caller)
    async with served.client(**{"authorization": shown, "x-nerve-tenant": name}) as client:
        await client.subscribe(
            "1", 'mutation { registerAgent(input: { name: "x" }) { receipt { version } } }'
        )
        assert (await client.next())["receipt"]["version"] == 1
    operator = Tenant(served, shown)
    events = "{ events { nodes { actor } } }"
    assert len(operator.within(name).ask(events)["events"]["nodes"]) == 1
    assert operator.ask(events)["events"]["nodes"] == []


def test_the_access_of_a_caller_ends_in_its_own_tenant_wherever_it_acts() -> None:
    """Otherwise the header would keep its connections open."""
    caller = Caller(Scope("acme", "ada"), "ada", frozenset((DEPLOYMENT,)), home_tenant="red")
    assert AccessRevocation("", "red", "ada").matches(caller)
    assert not AccessRevocation("", "acme", "ada").matches(caller)
