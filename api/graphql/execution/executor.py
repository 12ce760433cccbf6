"""The one place where operations are prepared and run: by compiled code, or else by graphql-core."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    specified_rules,
)
from prometheus_client import CollectorRegistry

from api.execution_metrics import CoreReason, ExecutionMetrics
from api.graphql.error_bodies import refused_result, request_error_body
from api.graphql.execution.compiled_execution import CompiledExecution
from api.graphql.execution.core_executor import OperationExecutor, is_coroutine
from api.graphql.execution.error_paths import error_paths
from api.graphql.execution.execution_results import OperationRefused, build_result
from api.graphql.execution.input_coercion import NotCoercible
from api.graphql.execution.message_writers import SubscriptionSelection
from api.graphql.execution.operation_costs import Cost, introspection_members
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.parsed_documents import DocumentCache, ParsedDocument, document_cache
from api.graphql.execution.persisted import PersistedDocuments
from api.graphql.execution.request_context import ExecutionContext, RequestContext
from api.graphql.execution.selection_tree import Variables
from api.graphql.execution.subscription_execution import SubscriptionExecution, refused_by
from api.graphql.execution.time_limits import finish_within
from api.graphql.execution.validation import validate_in_slices
from api.limits.byte_budget import ByteBudget
from api.limits.document_limits import parse_within
from api.limits.input_limits import check_values
from api.limits.operation_limits import OperationLimits
from domain.kernel import Scope
from domain.kernel.errors import NotTrusted, PersistedQueryNotFound, ValidationFailed
from domain.kernel.limit_errors import OperationTimedOut, TooComplex, TooCostly
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
        metrics: ExecutionMetrics | None = None,
    ) -> None:
        self.schema = schema
        self._limits = limits or OperationLimits()
        self._hide_suggestions = not (suggest and introspect)
        self._rules = specified_rules if introspect else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._explain = explain
        self._persisted = persisted or PersistedDocuments()
        self._members = introspection_members(schema)
        self._documents = cache or document_cache()
        self._metrics = metrics or ExecutionMetrics(CollectorRegistry())

    def prepare(self, request: OperationRequest, tenant: str = Scope().tenant) -> PreparedOperation:
        """Parse and validate the operation of a tenant's caller; raises OperationRefused."""
        text = self._find_text(request, tenant)
        document = self._documents.get((self.schema, text))
        if document is None:
            document = self._parse(text)
        self._persisted.keep(text, request.document_name, tenant)
        return _prepared(request, text, document)

    def prepare_known(self, request: OperationRequest, tenant: str) -> PreparedOperation | None:
        """Return what `prepare` does, or None if the text of the request would have to be parsed."""
        text = self._persisted.look_up(request.query, request.document_name, tenant)
        document = None if text is None else self._documents.get((self.schema, text))
        if text is None or document is None:
            return None
        if request.document_name is not None or self._persisted.only_trusted:
            self._find_text(request, tenant)
            self._persisted.keep(text, request.document_name, tenant)
        return _prepared(request, text, document)

    def needs_parsing(self, request: OperationRequest, tenant: str) -> bool:
        """Return whether the text of the request would have to be parsed: that takes long for large ones."""
        text = self._persisted.look_up(request.query, request.document_name, tenant)
        return text is not None and self._documents.get((self.schema, text)) is None

    def known_weight(self, request: OperationRequest, tenant: str) -> int | None:
        """Return the weight of the document if its text is known to be valid; see `weigh`."""
        text = self._persisted.look_up(request.query, request.document_name, tenant)
        document = None if text is None else self._documents.get((self.schema, text))
        return None if document is None else document.weight

    async def execute(self, prepared: PreparedOperation, context: RequestContext) -> Result:
        """Return the result of a query or mutation."""
        try:
            execution = self._start(prepared, context)
        except OperationRefused as refused:
            return refused.result
        self._metrics.count()
        try:
            outcome = await self._run(execution, prepared.kind)
        except OperationTimedOut as error:
            return {"data": None, **refused_result(error)}
        reported = execution.context.errors
        if reported:
            outcome = ExecutionResult(outcome.data, [*(outcome.errors or ()), *reported])
        keep_data = prepared.kind is OperationType.MUTATION
        result = build_result(outcome, keep_data=keep_data, explain=self._explain)
        if prepared.request.shows_cost:
            units = _cost(prepared, execution.variables).units
            result["extensions"] = {"cost": {"units": units, "left": self._limits.cost - units}}
        return result

    def record_without_execution(self, prepared: PreparedOperation) -> None:
        """Record that the result of a query was served without an execution; nothing is recorded here."""

    def _start(self, prepared: PreparedOperation, context: RequestContext) -> _Execution:
        """Return the execution of a query or mutation that is within the limits; raises OperationRefused."""
        compiled = prepared.document.compiled(prepared.operation_name)
        try:
            variables = compiled.coerce(_checked_variables(prepared.request))
        except NotCoercible:
            bound = self._bind(prepared, context)
            return _Execution(bound.context_value, bound.variable_values.coerced, bound.run)
        self._check_cost(prepared, variables.coerced)
        execution = ExecutionContext.of(context, prepared.document.row_selections)
        execute_by_core = partial(self._execute_by_core, prepared, execution)
        fields = compiled.root_fields(variables.coerced)
        if isinstance(fields, CoreReason):
            return _Execution(execution, variables.coerced, partial(execute_by_core, fields, {}))
        budget = ByteBudget(self._limits.response_bytes)
        run = CompiledExecution(compiled, fields, variables, execution, budget, execute_by_core).run
        return _Execution(execution, variables.coerced, run)

    async def _execute_by_core(
        self,
        prepared: PreparedOperation,
        context: ExecutionContext,
        reason: CoreReason,
        resolved: Mapping[str, Any],
    ) -> ExecutionResult:
        """Return the outcome of an operation of which compiled code has resolved some fields at most."""
        self._metrics.count_core(reason)
        bound = self._bind_by_core(prepared, context, resolved)
        if isinstance(bound, list):
            return ExecutionResult(None, bound)
        outcome = bound.run()
        return await outcome if is_coroutine(outcome) else cast(ExecutionResult, outcome)

    async def _run(self, execution: _Execution, kind: OperationType) -> ExecutionResult:
        """Return the outcome; raises OperationTimedOut. MongoDB ends no command that is being stored."""
        seconds = self._limits.seconds
        with deadline(seconds) if kind is OperationType.QUERY else nullcontext():
            outcome: Any = execution.run()
            return await finish_within(seconds, outcome) if is_coroutine(outcome) else outcome

    def subscribe(self, prepared: PreparedOperation, context: RequestContext) -> SubscriptionExecution:
        """Start a subscription; raises OperationRefused where it cannot start."""
        bound = self._bind(prepared, context)
        source = bound.open_source()
        if isinstance(source, ExecutionResult):
            raise refused_by(source)
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
        variables = _checked_variables(prepared.request)
        execution = ExecutionContext.of(context, prepared.document.row_selections)
        bound = self._bind_by_core(prepared, execution)
        if isinstance(bound, list):
            raise self._refused(bound, prepared.document.node, variables)
        self._check_cost(prepared, bound.variable_values.coerced)
        return bound

    def _bind_by_core(
        self,
        prepared: PreparedOperation,
        context: ExecutionContext,
        resolved: Mapping[str, Any] | None = None,
    ) -> OperationExecutor | list[GraphQLError]:
        return OperationExecutor.bind(
            self.schema,
            prepared.document.node,
            context,
            prepared.request.variables or {},
            prepared.request.operation_name,
            prepared.document.writers,
            self._limits.response_bytes,
            resolved,
        )

    def _check_cost(self, prepared: PreparedOperation, variables: Variables) -> None:
        cost = _cost(prepared, variables)
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


def _prepared(request: OperationRequest, text: str, document: ParsedDocument) -> PreparedOperation:
    try:
        operation = document.choose(request.operation_name)
    except ValidationFailed as error:
        raise OperationRefused(refused_result(error)["errors"]) from None
    name = operation.name.value if operation.name else None
    return PreparedOperation(request, text, document, operation.operation, name)


class _Execution(NamedTuple):
    """An execution that was not refused, with its context and the values of its variables."""

    context: ExecutionContext
    variables: Variables
    run: Callable[[], ExecutionResult | Awaitable[ExecutionResult]]


def _checked_variables(request: OperationRequest) -> dict[str, Any]:
    """Return the variables of the request; raises OperationRefused where these are too many to be read."""
    variables = request.variables or {}
    try:
        check_values(variables)
    except TooComplex as error:
        raise OperationRefused(refused_result(error)["errors"]) from None
    return variables


def _cost(prepared: PreparedOperation, variables: Variables) -> Cost:
    return prepared.document.costs.of(prepared.kind, prepared.operation_name, variables)
