"""Requests with texts and operators that MongoDB must never read as more than values, each with a mark."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT
from tests.helpers.access_rig import bearer
from tests.helpers.served_api import Served
from tests.helpers.servers import eventually
from tests.helpers.tokens import make_token

TEXTS = {
    "plain": "plain{mark}",
    "operator": '{{"$ne": "{mark}"}}',
    "where": "$where{mark}",
    "variable": "$$ROOT.{mark}",
    "path": "{mark}.$gt.0",
    "JavaScript": "'; return '{mark}' || sleep(1000); //",
    "pattern": ".*{mark}(a+)+$",
    "null bytes": "\x00{mark}\x00$gt",
    "full-width dollar": "{mark}\uff04ne\u2024x",
    "direction": "\u202e{mark}\u200b\u0301",
    "number": "9" * 40 + "{mark}",
}
"""A harmless text, and hostile ones, each with a mark."""

NUMBERS = {
    "beyond 64 bits": 2**63,
    "below 64 bits": -(2**63) - 1,
    "40 digits": 10**40,
    "largest float": 1.7e308,
}
"""Numbers that MongoDB, GraphQL's Int, or both, do not have."""

Response = dict[str, Any]

MARK = re.compile(r"mark\d{5}x")

PAPERS = "query ($v: String!) {{ papers(filter: {{title: {{{operator}}}}}) {{ totalCount nodes {{ id }} }} }}"
EVENTS = "query ($v: {type}) {{ events(filter: {{{condition}}}) {{ nodes {{ id }} }} }}"

QUERIES = {
    **{
        f"filter {name}": PAPERS.format(operator=f"{name}: {value}")
        for name, value in {
            "eq": "$v", "ne": "$v", "in": "[$v]", "lt": "$v", "lte": "$v", "gt": "$v", "gte": "$v",
            "contains": "$v", "startsWith": "$v",
        }.items()
    },
    "filter of an id": "query ($v: ID!) { papers(filter: {folderId: {eq: $v}}) { nodes { id } } }",
    "order": "query ($v: String!) { papers(filter: {title: {gte: $v}}, orderBy: [{field: TITLE}]) "
             "{ nodes { id } } }",
    "search": "query ($v: String!) { papers(search: $v) { nodes { id } } }",
    "cursor": "query ($v: String!) { papers(after: $v) { nodes { id } } }",
    "row": "query ($v: ID!) { paper(id: $v) { id folder { id } } }",
    "node": "query ($v: ID!) { node(id: $v) { id } }",
    "position": "query ($v: Position!) { papers(atLeast: $v) { nodes { id } } }",
    "history": "query ($v: ID!) { paperHistory(id: $v) { nodes { changedFields } } }",
    "reason": "query ($v: ID!) { paperWhy(id: $v, field: TITLE) { value } }",
    "versions": "query ($v: ID!) { versions(id: $v) { version } }",
    "past state": "query ($v: ID!) { stateAt(id: $v, version: 1) { version } }",
    "past state as of": 'query ($v: Position!) { stateAt(id: "paper-x", asOf: {position: $v}) { version } }',
    "difference": "query ($v: ID!) { diff(id: $v, from: 0, to: 1) { path } }",
    "trace": "query ($v: ID!) { trace(correlationId: $v) { nodes { nodeId } } }",
    "dead letter": "query ($v: ID!) { deadLetter(id: $v) { id } }",
    "dead letters": "query ($v: String!) { deadLetters(view: $v) { nodes { id } } }",
    **{
        f"events by {condition.partition(':')[0]}": EVENTS.format(type=kind, condition=condition)
        for kind, condition in (
            ("ID!", "streams: [$v]"), ("String!", "categories: [$v]"), ("String!", "types: [$v]"),
            ("ID!", "correlation: $v"),
        )
    },
    "events after": "query ($v: String!) { events(after: $v) { nodes { id } } }",
}  # fmt: skip

OPEN_FOLDER = """mutation ($v: ID!) {
  openFolder(input: {owner: "x", title: "y"}, commandId: $v) { receipt { stream } } }"""

MUTATIONS = {
    "command id": OPEN_FOLDER,
    "new id": "mutation ($v: ID!) { openFolder(input: {id: $v, owner: \"x\", title: \"y\"}) "
              "{ receipt { stream } } }",
    "field": "mutation ($v: String!) { writePaper(input: {owner: $v, title: $v, readers: [$v]}, "
             "await: PROJECTED) { receipt { stream } } }",
    "reference": "mutation ($v: ID!) { writePaper(input: {owner: \"x\", title: \"y\", folderId: $v}) "
                 "{ receipt { stream } } }",
    "changed id": "mutation ($v: ID!) { removePaper(input: {id: $v}) { receipt { stream } } }",
    "name of a stream": "mutation ($v: String!) { pinMemo(input: {name: $v, author: \"x\", text: \"y\"}) "
                        "{ receipt { stream } } }",
    "content": "mutation ($v: JSON!) { createDocument(input: {title: \"t\", content: $v}, await: PROJECTED) "
               "{ receipt { stream } } }",
}  # fmt: skip

SUBSCRIPTIONS = {
    "live filter": "subscription ($v: String!) { papers(filter: {title: {eq: $v}}) { __typename } }",
    "status of a command": "subscription ($v: ID!) { command(id: $v) { __typename } }",
}

COUNTS = {
    "first": "query ($v: Int!) { papers(first: $v) { nodes { id } } }",
    "version": 'query ($v: Int!) { stateAt(id: "paper-x", version: $v) { version } }',
    "versions": 'query ($v: Int!) { diff(id: "paper-x", from: 0, to: $v) { path } }',
}
"""Places of integers."""

