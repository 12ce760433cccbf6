"""The one place where operations are run. Today graphql-core runs them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any, TypeGuard

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
    execute_root_selection_set,
    execute_subscription_event,
    map_source_to_response_event,
    parse,
    validate,
)
from graphql import Executor as CoreExecutor

from api.graphql.error_bodies import error_body, refused_result, request_error_body
from api.graphql.execution.error_paths import error_paths
from api.graphql.execution.leaves import LeafExecutor, find_leaves
from api.graphql.execution.link_limits import check_links
from api.graphql.execution.message_writers import MessageWriter, compile_writer
from api.graphql.execution.operation_request import OperationRequest, choose_operation
from api.graphql.execution.persisted import PersistedDocuments
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.selections import DocumentSelections
from domain.kernel.errors import (
    NotTrusted,
    PersistedQueryNotFound,
    TooComplex,
    TooManyRows,
    ValidationFailed,
)
from eventstore.lru import LruCache

Result = dict[str, Any]
"""A response as it is encoded. Without ``data`` it was refused before anything was run."""

CACHED_DOCUMENTS = 1_000
CACHED_LENGTH = 20_000
"""Characters; a longer text is run and not kept, which bounds the cache in memory too."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A text that was parsed and is valid, and what is known by now of its selections."""

    node: DocumentNode
    selections: DocumentSelections


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    """An operation that may be run."""

    operation: OperationRequest
    text: str
    document: ParsedDocument
    kind: OperationType


