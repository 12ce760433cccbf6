"""Errors as clients get them: with a code, and without details of the server."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from graphql import GraphQLError, GraphQLSchema

from api.graphql.core_messages import client_message
from api.graphql.message_hints import hints
from domain.dispatch.trace_context import current_trace_context
from domain.kernel.code_locations import user_location
from domain.kernel.errors import (
    ConfigurationError,
    ContextFault,
    DataKey,
    DeclarationError,
    NerveError,
    ReadOnlyValue,
    UnfitValue,
    ValidationFailed,
)
from domain.kernel.faults import fault, traceback_text
from domain.kernel.names import client_name

logger = logging.getLogger(__name__)

_OWN = (ConfigurationError, ContextFault, DeclarationError, ReadOnlyValue, UnfitValue)
"""Errors for operators and authors of contexts, whose messages clients do not get."""


class UnwritableValue(Exception):
    """A stored value that the type of its field cannot represent. It is not the client's error."""

    def __init__(self, type_name: str) -> None:
        wide = "; declare the field as Int64 if its values may exceed 32 bits" if type_name == "Int" else ""
        super().__init__(f"the stored value of this field cannot be written as {type_name}{wide}")


def error_body(error: GraphQLError, *, explain: bool = False) -> dict[str, Any]:
    """Return an error of an operation that ran, as a response has it.

    An unexpected error is logged and masked; both have its trace id. With `explain`, for the author of a
    context, it is not masked, and has the line of the author's code.
    """
    cause = _cause(error)
    if isinstance(cause, ValidationFailed):
        body = _body(str(cause), cause.code, path=list(map(_client_part, cause.path)))
    elif isinstance(cause, NerveError) and not isinstance(cause, _OWN):
        body = _body(str(cause), cause.code, **cause.details())
    elif isinstance(cause, GraphQLError):
        body = _body(client_message(cause.message), ValidationFailed.code)
    else:
        body = _masked(cause, explain=explain)
    return _located(body, error)


def refused_result(error: Exception) -> dict[str, Any]:
    """Return a response without data that has this error."""
    return {"errors": [error_body(GraphQLError(str(error), original_error=error))]}


def request_error_body(error: GraphQLError, path: list[str | int], schema: GraphQLSchema) -> dict[str, Any]:
    """Return an error of an operation that cannot run, with the path of the part to correct."""
    message = " ".join([client_message(error.message), *hints(error.message, schema)])
    return _located(_body(message, ValidationFailed.code, path=path), error)


def _client_part(part: str | int) -> str | int:
    return client_name(part) if isinstance(part, str) and not isinstance(part, DataKey) else part


def _body(message: str, code: str, **details: Any) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code, **details}}


def _located(body: dict[str, Any], error: GraphQLError) -> dict[str, Any]:
    if error.locations:
        body["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        body["path"] = error.path
    return body


def _cause(error: GraphQLError) -> Exception:
    """Return the error that was raised first."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _masked(cause: Exception, *, explain: bool) -> dict[str, Any]:
    context = current_trace_context.get()
    trace_id = uuid4().hex if context is None else context.trace_id
    if isinstance(cause, ContextFault):
        _log_fault(cause, trace_id)
    else:
        logger.error("unexpected error, trace id %s", trace_id, exc_info=cause)
    if explain:
        return _explained(cause, trace_id)
    what = str(cause) if isinstance(cause, UnwritableValue) else "internal error"
    return _body(f"{what}; the log has it under the trace id", NerveError.code, traceId=trace_id)


def _log_fault(wrong: ContextFault, trace_id: str) -> None:
    """Log a fault of a context without the text of its cause, and its traceback unless that is logged."""
    frames = "" if wrong.is_logged else f"\n{traceback_text(wrong.__cause__ or wrong)}"
    logger.error("unexpected error, trace id %s: %s%s", trace_id, wrong, frames)


def _explained(cause: Exception, trace_id: str) -> dict[str, Any]:
    """Return the body for an author. A `ContextFault` has its own place; the error that caused it follows."""
    raised = cause.__cause__ if isinstance(cause, ContextFault) and cause.__cause__ else cause
    what, place = fault(raised), user_location(raised)
    name, text = type(raised).__name__, what.why or str(raised)
    exception = {"type": name, "message": text, "place": place}
    if not isinstance(cause, ContextFault):
        message = f"{name}: {text} (raised at {place})"
    elif raised is cause:
        message, exception = text, {"type": name, "message": text}
    else:
        message = str(cause) if what.why else f"{cause}: {text}"
    return _body(message, NerveError.code, traceId=trace_id, exception=exception)
