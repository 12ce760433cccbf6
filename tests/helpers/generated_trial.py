"""A trial of generated contexts: everything that a client can see of their values."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from strawberry.utils.str_converters import to_camel_case

from api.lifecycle import open_runtime
from api.settings import Settings
from api.transfer.export_importer import ExportImporter
from api.transfer.exporter import Exporter, ExportRange
from domain.kernel import Envelope, Scope
from domain.kernel.event_data import event_codec
from domain.kernel.types.annotations import FieldType, OptionalOf, record_type
from domain.kernel.types.json_values import json_writer
from domain.kernel.types.stored_values import encoder
from projections.kernel.field_kinds import field_kind
from projections.querying.ordering import parse_order
from tests.helpers.generated_contexts import ADDED, GeneratedContext
from tests.helpers.graphql_forms import (
    Unwritable,
    field_input,
    is_writable,
    record_output,
    selection,
    to_input,
)
from tests.helpers.served_api import Served


@dataclass
class Made:
    """What was made of one context: the commands by the ids of their streams."""

    context: GeneratedContext
    commands: dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> str:
        types = self.context.types()
        return " ".join(f"{to_camel_case(name)} {selection(of)}" for name, of in types.items())

    def row_output(self, key: str) -> dict[str, Any]:
        """The row as the API has to write it."""
        record, command = self.context.view.record, self.commands[key]
        values = {"id": key, **{name: getattr(command, name) for name in self.context.fields}}
        return record_output(record, values, "")

    def data(self, key: str) -> Any:
        """The event's data as the API has to write it."""
        event = self.context.view.context.events[0]
        values = {name: getattr(self.commands[key], name) for name in self.context.fields}
        stored, write = (
            event_codec(event).write(event(**values)),
            json_writer(record_type(event), to_camel_case),
        )
        stored.pop(ADDED, None)
        return stored if write is None else write(stored)


def same(found: Any, expected: Any, about: object) -> None:
    assert found == expected, f"{found!r} is not {expected!r}; about {about!r}"


