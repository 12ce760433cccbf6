"""The one place where operations are prepared and run. graphql-core runs them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    specified_rules,
)

from api.graphql.error_bodies import error_body, refused_result, request_error_body
from api.graphql.execution.core_executor import OperationExecutor, is_coroutine
from api.graphql.execution.error_paths import error_paths
from api.graphql.execution.message_writers import MessageWriter, SubscriptionSelection
from api.graphql.execution.operation_costs import Cost, introspection_members
from api.graphql.execution.operation_request import OperationRequest, choose_operation
from api.graphql.execution.parsed_documents import DocumentCache, ParsedDocument, document_cache
from api.graphql.execution.persisted import PersistedDocuments
from api.graphql.execution.request_context import ExecutionContext, RequestContext
from api.graphql.execution.time_limits import finish_within
from api.graphql.execution.validation import validate_in_slices
from api.limits.byte_budget import ByteBudget
from api.limits.document_limits import parse_within
from api.limits.input_limits import check_values
from api.limits.operation_limits import OperationLimits
from domain.kernel import Scope
from domain.kernel.errors import NotTrusted, PersistedQueryNotFound, ValidationFailed
from domain.kernel.limit_errors import OperationTimedOut, ResponseLimitExceeded, TooComplex, TooCostly
from eventstore.mongo.deadline import deadline

Result = dict[str, Any]
"""A response before it is encoded. Without ``data`` the operation was refused before it ran."""


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    """An operation that may be run. `operation_name` is its name in the document, if it has one."""

    request: OperationRequest
    text: str
    document: ParsedDocument
    kind: OperationType
    operation_name: str | None


class OperationRefused(Exception):
    """The operation cannot be run; `result` has the errors for the client."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the operation was refused")
        self.result: Result = {"errors": errors}


@dataclass(frozen=True, slots=True)
class SubscriptionExecution:
    """A running subscription: the `source` that its resolver returned, and how messages become results."""

    bound: OperationExecutor
    selection: SubscriptionSelection
    source: Any
    _writers: dict[str, MessageWriter] = field(default_factory=dict)

    def result(self, message: Mapping[str, Any]) -> Result | Awaitable[Result]:
        """Return the result for a message; a coroutine where the result has to wait for something."""
        typename = message["__typename"]
        write = self._writers.get(typename)
        if write is None:
            write = self._writers[typename] = self.selection.compile_writer(typename)
        data = write(message)
        if data is not None:
            return {"data": data}
        outcome: Any = self.bound.execute_message(message)
        return _await_result(outcome) if is_coroutine(outcome) else _build_result(outcome)

    async def results(self) -> AsyncGenerator[Result, None]:
        """Yield all results of a source that is an iterator; raises OperationRefused where it fails."""
        source = await self.source if is_coroutine(self.source) else self.source
        if isinstance(source, ExecutionResult):
            raise _refused_by(source)
        async with aclosing(self.bound.execute_messages(source)) as results:
            try:
                async for result in results:
                    yield _build_result(result)
            except Exception as error:
                raise OperationRefused([error_body(GraphQLError(str(error), original_error=error))]) from None