PREFIXES = {
    "row": "paper-",
    "versions": "paper-",
    "past state": "paper-",
    "difference": "paper-",
    "changed id": "paper-",
    "new id": "folder-",
    "reference": "folder-",
    "id of an API key": "apikey-",
}
"""How ids begin at places where others are refused before they are read."""

REVOKE_KEY = "mutation ($v: ID!) { revokeApiKey(input: {id: $v}) { receipt { stream } } }"
END_ACCESS = """mutation ($v: String!) {
  endAccess(input: {kind: SUBJECT, name: $v, reason: "left"}) { receipt { stream } } }"""

CLAIMS = {"sub": "ada", "tenant": "default", "roles": ["auditor"], "team": "red", "shelf": "left"}
READABLE = """{ papers { totalCount nodes { id folder { id } } } folders { totalCount nodes { id } }
  memos { totalCount nodes { id } } events(first: 5) { nodes { id } } }"""


@dataclass(frozen=True)
class Request:
    """A request with a value of its own, which contains a mark that no other one has, and its refusals."""

    place: str
    name: str
    mark: str
    sent: Any
    codes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text that was sent."""
        return str(self.sent)

    @property
    def forms(self) -> Sequence[str]:
        """How the text may arrive: as it is, in a pattern, in the id of a row or of a stream."""
        escaped, stream = re.escape(self.text), f"memo-{self.text}"
        rows = (f"default/{self.text}", f"default/{stream}")
        return (self.text, escaped, f"^{escaped}", stream, *rows)


class Sender:
    """Sends values at each place of the API where a client can send one."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._root = bearer(make_token("root", roles=(ADMINISTRATOR, DEPLOYMENT)))
        self._numbers = count(1)
        self.requests: list[Request] = []
        self.contents: list[Any] = []

    def create_folder(self) -> None:
        """Begin the log, as an empty one is not searched, and wait until the worker has made the indexes."""
        self._post(OPEN_FOLDER, {"v": "first"})
        eventually(lambda: "errors" not in self._post(QUERIES["search"], {"v": "first"}))

    def send_everywhere(self, name: str) -> None:
        """Send the text of this name at each place, each time with another mark."""
        for place, document in {**QUERIES, **MUTATIONS}.items():
            self._send(place, name, partial(self._variable, document))
        for place, document in SUBSCRIPTIONS.items():
            self._send(place, name, partial(self._subscribe, document))
        self._send("id of an API key", name, partial(self._variable, REVOKE_KEY))
        self._send("name of a subject", name, partial(self._variable, END_ACCESS))
        for claim in CLAIMS:
            self._send(f"claim {claim}", name, partial(self._claim, claim))

    def send_objects(self) -> None:
        """Send an operator as an object, and as an object in a list, in place of each text."""
        for make in (lambda mark: {"$ne": mark}, lambda mark: [{"$gt": mark}]):
            for place, document in {**QUERIES, **MUTATIONS}.items():
                self._send_value(place, "", make, partial(self._variable, document))
            for claim in CLAIMS:
                self._send_value(f"claim {claim}", "", make, partial(self._claim, claim))

    def send_numbers(self) -> None:
        """Send a huge number in place of each text and each integer."""
        for name, number in NUMBERS.items():
            for place, document in {**QUERIES, **MUTATIONS, **COUNTS}.items():
                self._send_value(place, name, partial(_same, number), partial(self._variable, document))

    def _send(self, place: str, name: str, send: Callable[[Any], Response]) -> None:
        template = PREFIXES.get(place, "") + TEXTS[name]
        self._send_value(place, name, lambda mark: template.format(mark=mark), send)

    def _send_value(
        self, place: str, name: str, make: Callable[[str], Any], send: Callable[[Any], Response]
    ) -> None:
        mark = f"mark{next(self._numbers):05d}x"
        value = make(mark)
        response = send(value)
        codes = tuple(error["extensions"]["code"] for error in response.get("errors", ()))
        self.requests.append(Request(place, name, mark, value, codes))
        if place == "content" and not isinstance(value, str) and not codes:
            stream = response["data"]["createDocument"]["receipt"]["stream"]
            document = self._post("query ($v: ID!) { document(id: $v) { content } }", {"v": stream})
            self.contents.append(document["data"]["document"]["content"])

    def _variable(self, document: str, value: Any) -> Response:
        return self._post(document, {"v": value})

    def _subscribe(self, document: str, text: str) -> Response:
        """Return the first message of a subscription, after a command with the text as its id."""
        response = self._post(OPEN_FOLDER, {"v": text})
        return response if "errors" in response else asyncio.run(self._first_message(document, text))

    async def _first_message(self, document: str, text: str) -> Response:
        async with self._served.client(authorization=self._root) as client:
            await client.subscribe("1", document, v=text)
            message = await client.receive()
        return {"errors": message["payload"]} if message["type"] == "error" else {}

    def _claim(self, name: str, value: Any) -> Response:
        claims: dict[str, Any] = {**CLAIMS, name: [value] if name == "roles" else value}
        subject, tenant, roles = claims.pop("sub"), claims.pop("tenant"), claims.pop("roles")
        token = bearer(make_token(subject, tenant, roles, **claims))
        return self._post(READABLE, {}, token)

    def _post(self, document: str, variables: dict[str, Any], token: str | None = None) -> Response:
        # orjson writes no integer beyond 64 bits.
        body = json.dumps({"query": document, "variables": variables}).encode()
        response: Response = self._served.post(body, authorization=token or self._root).json()
        return response


def _same(value: Any, _mark: str) -> Any:
    """Return a value that has no place for a mark."""
    return value