class Trial:
    """One nerve with several generated contexts, on a database of its own."""

    def __init__(self, made: Sequence[Made], mongo_url: str, redis_url: str) -> None:
        self.made = made
        self.settings: dict[str, Any] = {
            "mongo_url": mongo_url,
            "redis_url": redis_url,
            "database": f"test_{uuid4().hex}",
            "contexts": tuple(one.context.module for one in made),
            "snapshot_every": 1,
        }

    def commands(self, served: Served) -> None:
        """Send every command, by the API where its values can be sent."""
        others: list[Any] = []
        for one in self.made:
            for key, command in one.commands.items():
                given = {name: getattr(command, name) for name in one.context.fields}
                try:
                    sent = {name: field_input(one.context.types()[name], given[name]) for name in given}
                except Unwritable:
                    others.append(command)
                    continue
                self.mutate(served, one, key, sent)
        if others:
            asyncio.run(self._dispatch(others, wait=True))

    def mutate(self, served: Served, one: Made, key: str, sent: Mapping[str, Any]) -> None:
        capitals = one.context.capitals
        document = (
            f"mutation ($input: Make{capitals}Input!) {{ make{capitals}(input: $input, await: PROJECTED) "
            f"{{ {one.context.name} {{ id {one.row} }} }} }}"
        )
        given = {to_camel_case(name): value for name, value in sent.items()}
        answer = served.run(document, input={"id": key, **given})
        assert "errors" not in answer, (answer["errors"], sent)
        same(answer["data"][f"make{capitals}"][one.context.name], one.row_output(key), sent)

    async def _dispatch(self, commands: Sequence[Any], *, wait: bool) -> None:
        async with open_runtime(Settings(**self.settings)) as nerve:
            for command in commands:
                receipt = await nerve.bus.dispatch(Envelope(command, Scope()))
                if wait:
                    context = nerve.catalog.context_of(command)
                    await nerve.readers[context.name].wait_for(receipt.position, 30)

    def rows(self, served: Served) -> None:
        """Every row by its id and in its list: what cannot be written nulls its own field alone."""
        for one in self.made:
            name, single = f"{one.context.name}s", one.context.name
            answer = served.run(f"{{ {name}(first: 50) {{ nodes {{ id {one.row} }} }} }}")
            found = {row["id"]: row for row in answer["data"][name]["nodes"]}
            same(found, {key: one.row_output(key) for key in one.commands}, one.context.types())
            for key in one.commands:
                answer = served.run(f"query ($id: ID!) {{ {single}(id: $id) {{ id {one.row} }} }}", id=key)
                same(answer["data"][single], one.row_output(key), one.context.types())
                for error in answer.get("errors", ()):
                    assert error["extensions"]["code"] == "INTERNAL"

    def filters(self, served: Served) -> None:
        """Each value is found by equality, and each element of a list by containment."""
        for one in self.made:
            for name, of in one.context.types().items():
                if name in one.context.view.filters:
                    self._filter(served, one, name, of)

    def _filter(self, served: Served, one: Made, name: str, of: FieldType) -> None:
        kind = field_kind(of)
        assert kind is not None
        for key, command in one.commands.items():
            value = getattr(command, name)
            if kind.is_list:
                conditions = [("contains", item) for item in list(value or ())[:1]]
            else:
                conditions = [("eq", value)] if value is not None else [("isNull", True)]
            for operator, operand in conditions:
                if operator == "isNull" or is_writable(kind.scalar, operand):
                    sent = operand if operator == "isNull" else to_input(kind.scalar, operand)
                    found = self._ids(served, one, {to_camel_case(name): {operator: sent}})
                    assert key in found, (name, operator, operand)
                    negated = self._ids(served, one, {"not": {to_camel_case(name): {operator: sent}}})
                    assert sorted([*found, *negated]) == sorted(one.commands)

    def _ids(self, served: Served, one: Made, filter: Any, order: Any = None) -> list[str]:
        name, capitals = f"{one.context.name}s", one.context.capitals
        declared = f"$filter: {capitals}Filter" + (f", $by: [{capitals}Order!]" if order else "")
        given = "first: 50, filter: $filter" + (", orderBy: $by" if order else "")
        document = f"query ({declared}) {{ {name}({given}) {{ nodes {{ id }} }} }}"
        variables = {"filter": filter, **({"by": order} if order else {})}
        answer = served.run(document, **variables)
        assert "errors" not in answer, (answer, filter)
        return [row["id"] for row in answer["data"][name]["nodes"]]

    def orders(self, served: Served) -> None:
        """Each order is that of the stored values."""
        for one in self.made:
            view = one.context.view
            for name in view.orders:
                for direction in ("ASC", "DESC"):
                    order = parse_order(view, [(name, direction.lower())])  # type: ignore[list-item]
                    stored = [self._stored(one, key) for key in one.commands]
                    expected = [row["id"] for row in sorted(stored, key=order.key)]
                    by = [{"field": name.upper(), "direction": direction}]
                    same(self._ids(served, one, {}, by), expected, by)

    def _stored(self, one: Made, key: str) -> dict[str, Any]:
        command, types = one.commands[key], one.context.types()
        return {"id": key, **{name: _stored(of, getattr(command, name)) for name, of in types.items()}}

    def events(self, served: Served) -> None:
        """The data of all events, each stream's alike."""
        for one in self.made:
            for key in one.commands:
                document = "query ($id: ID!) { events(filter: {streams: [$id]}) { nodes { version data } } }"
                nodes = served.ask(document, id=key)["events"]["nodes"]
                for node in nodes:
                    node["data"].pop(ADDED, None)
                    same(node["data"], one.data(key), one.context.types())

    def again(self, served: Served) -> None:
        """The state of each stream, as it is loaded, decides an event that is the same once more."""
        for one in self.made:
            for key in one.commands:
                call = f"remake{one.context.capitals}(input: {{id: $id}}, await: PROJECTED)"
                served.ask(f"mutation ($id: ID!) {{ {call} {{ receipt {{ version }} }} }}", id=key)

    async def restart(self) -> None:
        """The same in another process, which loads each state from its snapshot."""
        commands: list[Any] = []
        for one in self.made:
            remake: Any = one.context.view.context.commands[1]
            commands += [remake(id=key) for key in one.commands]
        await self._dispatch(commands, wait=False)

    async def live(self, served: Served) -> None:
        """A live view sends the rows in its first message, and a row that comes in the next."""
        async with served.client() as client:
            for number, one in enumerate(self.made):
                key = next((key for key in one.commands if self._can_be_sent(one, key)), None)
                if key is None:
                    continue
                capitals, single = f"{one.context.capitals}s", one.context.name
                await client.subscribe(
                    str(number),
                    f"subscription {{ {single}s(first: 50) {{ __typename "
                    f"... on {capitals}Snapshot {{ {single}s {{ id {one.row} }} }} "
                    f"... on {one.context.capitals}Changed {{ {single} {{ id {one.row} }} }} }} }}",
                )
                snapshot = await self._next(client, str(number))
                assert {row["id"]: row for row in snapshot[f"{single}s"]} == {
                    key: one.row_output(key) for key in one.commands
                }
                command = one.commands[key].model_copy(update={"id": f"{key}-live"})
                one.commands[f"{key}-live"] = command
                sent = {
                    name: to_input(of, getattr(command, name)) for name, of in one.context.types().items()
                }
                await asyncio.to_thread(self.mutate, served, one, f"{key}-live", sent)
                while (message := await self._next(client, str(number)))["__typename"] == "CaughtUp":
                    pass
                same(message[single], one.row_output(f"{key}-live"), sent)
                await client.send(type="complete", id=str(number))

    async def _next(self, client: Any, operation: str) -> Any:
        """The data of the operation's next result; what cannot be written is null in it, with an error."""
        while (message := await client.receive())["id"] != operation:
            pass
        assert message["type"] == "next", message
        [data] = message["payload"]["data"].values()
        return data

    def _can_be_sent(self, one: Made, key: str) -> bool:
        types = one.context.types()
        return all(is_writable(of, getattr(one.commands[key], name)) for name, of in types.items())

    def all_is_as_it_was(self, served: Served) -> None:
        self.rows(served)
        self.events(served)

    async def export(self, path: Path) -> None:
        async with open_runtime(Settings(**self.settings)) as nerve:
            await Exporter(nerve.log).run(path, ExportRange(0, await nerve.log.high_water_mark()))

    async def restore(self, path: Path) -> None:
        """Import the file into another database, which is the trial's from now on."""
        self.settings["database"] += "_restored"
        async with open_runtime(Settings(**self.settings), worker=True) as nerve:
            refused: list[Any] = []
            await ExportImporter(nerve.catalog, nerve.log, on_refused=refused.append).run(path)
            assert refused == []
            for reader in nerve.readers.values():
                await reader.wait_for(await nerve.log.high_water_mark(), 30)


def _stored(of: FieldType, value: Any) -> Any:
    encode = encoder(OptionalOf(of))
    return value if encode is None else encode(value)
