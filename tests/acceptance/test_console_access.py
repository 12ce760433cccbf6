"""A role that sees one view sees nothing of the rest in the console: in its requests, and on its pages.

The requests are the operations of the console, found by their files; its pages are those of its navigation.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, build_schema, print_ast

from api.access.callers import Caller
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR
from tests.acceptance.clients.programs import build_pages, run_in_browser
from tests.helpers.console_documents import console_documents
from tests.helpers.made_variables import made_variables
from tests.helpers.served_api import Served
from tests.helpers.token_access import Tokens, serve_with

ROOT = Path(__file__).parents[2]
DOCUMENTS = console_documents()
SECRET = "planted-in-another-view"
CONTEXTS = (
    "tests.helpers.memos",
    "tests.helpers.memo_books",
    "tests.helpers.people",
    "projections.views.subjects",
)
"""A librarian sees books alone; memos, people and erasures are for others."""

EVENT = """query ($id: ID!) { events(filter: {streams: [$id]}, first: 1) {
  nodes { id position commandId correlationId } } }"""
NOTHING_HERE = "There is nothing here that you may see"


@dataclass(frozen=True)
class Library:
    """An API with a book, and what a librarian may not see: a memo, and a person who was erased.

    `hidden` are the ids of the memo, its event, command and correlation, and `missing` made-up ids like them.
    `position` is that of the event.
    """

    served: Served
    headers: dict[str, str]
    book: str
    memo: str
    person: str
    hidden: Sequence[str]
    missing: Sequence[str]
    position: str

    def post(self, caller: str, query: str, variables: dict[str, Any]) -> str:
        """Return the text of the response to a caller."""
        body = {"query": query, "variables": variables}
        return self.served.post(body, authorization=self.headers[caller]).text


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "api/schema.graphql").read_text())


@pytest.fixture(scope="module")
def library(mongo_url: str, redis_url: str) -> Iterator[Library]:
    tokens = Tokens()
    headers = {
        name: tokens.grant(name, Caller(Scope("acme", name), name, frozenset({role}), claims={"team": "red"}))
        for name, role in {"root": ADMINISTRATOR, "librarian": "librarian"}.items()
    }
    settings = {
        "contexts": CONTEXTS,
        "master_key": b64encode(b"k" * 32).decode(),
        "max_operations": 10_000,
        "max_operation_rate": 10_000,
    }
    with serve_with(tokens, mongo_url, redis_url, worker=True, **settings) as served:
        book = _send(served, headers["librarian"], "openBook", title="a book")
        memo = _send(served, headers["root"], "writeMemo", text=SECRET, team="red", id="memo-17")
        person = _send(served, headers["root"], "registerPerson", city="Linz", name=SECRET, id="person-a")
        _send(served, headers["root"], "eraseSubject", subject=person, reason="asked for it")
        body = {"query": EVENT, "variables": {"id": memo}}
        event = served.post(body, authorization=headers["root"]).json()["data"]["events"]["nodes"][0]
        hidden = (memo, event["id"], event["commandId"], event["correlationId"])
        missing = (f"memo-{uuid4().hex}", *(uuid4().hex for _ in hidden[1:]))
        yield Library(served, headers, book, memo, person, hidden, missing, event["position"])


def _send(served: Served, header: str, mutation: str, **fields: Any) -> str:
    """Send a command; return its stream."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    call = f"{mutation}(input: $input, await: PROJECTED) {{ receipt {{ stream }} }}"
    body = {"query": f"mutation ($input: {kind}!) {{ {call} }}", "variables": {"input": fields}}
    response = served.post(body, authorization=header).json()
    assert "errors" not in response, response
    return str(response["data"][mutation]["receipt"]["stream"])


def _kind(document: DocumentNode) -> str:
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return operation.operation.value


def _of_kind(*kinds: str) -> dict[str, DocumentNode]:
    return {name: document for name, document in DOCUMENTS.items() if _kind(document) in kinds}