class Executor:
    """Prepares and runs operations.

    A text is parsed and validated once; the valid documents used last stay in the `cache`. With
    `explain`, unexpected errors are not masked: see `error_body`. With `suggest`, errors about unknown names
    suggest similar ones. Without `introspect`, documents that ask for the schema are refused.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        persisted: PersistedDocuments | None = None,
        *,
        explain: bool = False,
        suggest: bool = True,
        introspect: bool = True,
        cache: DocumentCache | None = None,
        limits: OperationLimits | None = None,
    ) -> None:
        self.schema = schema
        self._limits = limits or OperationLimits()
        self._hide_suggestions = not (suggest and introspect)
        self._rules = specified_rules if introspect else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._explain = explain
        self._persisted = persisted or PersistedDocuments()
        self._members = introspection_members(schema)
        self._documents = cache or document_cache()

    def prepare(self, request: OperationRequest, tenant: str = Scope().tenant) -> PreparedOperation:
        """Parse and validate the operation of a tenant's caller; raises OperationRefused."""
        text = self._find_text(request, tenant)
        document = self._documents.get((self.schema, text))
        if document is None:
            document = self._parse(text)
        self._persisted.keep(text, request.document_name, tenant)
        try:
            operation = choose_operation(document.node, request.operation_name)
        except ValidationFailed as error:
            raise OperationRefused(refused_result(error)["errors"]) from None
        name = operation.name.value if operation.name else None
        return PreparedOperation(request, text, document, operation.operation, name)

    def needs_parsing(self, request: OperationRequest) -> bool:
        """Return whether the text of the request would have to be parsed: that takes long for large ones."""
        return request.query is not None and self.known_weight(request) is None

    def known_weight(self, request: OperationRequest) -> int | None:
        """Return the weight of the document if its text is known to be valid; see `weigh`."""
        document = self._documents.get((self.schema, request.query or ""))
        return None if document is None else document.weight

    async def execute(self, prepared: PreparedOperation, context: RequestContext) -> Result:
        """Return the result of a query or mutation."""
        try:
            bound = self._bind(prepared, context)
        except OperationRefused as refused:
            return refused.result
        try:
            outcome = await self._run(bound, prepared.kind)
        except OperationTimedOut as error:
            return {"data": None, **refused_result(error)}
        reported = bound.context_value.errors
        if reported:
            outcome = ExecutionResult(outcome.data, [*(outcome.errors or ()), *reported])
        keep_data = prepared.kind is OperationType.MUTATION
        result = _build_result(outcome, keep_data=keep_data, explain=self._explain)
        if prepared.request.shows_cost:
            units = _cost(prepared, bound).units
            result["extensions"] = {"cost": {"units": units, "left": self._limits.cost - units}}
        return result

    def record_without_execution(self, prepared: PreparedOperation) -> None:
        """Record that the result of a query was served without an execution; nothing is recorded here."""

    async def _run(self, bound: OperationExecutor, kind: OperationType) -> ExecutionResult:
        """Return the outcome; raises OperationTimedOut. MongoDB ends no command that is being stored."""
        seconds = self._limits.seconds
        with deadline(seconds) if kind is OperationType.QUERY else nullcontext():
            outcome: Any = bound.run()
            return await finish_within(seconds, outcome) if is_coroutine(outcome) else outcome

    def subscribe(self, prepared: PreparedOperation, context: RequestContext) -> SubscriptionExecution:
        """Start a subscription; raises OperationRefused where it cannot start."""
        bound = self._bind(prepared, context)
        source = bound.open_source()
        if isinstance(source, ExecutionResult):
            raise _refused_by(source)
        tree = prepared.document.tree
        root, variables = tree.operations[prepared.operation_name], bound.variable_values.coerced
        budget = ByteBudget(self._limits.response_bytes)
        selection = SubscriptionSelection(self.schema, tree, root, variables, budget, bound.context_value)
        return SubscriptionExecution(bound, selection, source)

    def _find_text(self, request: OperationRequest, tenant: str) -> str:
        try:
            return self._persisted.find(request.query, request.document_name, tenant)
        except (PersistedQueryNotFound, NotTrusted, ValidationFailed) as error:
            raise OperationRefused(refused_result(error)["errors"]) from None

    def _parse(self, text: str) -> ParsedDocument:
        try:
            node = parse_within(text, self._limits)
            errors = validate_in_slices(
                self.schema, node, self._rules, hide_suggestions=self._hide_suggestions
            )
        except TooComplex as error:
            raise OperationRefused(refused_result(error)["errors"]) from None
        except GraphQLError as error:
            raise OperationRefused([request_error_body(error, ["query"], self.schema)]) from None
        if errors:
            raise self._refused(errors, node, {})
        document = ParsedDocument.of(self.schema, node, text, self._members)
        self._documents.put((self.schema, text), document)
        return document

    def _bind(self, prepared: PreparedOperation, context: RequestContext) -> OperationExecutor:
        """Return the operation with its variables; raises OperationRefused where they do not fit."""
        variables = prepared.request.variables or {}
        document = prepared.document
        try:
            check_values(variables)
        except TooComplex as error:
            raise OperationRefused(refused_result(error)["errors"]) from None
        execution = ExecutionContext.of(context, document.row_selections)
        bound = OperationExecutor.bind(
            self.schema,
            document.node,
            execution,
            variables,
            prepared.request.operation_name,
            document.writers,
            self._limits.response_bytes,
        )
        if isinstance(bound, list):
            raise self._refused(bound, document.node, variables)
        self._check_cost(prepared, bound)
        return bound

    def _check_cost(self, prepared: PreparedOperation, bound: OperationExecutor) -> None:
        cost = _cost(prepared, bound)
        if cost.units > self._limits.cost:
            error = TooCostly(cost.units, self._limits.cost, cost.dearest)
            raise OperationRefused(refused_result(error)["errors"])

    def _refused(
        self, errors: Sequence[GraphQLError], document: DocumentNode, variables: dict[str, Any]
    ) -> OperationRefused:
        paths = error_paths(errors, self.schema, document, variables)
        return OperationRefused(
            [request_error_body(error, path, self.schema) for error, path in zip(errors, paths, strict=True)]
        )


def _cost(prepared: PreparedOperation, bound: OperationExecutor) -> Cost:
    variables = bound.variable_values.coerced
    return prepared.document.costs.of(prepared.kind, prepared.operation_name, variables)


def _refused_by(outcome: ExecutionResult) -> OperationRefused:
    return OperationRefused([error_body(error) for error in outcome.errors or ()])


async def _await_result(outcome: Awaitable[ExecutionResult]) -> Result:
    return _build_result(await outcome)


def _build_result(outcome: ExecutionResult, *, keep_data: bool = False, explain: bool = False) -> Result:
    """Return the response to an execution.

    An error about a limit of responses removes the data of the whole response, because it is arbitrary what
    is in it. With `keep_data` the error removes only the field that it is about: receipts of a mutation must
    reach the client.
    """
    result: Result = {"data": outcome.data}
    if outcome.errors:
        errors = list(_without_repeats(outcome.errors))
        if not keep_data:
            for error in errors:
                if isinstance(error.original_error, ResponseLimitExceeded):
                    return {"data": None, "errors": [error_body(error)]}
        result["errors"] = [error_body(error, explain=explain) for error in errors]
    return result


def _without_repeats(errors: Sequence[GraphQLError]) -> Iterator[GraphQLError]:
    """Yield the errors; of those about limits of responses only the first of each root field."""
    reported: set[str | int] = set()
    for error in errors:
        if isinstance(error.original_error, ResponseLimitExceeded) and error.path:
            if error.path[0] in reported:
                continue
            reported.add(error.path[0])
        yield error
