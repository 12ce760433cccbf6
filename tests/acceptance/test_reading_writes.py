"""Waits and reads are exact: what a row holds, what waits in it, and what a command waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.helpers.command_messages import command_messages
from tests.helpers.fragile_context import BAD, Bug
from tests.helpers.served_api import Client, Served, serve

WAIT = 20.0
META = "_meta { key version position parked asOf }"
ADD = """mutation ($name: String!, $id: ID) { addItem(input: { id: $id, name: $name }, await: PROJECTED) {
  receipt { stream version position } item { id name _meta { version } } } }"""
RENAME = """mutation ($id: ID!, $name: String!, $expected: Int, $command: ID) { renameItem(
  input: { id: $id, name: $name }, expectedVersion: $expected, commandId: $command, await: PROJECTED
) { receipt { version position replayed } item { name } } }"""
RENAME_UNSEEN = """mutation ($id: ID!, $name: String!) {
  renameItem(input: { id: $id, name: $name }, await: PROJECTED) { receipt { version position } } }"""
CHECK = """mutation ($id: ID!) { checkItem(input: { id: $id }, await: PROJECTED) {
  receipt { version position } item { _meta { version } } } }"""
ITEM = f"query ($id: ID!, $at: Position) {{ item(id: $id, atLeast: $at) {{ id name {META} }} }}"
RETRY = """mutation ($input: RetryDeadLetterInput!) {
  retryDeadLetter(input: $input, await: PROJECTED) { receipt { position } } }"""
COMMAND = """subscription ($id: ID!) { command(id: $id) { __typename
  ... on CommandProjected { view } ... on CommandParked { view deadLetters } } }"""


@pytest.fixture(scope="module")
def name() -> str:
    """Of the module's own database."""
    return f"test_{uuid4().hex}"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str, name: str) -> Iterator[Served]:
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": name}
    contexts = ["tests.helpers.fragile_context", "tests.helpers.item_names", "projections.views.documents"]
    with serve(**own, contexts=contexts, wait_timeout=WAIT) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture(autouse=True)
