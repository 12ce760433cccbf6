"""The query `contexts`: what the registered contexts declare, as far as it exists for the caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from inspect import cleandoc
from typing import Any

from api.access.visibility import Visibility
from api.graphql.declare import declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from domain.kernel import Catalog, Command, Context, Event
from domain.kernel.names import client_name
from domain.kernel.severity import Severity
from domain.process import Policy
from domain.process.context import ProcessContext
from domain.process.process import trigger_classes
from projections.kernel.view import View


class ContextKind(StrEnum):
    """What a context is about: an AGGREGATE, which handles commands, or a PROCESS, which reacts to events."""

    AGGREGATE = "AGGREGATE"
    PROCESS = "PROCESS"


_COMMAND = {
    "name": (str, "The class of the command."),
    "mutation": (str, "The mutation that sends it."),
    "description": (str, "What it does."),
}
_EVENT = {
    "type": (str, "The type of the event, such as `task.completed`."),
    "revision": (int, "The number of shapes that its data has had; upcasters read the older ones."),
    "description": (str, "What has happened."),
}
_VIEW = {
    "name": (str, "The name of the view, which is its list query."),
    "singular": (str, "The query of one row."),
    "is_entity": (bool, "Whether its rows are the entities of the context, with the ids of their streams."),
    "description": (str, "What a row is."),
}
_CONTEXT = {
    "name": (str, "The name of the context."),
    "category": (str, "The category of its streams: what their ids begin with, before the first hyphen."),
    "also_read_by": (list_of(str), "The views of other contexts that read its events too."),
    "reacts_to": (list_of(str), "Of a process the types of events that it reacts to."),
    "policies": (list_of(str), "The policies that react to its events."),
}


def context_map_field(
    catalog: Catalog, views: Sequence[View[Any]], visibility: Visibility, types: TypeMap
) -> Field:
    """Return ``contexts``; `views` are those that exist for the caller."""
    contexts = list(declared_contexts(catalog, views, visibility))

    def resolve(_root: object, info: Info) -> list[dict[str, Any]]:
        policies = info.context.runtime.policies
        return [{**each, "policies": _policies(each, policies)} for each in contexts]

    return output_field(
        "contexts",
        list_of(_declare_context(types)),
        "The contexts of which something exists for the caller, with their commands, events and views; for "
        "callers with the role operator or deployment.",
        resolver=resolve,
    )


def _declare_context(types: TypeMap) -> Any:
    severity = output_field(
        "severity",
        types.of(Severity, "severity", "EventDeclaration") | None,
        "The severity of all events of the type; null if there is none, or each event has its own.",
    )
    kind = types.of(ContextKind, "kind", "ContextKind")
    command = declare("CommandDeclaration", output_fields(_COMMAND), "A command of a context.")
    event = declare("EventDeclaration", [*output_fields(_EVENT), severity], "A type of event of a context.")
    view = declare("ViewDeclaration", output_fields(_VIEW), "A view that is declared with this context.")
    fields = [
        output_field("kind", kind, "What the context is about."),
        *output_fields(_CONTEXT),
        output_field("commands", list_of(command), "The commands that the caller may send."),
        output_field("events", list_of(event), "The types of events that the caller may read."),
        output_field("views", list_of(view), "The views that the caller may read."),
    ]
    return declare("ContextDeclaration", fields, "What a context declares.")


def declared_contexts(
    catalog: Catalog, views: Sequence[View[Any]], visibility: Visibility
) -> Iterator[dict[str, Any]]:
    """Yield what each context declares, as far as it is visible, in the order of their registration."""
    for context in catalog.contexts:
        commands = [
            command
            for command in context.commands
            if command in visibility.commands and command not in context.shared_commands
        ]
        events = [
            event
            for event in context.events
            if event.type in visibility.events and event not in context.shared_events
        ]
        own_views = [view for view in views if view.context == context]
        if commands or events or own_views:
            also = [client_name(view.name) for view in views if context in view.also_reads]
            yield {
                "name": context.name,
                "category": context.category,
                "kind": (
                    ContextKind.PROCESS if isinstance(context, ProcessContext) else ContextKind.AGGREGATE
                ).value,
                "commands": [_command(command) for command in commands],
                "events": [_event(event) for event in events],
                "views": [_view(view) for view in own_views],
                "also_read_by": also,
                "reacts_to": list(_triggers(context, visibility)),
            }


def _triggers(context: Context, visibility: Visibility) -> Iterator[str]:
    """Yield the types of events that a process reacts to; outcomes of its effects are no events."""
    if isinstance(context, ProcessContext):
        for trigger in trigger_classes(context.process):
            if issubclass(trigger, Event) and trigger.type in visibility.events:
                yield trigger.type


def _policies(context: Mapping[str, Any], policies: Sequence[Policy]) -> list[str]:
    types = {event["type"] for event in context["events"]}
    return [policy.name for policy in policies if any(event.type in types for event in policy.events)]


def _command(command: type[Command]) -> dict[str, Any]:
    name = command.__name__
    return {"name": name, "mutation": name[0].lower() + name[1:], "description": _text(command)}


def _event(event: type[Event]) -> dict[str, Any]:
    severity = None if event.type_severity is None else event.type_severity.value
    return {
        "type": event.type,
        "revision": event.revision,
        "description": _text(event),
        "severity": severity,
    }


def _view(view: View[Any]) -> dict[str, Any]:
    return {
        "name": client_name(view.name),
        "singular": client_name(view.singular),
        "is_entity": view.is_entity,
        "description": view.description,
    }


def _text(declared: type[Any]) -> str:
    """Return the first paragraph of the text of a declaration, empty without one of its own."""
    return cleandoc(vars(declared).get("__doc__") or "").split("\n\n")[0]
