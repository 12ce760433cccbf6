"""Subscriptions whose subscribers share executions: what resolvers return, and who asks for the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from graphql import (
    SKIP,
    DocumentNode,
    FieldNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    VisitorAction,
    get_operation_ast,
    visit,
)

from subscriptions.live.messages import StatusMessage
from subscriptions.live.ports import Renderer
from subscriptions.live.sinks import Sink, Subscription

M = TypeVar("M")

AFTER = "after"
"""The argument that says where one subscriber begins, and nothing of what it is told from there on."""


class OpenSubscription(Protocol):
    """Begins what one subscriber asked for."""

    def __call__(
        self,
        sink: Sink,
        *,
        key: Hashable,
        renderer: Callable[[], Renderer[Any, bytes]],
        weigh: Callable[[bytes], int],
    ) -> Subscription: ...


class SharedSource(Generic[M]):
    """What a resolver returns where all who give the same key share what they are told.

    `open` begins it for one of them; `told` is a message as the fields of its type read it.
    """

    def __init__(
        self, open: OpenSubscription, told: Callable[[M | StatusMessage], Mapping[str, Any]]
    ) -> None:
        self.open = open
        self.told = told

    def __aiter__(self) -> NoReturn:
        """graphql-core asks for it in what a resolver returns; results are pushed to who opened it."""
        raise TypeError("a shared source is opened, and not iterated over")


def cursor_variable(node: DocumentNode, name: str | None) -> str | None:
    """The variable of the operation that says where its subscriber begins, where it says nothing else."""
    operation = get_operation_ast(node, name)
    uses = _VariableUses()
    visit(node, uses)
    for field in operation.selection_set.selections if operation else ():
        for argument in (field.arguments or ()) if isinstance(field, FieldNode) else ():
            value = argument.value
            if argument.name.value == AFTER and isinstance(value, VariableNode):
                return value.name.value if uses.found.count(value.name.value) == 1 else None
    return None


class _VariableUses(Visitor):
    """Where the variables of a document are used: a name for each time."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def enter_variable_definition(self, _node: VariableDefinitionNode, *_: Any) -> VisitorAction:
        return SKIP

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.found.append(node.name.value)
