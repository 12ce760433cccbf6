"""The handlers of the conditions that commands declare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

from domain.kernel.catalog import Catalog
from domain.kernel.command import Command
from domain.kernel.conditions import Condition
from domain.kernel.errors import DeclarationError

C = TypeVar("C", bound=Command)

ConditionHandler = Callable[[str, C], Awaitable[None]]
"""Called with tenant and command: raises an error unless a precondition is met, or meets a postcondition."""


class ConditionHandlers:
    """The handlers of a command bus, by the conditions that they are for."""

    def __init__(self) -> None:
        self._handlers: dict[Condition[Any], ConditionHandler[Any]] = {}

    def add(self, condition: Condition[C], handler: ConditionHandler[C]) -> Self:
        """Use the handler for the condition."""
        self._handlers[condition] = handler
        return self

    def check_complete(self, catalog: Catalog) -> None:
        """Raise DeclarationError if a command of the catalog declares a condition that has no handler."""
        for context in catalog.contexts:
            for command in context.commands:
                for condition in (command.precondition, command.postcondition):
                    if condition is not None and condition not in self._handlers:
                        raise DeclarationError(
                            f"{command.__name__} declares the condition that {condition.text}, which has no "
                            "handler; add one to the ConditionHandlers of the bus"
                        )

    async def handle(self, condition: Condition[C], tenant: str, command: C) -> None:
        """Check or establish the condition of a command. Raises what the handler raises."""
        await self._handlers[condition](tenant, command)