@pytest.mark.parametrize("name", _of_kind("query", "mutation"))
def test_an_operation_answers_as_if_what_a_role_may_not_see_did_not_exist(
    library: Library, schema: GraphQLSchema, name: str
) -> None:
    """Whatever it names is answered like an id that was made up, and shows nothing that is hidden."""
    document = DOCUMENTS[name]
    for hidden, missing in zip(library.hidden, library.missing, strict=True):
        for optional in (False, True):
            answers = []
            for named in (hidden, missing):
                variables = made_variables(document, schema, named, library.position, optional=optional)
                answer = library.post("librarian", print_ast(document), variables)
                answers.append(answer.replace(named, "ID"))
            assert answers[0] == answers[1]
            assert SECRET not in answers[0]
            assert not any(other in answers[0] for other in library.hidden)


def test_the_same_operations_show_it_to_an_administrator(library: Library, schema: GraphQLSchema) -> None:
    """So that it is not missing for another reason."""
    shown = set()
    for name, document in _of_kind("query").items():
        for hidden in library.hidden:
            variables = made_variables(document, schema, hidden, library.position, optional=False)
            text = library.post("root", print_ast(document), variables)
            if any(other in text for other in library.hidden if other != hidden):
                shown.add(name)
    assert shown >= {"event-detail", "trace"}


async def test_no_subscription_shows_a_role_what_it_may_not_see(
    library: Library, schema: GraphQLSchema
) -> None:
    """All are open, with the ids of what is hidden, while that changes."""
    async with library.served.client(authorization=library.headers["librarian"]) as client:
        operation = 0
        for document in _of_kind("subscription").values():
            for hidden in library.hidden:
                for optional in (False, True):
                    operation += 1
                    variables = made_variables(document, schema, hidden, library.position, optional=optional)
                    await client.subscribe(str(operation), print_ast(document), **variables)
        edit, author = {"id": library.memo, "text": f"{SECRET} again"}, library.headers["root"]
        await asyncio.to_thread(_send, library.served, author, "editMemo", **edit)
        book = await asyncio.to_thread(
            _send, library.served, library.headers["librarian"], "openBook", title="another book"
        )
        texts = [str(await client.receive())]
        while book not in texts[-1]:
            texts.append(str(await client.receive()))
    assert not [text for text in texts if SECRET in text]


@pytest.fixture(scope="module")
def screens(library: Library) -> Mapping[str, Mapping[str, str]]:
    """The texts of the pages of each caller, by what they are about."""
    build_pages()
    entities = [("entity", library.book), ("entity", library.person)]
    details = [*entities, *_details(library.hidden), *_details(library.missing)]
    callers = [
        {"token": "librarian", "details": details, "searches": [library.memo]},
        {"token": "root", "details": entities[1:], "searches": []},
    ]
    seen = run_in_browser("screens", {"base": f"http://127.0.0.1:{library.served.port}", "callers": callers})
    assert seen["problems"] == []
    texts: Mapping[str, Mapping[str, str]] = seen["screens"]
    return texts


def _details(ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pages of a memo, of its event and of its correlation, by their names and ids."""
    memo, event, _, correlation = ids
    return [("entity", memo), ("watch", event), ("trace", correlation)]


@pytest.mark.browser
def test_no_page_shows_a_role_what_it_may_not_see(
    library: Library, screens: Mapping[str, Mapping[str, str]]
) -> None:
    """A link to what is hidden shows the same page as one to what does not exist, or was erased."""
    pages = screens["librarian"]
    assert "a book" in pages[f"entity {library.book}"]
    for (page, hidden), (_, missing) in zip(_details(library.hidden), _details(library.missing), strict=True):
        texts = [pages[f"{page} {named}"].replace(named, "ID") for named in (hidden, missing)]
        assert texts[0] == texts[1]
    for named in (library.memo, library.missing[0], library.person):
        assert NOTHING_HERE in pages[f"entity {named}"]
    assert "Nothing that you may see" in pages[f"find {library.memo}"]
    for name, text in pages.items():
        named = name.partition(" ")[2]
        assert SECRET not in (text.replace(named, "") if named else text)


@pytest.mark.browser
def test_an_erased_person_is_shown_as_erased_to_those_who_may_know(
    library: Library, screens: Mapping[str, Mapping[str, str]]
) -> None:
    """The page has the history without the data, and the record of the erasure."""
    text = screens["root"][f"entity {library.person}"]
    for part in ("The personal data was erased", "asked for it", "person.registered", "Linz"):
        assert part in text
    assert SECRET not in text
