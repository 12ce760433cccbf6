"""Subscriptions whose subscribers share one execution: the sources that their resolvers return."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from graphql import SKIP, DocumentNode, VariableDefinitionNode, VariableNode, Visitor, VisitorAction, visit

from api.graphql.execution.selection_tree import FieldSelection, SelectionSet
from eventstore.place import Place
from subscriptions.live.messages import StatusMessage
from subscriptions.live.ports import Renderer
from subscriptions.live.sinks import Sink, Subscription

M = TypeVar("M")

AFTER = "after"
"""The argument that says where a subscriber resumes. It changes nothing of what follows."""


class OpenSubscription(Protocol):
    """Adds a subscriber to the topic of this key, which is created for its first subscriber."""

    def __call__(
        self,
        sink: Sink,
        *,
        key: Hashable,
        renderer: Callable[[], Renderer[Any, bytes]],
        weigh: Callable[[bytes], int],
    ) -> Subscription: ...


class PushedSource:
    """What a resolver returns whose results are pushed into the sinks of subscribers."""

    def __aiter__(self) -> NoReturn:
        """Satisfy graphql-core, which wants an iterator of a resolver. Results are pushed into the sink."""
        raise TypeError("a shared source is opened, not iterated over")


class SharedSource(PushedSource, Generic[M]):
    """What a resolver returns where all subscribers with one key share a topic.

    `open` adds a subscriber. `to_source` returns a message as the fields of its type read it: as a
    `SharedObject` if many topics get the same message, which is of the `shared_type` then. `bound_rules` is
    what the rules of access allow the subscriber of what the messages show: others see the same messages if
    it is equal.
    """

    def __init__(
        self,
        open: OpenSubscription,
        to_source: Callable[[M | StatusMessage], Mapping[str, Any]],
        bound_rules: Hashable,
        shared_type: str | None = None,
    ) -> None:
        self.open = open
        self.to_source = to_source
        self.bound_rules = bound_rules
        self.shared_type = shared_type


class LiveQuerySource(PushedSource):
    """A live query, whose subscriber resumes `after` a place, if it has one.

    It is executed at most once in `interval` seconds. With `sends_patches` a result follows as the changes
    from the one before.
    """

    def __init__(self, after: Place | None, interval: float, *, sends_patches: bool) -> None:
        self.after = after
        self.interval = interval
        self.sends_patches = sends_patches


def cursor_variable(document: DocumentNode, root: SelectionSet) -> str | None:
    """Return the variable that holds the subscriber's cursor and nothing else, if the operation has one.

    `root` is what the operation selects.
    """
    fields = [member.node for member in root.members if isinstance(member, FieldSelection)]
    for argument in (argument for field in fields for argument in field.arguments or ()):
        if argument.name.value == AFTER and isinstance(argument.value, VariableNode):
            name = argument.value.name.value
            uses = _VariableUses()
            visit(document, uses)
            return name if uses.names.count(name) == 1 else None
    return None


class _VariableUses(Visitor):
    """Collects the name of a variable each time that the document uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable_definition(self, _node: VariableDefinitionNode, *_: Any) -> VisitorAction:
        return SKIP

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.append(node.name.value)