class OperationRefused(Exception):
    """The operation cannot be run; `result` tells the client why."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the operation was refused")
        self.result: Result = {"errors": errors}


@dataclass(frozen=True, slots=True)
class SubscriptionExecution:
    """A running subscription: what its resolver returned, and how that becomes results."""

    bound: CoreExecutor[Any]
    source: Any
    _plans: dict[str, MessageWriter] = field(default_factory=dict)

    def result(self, source: Mapping[str, Any]) -> Result | Awaitable[Result]:
        """The result for what the source says; a coroutine where something must be waited for."""
        typename = source["__typename"]
        planned = self._plans.get(typename)
        if planned is None:
            planned = self._plans[typename] = compile_writer(self.bound, typename)
        data = planned(source)
        if data is not None:
            return {"data": data}
        outcome: Any = execute_subscription_event(self.bound.build_per_event_executor(source))
        return _awaited(outcome) if _is_coroutine(outcome) else _completed(outcome)

    async def results(self) -> AsyncGenerator[Result, None]:
        """All results of one that is pulled; raises Refused where it breaks off."""
        source = await self.source if _is_coroutine(self.source) else self.source
        if isinstance(source, ExecutionResult):
            raise _broken(source)
        async with aclosing(map_source_to_response_event(self.bound, source)) as results:
            try:
                async for result in results:
                    yield _completed(result)
            except Exception as error:
                raise OperationRefused([error_body(GraphQLError(str(error), original_error=error))]) from None


class Executor:
    """Prepares and runs operations.

    A text is parsed and validated once; the valid documents used last are kept. With `explain` errors inside
    are not masked: see `error_body`.
    """

    def __init__(
        self, schema: GraphQLSchema, persisted: PersistedDocuments | None = None, *, explain: bool = False
    ) -> None:
        self.schema = schema
        self._explain = explain
        self._persisted = persisted or PersistedDocuments()
        self._leaves = find_leaves(schema)
        self._documents: LruCache[str, ParsedDocument] = LruCache(CACHED_DOCUMENTS)

    def prepare(self, operation: OperationRequest) -> PreparedOperation:
        """Parse and validate the operation; raises Refused."""
        text = self._find(operation)
        document = self._documents.get(text)
        if document is None:
            document = self._parse(text)
        self._persisted.keep(text, operation.document_name)
        try:
            chosen = choose_operation(document.node, operation.operation_name)
        except ValidationFailed as error:
            raise OperationRefused(refused_result(error)["errors"]) from None
        return PreparedOperation(operation, text, document, chosen.operation)

    async def execute(self, prepared: PreparedOperation, context: RequestContext) -> Result:
        """The result of a query or mutation."""
        try:
            bound = self._bind(prepared, context)
        except OperationRefused as refused:
            return refused.result
        outcome: Any = execute_root_selection_set(bound)
        done = await outcome if _is_coroutine(outcome) else outcome
        reported = bound.context_value.errors
        if reported:
            done = ExecutionResult(done.data, [*(done.errors or ()), *reported])
        keep_data = prepared.kind is OperationType.MUTATION
        return _completed(done, keep_data=keep_data, explain=self._explain)

    def subscribe(self, prepared: PreparedOperation, context: RequestContext) -> SubscriptionExecution:
        """A subscription that begins; raises Refused where it cannot."""
        bound = self._bind(prepared, context)
        source = create_source_event_stream(bound)
        if isinstance(source, ExecutionResult):
            raise _broken(source)
        return SubscriptionExecution(bound, source)

    def _find(self, operation: OperationRequest) -> str:
        try:
            return self._persisted.find(operation.query, operation.document_name)
        except (PersistedQueryNotFound, NotTrusted, ValidationFailed) as error:
            raise OperationRefused(refused_result(error)["errors"]) from None

    def _parse(self, text: str) -> ParsedDocument:
        try:
            node = parse(text)
            errors = validate(self.schema, node)
        except GraphQLError as error:
            raise OperationRefused([request_error_body(error, ["query"])]) from None
        if errors:
            raise self._refused(errors, node, {})
        try:
            check_links(self.schema, node)
        except TooComplex as error:
            raise OperationRefused(refused_result(error)["errors"]) from None
        document = ParsedDocument(node, DocumentSelections())
        if len(text) <= CACHED_LENGTH:
            self._documents.put(text, document)
        return document

    def _bind(self, prepared: PreparedOperation, context: RequestContext) -> CoreExecutor[Any]:
        """The operation with its variables; raises Refused where they do not fit."""
        variables = prepared.operation.variables or {}
        bound = LeafExecutor.build(
            self.schema,
            prepared.document.node,
            context_value=context.running(prepared.document.selections),
            raw_variable_values=variables,
            operation_name=prepared.operation.operation_name,
            is_awaitable=_is_coroutine,
            leaves=self._leaves,
        )
        if isinstance(bound, list):
            raise self._refused(bound, prepared.document.node, variables)
        return bound

    def _refused(
        self, errors: Sequence[GraphQLError], document: DocumentNode, variables: dict[str, Any]
    ) -> OperationRefused:
        paths = error_paths(errors, self.schema, document, variables)
        return OperationRefused(
            [request_error_body(error, path) for error, path in zip(errors, paths, strict=True)]
        )


def _broken(outcome: ExecutionResult) -> OperationRefused:
    return OperationRefused([error_body(error) for error in outcome.errors or ()])


async def _awaited(outcome: Awaitable[ExecutionResult]) -> Result:
    return _completed(await outcome)


def _completed(outcome: ExecutionResult, *, keep_data: bool = False, explain: bool = False) -> Result:
    """Return the response to an execution.

    Too many rows take the data of the whole response: which rows there are is arbitrary. With `keep_data`
    they take only the fields they were selected in, as the receipts of a mutation must reach the client.
    """
    result: Result = {"data": outcome.data}
    if outcome.errors:
        errors = list(_without_repeats(outcome.errors))
        if not keep_data:
            for error in errors:
                if isinstance(error.original_error, TooManyRows):
                    return {"data": None, "errors": [error_body(error)]}
        result["errors"] = [error_body(error, explain=explain) for error in errors]
    return result


def _without_repeats(errors: Sequence[GraphQLError]) -> Iterator[GraphQLError]:
    """All errors, but of those about too many rows only the first of each root field."""
    reported: set[str | int] = set()
    for error in errors:
        if isinstance(error.original_error, TooManyRows) and error.path:
            if error.path[0] in reported:
                continue
            reported.add(error.path[0])
        yield error


def _is_coroutine(value: Any) -> TypeGuard[Awaitable[Any]]:
    # Resolvers are coroutine functions or plain ones: this is all that graphql-core's slower test would find.
    return type(value) is CoroutineType
