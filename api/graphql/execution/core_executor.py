"""graphql-core's execution, with parts that no release promises to keep.

`OperationExecutor` overrides how a field is executed and how the executor of a subscription's message is
made. tests/unit/test_dependencies.py says which parts these are, and fails where a release changes one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from types import CoroutineType
from typing import Any, NamedTuple, TypeGuard

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    MiddlewareManager,
    OperationType,
    create_source_event_stream,
    execute_root_selection_set,
    execute_subscription_event,
    map_source_to_response_event,
)
from graphql.execution.collect_fields import FieldDetails

from api.graphql.error_bodies import UnwritableValue
from api.graphql.execution.object_writers import Write
from api.graphql.execution.request_context import ExecutionContext
from api.graphql.execution.value_writers import FieldWriters
from api.limits.byte_budget import MAX_RESPONSE_BYTES, ByteBudget
from domain.kernel.limit_errors import ResponseTooLarge


class _FieldWriter(NamedTuple):
    """The writer of a field; None where graphql-core executes it.

    It is found by the identity of graphql-core's list of the field's `details`, which it therefore keeps.
    """

    details: Sequence[FieldDetails]
    write: Write | None


class CheckedExecutor(Executor[Any]):
    """graphql-core's executor, with an error of its own for values that cannot be written."""

    @staticmethod
    def complete_leaf_value(return_type: GraphQLLeafType, result: Any) -> Any:
        """Return the value as a response has it; raises UnwritableValue where the type has no form for it."""
        try:
            return Executor.complete_leaf_value(return_type, result)
        except Exception as error:
            raise UnwritableValue(return_type.name) from error


class OperationExecutor(CheckedExecutor):
    """One operation with the variables of one request.

    Compiled writers write the fields whose values are there at once, with all that is selected inside them.
    Everything else, errors included, is done by graphql-core.
    """

    def __init__(
        self, *parts: Any, writers: FieldWriters, max_bytes: int = MAX_RESPONSE_BYTES, **options: Any
    ) -> None:
        super().__init__(*parts, **options)
        self._writers = writers
        self._writers_of_fields: dict[int, _FieldWriter] = {}
        self._max_bytes = max_bytes
        self._budget = ByteBudget(max_bytes)
        self._drops_rest = False

    @classmethod
    def bind(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        context: ExecutionContext,
        variables: dict[str, Any],
        operation_name: str | None,
        writers: FieldWriters,
        max_bytes: int = MAX_RESPONSE_BYTES,
        resolved: Mapping[str, Any] | None = None,
    ) -> OperationExecutor | list[GraphQLError]:
        """Return the operation that is to be run, or the errors of its variables.

        Fields of the root with a value in `resolved` have that value, and are not resolved again.
        """
        bound: Any = cls.build(
            schema,
            document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation_name,
            middleware=MiddlewareManager(_keep_resolved(resolved)) if resolved else None,
            is_awaitable=is_coroutine,
            writers=writers,
            max_bytes=max_bytes,
        )
        return bound  # type: ignore[no-any-return]

    def run(self) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Return the result of a query or mutation."""
        return execute_root_selection_set(self)

    def open_source(self) -> Any:
        """Return what the resolver of a subscription returns, or an ExecutionResult with its errors."""
        return create_source_event_stream(self)

    def execute_message(self, message: Mapping[str, Any]) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Return the result of a subscription for one message."""
        return execute_subscription_event(self.build_per_event_executor(message))

    def execute_messages(self, messages: Any) -> AsyncGenerator[ExecutionResult, None]:
        """Return the results of a subscription for all messages of an iterator."""
        return map_source_to_response_event(self, messages)

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """Return the executor of one message: each message is an execution of its own, with its own reads."""
        executor: Any = super().build_per_event_executor(payload)
        executor.context_value = self.context_value.renew()
        # graphql-core 3.3 shares this cache between all messages; each adds what no other finds, and it only
        # grows.
        executor._relevant_sub_fields = {}
        executor._writers_of_fields = {}
        executor._budget = ByteBudget(self._max_bytes)
        return executor  # type: ignore[no-any-return]

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]
        """Return the value as a response has it, and count its bytes."""
        written = CheckedExecutor.complete_leaf_value(return_type, result)
        if not self._drops_rest:
            self._spend(written)
        return written

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Any,
        position_context: Any,
    ) -> Any:
        """Write the field at once where it can be; otherwise leave it to graphql-core."""
        field = self._writers_of_fields.get(id(field_details_list))
        if field is None:
            field = self._field_writer(parent_type, field_details_list)
        if field.write is not None:
            if self._drops_rest:
                return None
            left = self._budget.left
            try:
                return field.write(source, self._budget, self.context_value)
            except Exception:
                # graphql-core writes the same value again, and its errors where they belong.
                self._budget.left = left
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def _field_writer(self, declared: GraphQLObjectType, details: Sequence[FieldDetails]) -> _FieldWriter:
        nodes = [each.node for each in details]
        write = self._writers.find(declared, nodes, self.variable_values.coerced)
        field = self._writers_of_fields[id(details)] = _FieldWriter(details, write)
        return field

    def _spend(self, leaf: Any) -> None:
        """Count a leaf that is written; raises ResponseTooLarge where the response is full.

        The data of a query is dropped then, and its other leaves are not written any more. Receipts of a
        mutation must reach the client.
        """
        try:
            self._budget.spend("", leaf)
        except ResponseTooLarge:
            self._drops_rest = self.operation.operation is not OperationType.MUTATION
            raise


def _keep_resolved(resolved: Mapping[str, Any]) -> Callable[..., Any]:
    """Return what graphql-core calls in place of all resolvers, with the resolver as the first argument."""

    def resolve(resolver: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        path = info.path
        if path.prev is None and path.key in resolved:
            return _take_turn(resolved[path.key], info.context)
        return resolver(source, info, **arguments)

    return resolve


async def _take_turn(value: Any, context: ExecutionContext) -> Any:
    """Return the value when it is time to write it: the values of all fields are there at once."""
    await context.turns.take()
    return value


def is_coroutine(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Return whether a value must be awaited: resolvers return nothing else that must."""
    return type(value) is CoroutineType