def _bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views have their bug at first, and for the tests of other modules as before."""
    monkeypatch.setattr(Bug, "there", True)


def item(served: Served, name: str = "good") -> str:
    receipt = served.ask(ADD, name=name)["addItem"]["receipt"]
    return str(receipt["stream"])


def letter_of(item: str, version: int = 2) -> dict[str, Any]:
    named = {"view": "items", "row": item, "stream": item, "version": version}
    return {"code": "PARKED", "deadLetterId": f"items/{item}/{item}@{version}", **named}


def test_b3_waiting_for_a_row_that_could_not_be_folded_fails_at_once_with_the_receipt(served: Served) -> None:
    of, began = item(served), time.monotonic()
    answer = served.run(RENAME, id=of, name=BAD)
    assert time.monotonic() - began < WAIT / 2
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]) == (["renameItem", "item"], letter_of(of))
    assert answer["data"]["renameItem"]["item"] is None
    assert answer["data"]["renameItem"]["receipt"]["version"] == 2


def test_b3_what_waits_behind_a_parked_event_fails_with_its_dead_letter(served: Served) -> None:
    of = item(served)
    served.run(RENAME, id=of, name=BAD)
    answer = served.run(RENAME, id=of, name="good again")
    assert answer["data"]["renameItem"]["receipt"]["version"] == 3
    assert answer["errors"][0]["extensions"] == letter_of(of)


def test_b3_a_stream_that_begins_with_a_parked_event_fails_too(served: Served) -> None:
    answer = served.run(ADD, name=BAD)
    of = answer["data"]["addItem"]["receipt"]["stream"]
    assert answer["errors"][0]["extensions"] == letter_of(of, 1)


def test_b3_the_error_is_reported_beside_a_payload_that_selects_no_row(served: Served) -> None:
    of = item(served)
    answer = served.run(RENAME_UNSEEN, id=of, name=BAD)
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]) == (["renameItem"], letter_of(of))
    assert answer["data"]["renameItem"]["receipt"]["version"] == 2


def test_b3_the_error_is_that_of_the_row_wherever_it_is_selected(served: Served) -> None:
    of = item(served)
    document = """mutation ($id: ID!, $name: String!) {
      a: renameItem(input: { id: $id, name: $name }, await: PROJECTED) { ...Payload receipt { version } } }
    fragment Payload on RenameItemPayload { ... on RenameItemPayload { i: item { __typename } } }"""
    [error] = served.run(document, id=of, name=BAD)["errors"]
    assert (error["path"], error["extensions"]) == (["a", "i"], letter_of(of))


def test_b3_reads_show_what_waits_and_fail_where_they_ask_for_it(served: Served) -> None:
    of = item(served)
    before = served.ask(ITEM, id=of)["item"]
    assert before["_meta"]["parked"] == []
    position = served.run(RENAME, id=of, name=BAD)["data"]["renameItem"]["receipt"]["position"]
    row = served.ask(ITEM, id=of)["item"]
    assert (row["name"], row["_meta"]["version"]) == ("good", 1)
    assert row["_meta"]["parked"] == [letter_of(of)["deadLetterId"]]
    refused = served.refused(ITEM, id=of, at=position)
    assert (refused["path"], refused["extensions"]) == (["item"], letter_of(of))
    listed = served.ask(
        f"query ($at: Position) {{ items(atLeast: $at, first: 200) {{ nodes {{ id {META} }} }} }}",
        at=position,
    )
    [same] = [one for one in listed["items"]["nodes"] if one["id"] == of]
    assert same["_meta"] == row["_meta"]
    assert served.ask(ITEM, id=of, at=before["_meta"]["position"])["item"]["name"] == "good"


def test_b3_a_dead_letter_is_found_by_its_id_and_its_retry_waits_for_the_row(served: Served) -> None:
    of = item(served)
    served.run(RENAME, id=of, name=BAD)
    served.run(RENAME, id=of, name="better")
    query = "query ($id: ID!) { deadLetter(id: $id) { id view row stream version } }"
    letter = served.ask(query, id=letter_of(of)["deadLetterId"])["deadLetter"]
    named = {name: letter[name] for name in ("view", "row", "stream", "version")}
    assert {**named, "code": "PARKED", "deadLetterId": letter["id"]} == letter_of(of)
    failed = served.run(RETRY, input=named)
    assert failed["errors"][0]["extensions"] == letter_of(of)
    assert failed["data"]["retryDeadLetter"]["receipt"]["position"]
    Bug.there = False
    served.ask(RETRY, input=named)
    row = served.ask(ITEM, id=of)["item"]
    assert (row["name"], row["_meta"]["version"], row["_meta"]["parked"]) == ("better", 3, [])
    assert served.ask(query, id=letter["id"]) == {"deadLetter": None}
    assert served.ask(query, id="nothing/like/this") == {"deadLetter": None}


def test_b3_an_event_whose_rows_are_not_known_is_reported_by_the_command_subscription(served: Served) -> None:
    async def follow() -> list[Any]:
        async with served.client() as client:
            await client.subscribe("1", COMMAND, id=command)
            return await command_messages(client)

    of, command = item(served), uuid4().hex
    served.run(RENAME, id=of, name=BAD, command=command)
    received = [one for one in asyncio.run(follow()) if "view" in one]
    letters = {one["view"]: one["deadLetters"] for one in received}
    assert letters == {"items": [f"items/{of}/{of}@2"], "itemNames": [f"item_names//{of}@2"]}
    assert {one["__typename"] for one in received} == {"CommandParked"}
    Bug.there = False


def test_a_command_that_changed_nothing_waits_for_what_it_found(served: Served) -> None:
    of = item(served)
    again = served.ask(RENAME, id=of, name="good")["renameItem"]
    assert (again["receipt"]["version"], again["item"]) == (1, {"name": "good"})
    served.run(RENAME, id=of, name=BAD)
    parked = served.run(RENAME, id=of, name=BAD)
    assert parked["errors"][0]["extensions"] == letter_of(of)


def test_c19_the_version_of_any_row_is_the_one_to_expect(served: Served) -> None:
    of = item(served)
    checked = served.ask(CHECK, id=of)["checkItem"]
    assert checked["receipt"]["version"] == checked["item"]["_meta"]["version"] == 2
    rows = served.ask(
        f"query ($id: ID!) {{ item(id: $id) {{ {META} }} items(first: 200) {{ nodes {{ id {META} }} }} "
        f"node(id: $id) {{ ... on Item {{ {META} }} }} }}",
        id=of,
    )
    metas = [rows["item"]["_meta"], rows["node"]["_meta"]]
    metas += [one["_meta"] for one in rows["items"]["nodes"] if one["id"] == of]
    assert (
        metas
        == [{"key": of, "version": 2, "position": checked["receipt"]["position"], "parked": [], "asOf": None}]
        * 3
    )
    served.ask(RENAME, id=of, name="first", expected=2)
    conflict = served.run(RENAME, id=of, name="second", expected=2)
    assert conflict["data"] == {"renameItem": None}
    assert conflict["errors"][0]["extensions"] == {
        "code": "CONCURRENCY_CONFLICT",
        "stream": of,
        "expectedVersion": 2,
        "version": 3,
    }


def test_c19_a_merge_rule_takes_the_version_of_a_row_that_was_read_before_another_change(
    served: Served,
) -> None:
    created = served.ask(
        """mutation { createDocument(input: { title: "t", content: { a: 1, b: 1 } }, await: PROJECTED) {
        document { id _meta { version } } } }"""
    )["createDocument"]["document"]
    patch = """mutation ($id: ID!, $patch: JSON!, $expected: Int!) { patchDocument(
      input: { id: $id, patch: $patch }, expectedVersion: $expected, await: PROJECTED) {
      document { content _meta { version } } } }"""
    seen = {"id": created["id"], "expected": created["_meta"]["version"]}
    served.ask(patch, patch={"a": 2}, **seen)
    merged = served.ask(patch, patch={"b": 2}, **seen)["patchDocument"]["document"]
    assert merged == {"content": {"a": 2, "b": 2}, "_meta": {"version": 3}}
    assert served.refused(patch, patch={"a": 3}, **seen)["extensions"]["code"] == "CONCURRENCY_CONFLICT"


def test_c19_rows_across_streams_have_a_position_and_no_version(served: Served) -> None:
    of = item(served, "across")
    position = served.ask(ITEM, id=of)["item"]["_meta"]["position"]
    row = served.ask(f'{{ itemName(id: "across", atLeast: "{position}") {{ id {META} }} }}')["itemName"]
    assert row == {
        "id": "ItemName:across",
        "_meta": {"key": "across", "version": None, "position": position, "parked": [], "asOf": None},
    }


def test_c19_history_and_rows_of_the_past_have_the_version_of_then(served: Served) -> None:
    of = item(served)
    served.ask(CHECK, id=of)
    served.ask(RENAME, id=of, name="new")
    history = served.ask(
        f"""query ($id: ID!) {{ itemHistory(id: $id) {{
          nodes {{ position before {{ {META} }} after {{ {META} }} }} }} }}""",
        id=of,
    )["itemHistory"]["nodes"]
    first, second = history
    assert (first["before"], first["after"]["_meta"]["version"]) == (None, 1)
    assert (second["before"]["_meta"]["version"], second["after"]["_meta"]["version"]) == (2, 3)
    assert second["after"]["_meta"]["key"] == of
    assert second["after"]["_meta"]["asOf"] == second["after"]["_meta"]["position"] == second["position"]
    past = f"query ($id: ID!, $at: Position!) {{ item(id: $id, asOf: {{ position: $at }}) {{ id {META} }} }}"
    then = served.ask(past, id=of, at=first["position"])["item"]
    assert then["_meta"] == first["after"]["_meta"]
    assert then["id"] != of == then["_meta"]["key"]
    now = served.ask(past, id=of, at=second["position"])["item"]
    assert now["_meta"] == second["after"]["_meta"]


async def test_c19_live_messages_have_the_version_and_what_waits(served: Served) -> None:
    of = await asyncio.to_thread(item, served)
    query = f"""subscription ($id: ID!) {{ item(id: $id) {{
      ... on ItemSnapshot {{ item {{ name {META} }} }}
      ... on ItemChanged {{ changedFields item {{ name {META} }} }} }} }}"""

    async def change(client: Client, document: str, **variables: Any) -> tuple[Any, Any, Any]:
        await asyncio.to_thread(served.run, document, id=of, **variables)
        received = await client.next()
        return (
            received["changedFields"],
            received["item"]["_meta"]["version"],
            received["item"]["_meta"]["parked"],
        )

    async with served.client() as client:
        await client.subscribe("1", query, id=of)
        assert (await client.next())["item"]["_meta"]["version"] == 1
        assert await client.next() == {}
        assert await change(client, CHECK) == ([], 2, [])
        assert await change(client, RENAME, name="new") == (["name", "names"], 3, [])
        assert await change(client, RENAME, name=BAD) == ([], 3, [f"items/{of}/{of}@4"])


def test_c19_rows_that_were_stored_without_a_version_have_it_too(
    served: Served, mongo_url: str, name: str
) -> None:
    of = item(served)
    served.ask(CHECK, id=of)
    broken = item(served)
    served.run(RENAME, id=broken, name=BAD)
    query = f"query ($a: ID!, $b: ID!) {{ a: item(id: $a) {{ {META} }} b: item(id: $b) {{ {META} }} }}"
    rows = served.ask(query, a=of, b=broken)
    assert [rows[name]["_meta"]["version"] for name in "ab"] == [2, 1]
    with MongoClient[dict[str, Any]](mongo_url) as client:
        stored = client[name]["view_items_1"]
        stored.update_many({"id": {"$in": [of, broken]}}, {"$unset": {"_version": 1}})
    assert served.ask(query, a=of, b=broken) == rows
