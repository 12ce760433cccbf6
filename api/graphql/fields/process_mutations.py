"""The mutations with which a person operates instances of processes, one by one and by a filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from inspect import cleandoc
from typing import Any

import strawberry

from api.graphql.declare import Resolver, argument, declare, list_of, output_field
from api.graphql.execution.request_context import Info
from api.graphql.fields.command_inputs import read_input
from api.graphql.identity import read_filter
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.limits.weights import COMMANDS, DEFAULT_PAGE
from api.process_operator import OPERABLE, InstanceOperation
from domain.kernel import Command
from domain.kernel.errors import ValidationFailed
from domain.process.commands import CancelProcess, InstanceCommand
from eventstore.place import Place
from projections.kernel.view import View


def bulk_mutations(view: View[Any], filters: Any, commands: Collection[type[Command]]) -> Iterator[Field]:
    """Yield ``retryProcesses``, ``resumeProcesses`` and ``cancelProcesses``, those of these commands.

    `view` is that of processes.
    """
    result = _declare_result()
    for command, states in OPERABLE.items():
        if command not in commands:
            continue
        arguments = [
            argument("filter", filters, "Conditions that the instances must meet."),
            argument("reason", str, "Why, for the record; it is kept."),
            argument("limit", int | None, f"The maximum number of instances; {DEFAULT_PAGE} by default."),
        ]
        if command is CancelProcess:
            text = "Undo first what was done, in reverse order."
            arguments.append(argument("compensate", bool, text, default=False))
        name = command.__name__.removesuffix("Process").lower()
        yield output_field(
            f"{name}_processes",
            result,
            f"{cleandoc(command.__doc__ or '')} It applies to the instances that meet the filter and are "
            f"{_join(states)}, first to those that have not changed for the longest time.",
            resolver=_resolver(command, view),
            arguments=arguments,
            weight=COMMANDS,
        )


def _join(states: Any) -> str:
    *rest, last = states
    return f"{', '.join(rest)} or {last}" if rest else str(last)


def _declare_result() -> Any:
    refusal = declare(
        "ProcessRefusal",
        [
            output_field("process_id", strawberry.ID, "The id of the instance."),
            output_field("code", str, "The code, as in the `extensions.code` of an error."),
            output_field("message", str, "The error message."),
        ],
        "An instance that refused a command.",
    )
    fields = [
        output_field("changed", int, "The number of instances that the command was stored for."),
        output_field("refused", list_of(refusal), "The instances that refused it."),
        output_field("has_more", bool, "Whether further instances meet the filter."),
        output_field(
            "position", Position | None, "The position of the last change; null if nothing has changed."
        ),
    ]
    return declare("ProcessesResult", fields, "The outcome of a command for several instances.")


def _resolver(command: type[InstanceCommand], view: View[Any]) -> Resolver:
    async def resolve(
        _root: object,
        info: Info,
        *,
        filter: Mapping[str, Any],
        limit: int | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        context = info.context
        operator = context.runtime.process_operator
        assert operator is not None, "the mutation exists only if a process is registered"
        size = _size(limit, context.runtime.settings.max_page)

        def make(id: str) -> InstanceCommand:
            return read_input(command, {"id": id, **fields})

        operation = InstanceOperation(
            command, make, context.command_scope, "graphql", context.permission(command)
        )
        plain_filter = read_filter(view, filter, context) or {}
        result = await operator.operate_all(operation, plain_filter, size)
        return {
            "changed": len(result.changed),
            "refused": [{"process_id": refusal.id, **asdict(refusal)} for refusal in result.refused],
            "has_more": result.has_more,
            "position": context.seal(Place(result.position)) if result.changed else None,
        }

    return resolve


def _size(limit: int | None, max_page: int) -> int:
    """Return the number of instances of one request. Raises ValidationFailed."""
    if limit is None:
        return min(DEFAULT_PAGE, max_page)
    if not 0 < limit <= max_page:
        raise ValidationFailed(f"limit must be between 1 and {max_page}", ("limit",))
    return limit
