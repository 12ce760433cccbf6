"""One execution of a compiled operation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from graphql import ExecutionResult
from graphql.execution import VariableValues

from api.execution_metrics import CoreReason
from api.graphql.execution.batched_fields import BatchedField, PendingValue
from api.graphql.execution.compiled_operations import CompiledOperation, RootField
from api.graphql.execution.core_executor import is_coroutine
from api.graphql.execution.request_context import ExecutionContext
from api.graphql.execution.write_functions import NotCompilable
from api.limits.byte_budget import ByteBudget

ExecuteByCore = Callable[[CoreReason, Mapping[str, Any]], Awaitable[ExecutionResult]]
"""Lets graphql-core execute the operation. Fields of the root with a value in the mapping have that value."""


class CompiledExecution:
    """Resolves the fields of the root, writes their values as soon as they are there, then pending ones.

    After an error, and for a value that does not fit its type, graphql-core executes the operation by
    `execute_by_core`. It gets the values of the root's fields: no command is sent, and no page is read, a
    second time. Counts and sides of the root's pages are read again.
    """

    def __init__(
        self,
        operation: CompiledOperation,
        fields: Sequence[RootField],
        variables: VariableValues,
        context: ExecutionContext,
        budget: ByteBudget,
        execute_by_core: ExecuteByCore,
    ) -> None:
        self._operation = operation
        self._fields = fields
        self._variables = variables
        self._context = context
        self._budget = budget
        self._execute_by_core = execute_by_core
        self._resolved: dict[str, Any] = {}
        """The values of fields by their names in the response; an exception that was raised is a value."""
        self._data: dict[str, Any] = {}
        self._batched_rows = 0
        self._reason: CoreReason | None = None
        """Why graphql-core has to continue, if it has."""

    async def run(self) -> ExecutionResult:
        """Return the result."""
        if self._operation.is_serial or len(self._fields) == 1:
            await self._execute_serially()
        else:
            await asyncio.gather(*map(self._execute, self._fields))
        if self._reason is not None:
            # It reads the rows of batched fields from the same batches, and counts them again.
            self._context.reads.forget_returned(self._batched_rows)
            return await self._execute_by_core(self._reason, self._resolved)
        return ExecutionResult({field.name: self._data[field.name] for field in self._fields})

    async def _execute_serially(self) -> None:
        for field in self._fields:
            await self._execute(field)
            if self._reason is not None:
                # An error of one field may keep the next ones from being executed.
                return

    async def _execute(self, field: RootField) -> None:
        try:
            value = await self._resolve(field)
            self._data[field.name] = field.write(value, self._budget, self._context)
        except Exception as error:
            self._fail(error)
        while (pending := self._context.pending_values.take()) and self._reason is None:
            if len(pending) == 1:
                [(batched, values)] = pending.items()
                await self._fill(batched, values)
            else:
                await asyncio.gather(*(self._fill(batched, values) for batched, values in pending.items()))

    async def _resolve(self, field: RootField) -> Any:
        """Return the value of the field, and keep it; raises any exception where it has none."""
        if field.selected is None:
            return None
        arguments = field.selected.arguments.coerce(self._variables)
        info = self._operation.info(field.selected, self._variables, self._context)
        try:
            assert field.selected.definition.resolve is not None
            value = field.selected.definition.resolve(None, info, **arguments)
            if is_coroutine(value):
                value = await value
        except Exception as error:
            self._resolved[field.name] = error
            raise
        self._resolved[field.name] = value
        if isinstance(value, Exception):
            raise NotCompilable
        return value

    async def _fill(self, field: BatchedField, pending_values: Sequence[PendingValue]) -> None:
        """Read the values of a field for all objects that lack it, and write them."""
        try:
            info = self._operation.info(field.selected, self._variables, self._context)
            arguments = field.selected.arguments.coerce(self._variables)
            sources = [pending.source for pending in pending_values]
            values = await field.resolver.resolve_all(sources, info, arguments)
            if rows := field.resolver.count_rows(values):
                self._batched_rows += rows
                self._context.count_rows(rows)
            for pending, value in zip(pending_values, values, strict=True):
                await self._context.turns.take()
                pending.data[field.name] = field.write(value, self._budget, self._context)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._reason = error.reason if isinstance(error, NotCompilable) else CoreReason.VALUE
