"""One execution of a subscription: its source, and the results for its messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from graphql import ExecutionResult, GraphQLError

from api.graphql.error_bodies import error_body
from api.graphql.execution.core_executor import OperationExecutor, is_coroutine
from api.graphql.execution.execution_results import OperationRefused, build_result
from api.graphql.execution.message_writers import MessageWriter, SubscriptionSelection


@dataclass(frozen=True, slots=True)
class SubscriptionExecution:
    """A running subscription: the `source` that its resolver returned, and how messages become results."""

    bound: OperationExecutor
    selection: SubscriptionSelection
    source: Any
    _writers: dict[str, MessageWriter] = field(default_factory=dict)

    def result(self, message: Mapping[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        """Return the result for a message; a coroutine where the result has to wait for something."""
        typename = message["__typename"]
        write = self._writers.get(typename)
        if write is None:
            write = self._writers[typename] = self.selection.compile_writer(typename)
        data = write(message)
        if data is not None:
            return {"data": data}
        outcome: Any = self.bound.execute_message(message)
        return _await_result(outcome) if is_coroutine(outcome) else build_result(outcome)

    async def results(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield all results of a source that is an iterator; raises OperationRefused where it fails."""
        source = await self.source if is_coroutine(self.source) else self.source
        if isinstance(source, ExecutionResult):
            raise refused_by(source)
        async with aclosing(self.bound.execute_messages(source)) as results:
            try:
                async for result in results:
                    yield build_result(result)
            except Exception as error:
                raise OperationRefused([error_body(GraphQLError(str(error), original_error=error))]) from None


def refused_by(outcome: ExecutionResult) -> OperationRefused:
    """Return the refusal of a subscription whose source could not be opened."""
    return OperationRefused([error_body(error) for error in outcome.errors or ()])


async def _await_result(outcome: Awaitable[ExecutionResult]) -> dict[str, Any]:
    return build_result(await outcome)
