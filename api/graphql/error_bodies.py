"""Errors as clients see them: a code to branch on, and nothing of the inside."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from graphql import GraphQLError

from api.graphql.core_messages import client_message
from domain.dispatch.middleware import current_trace_id
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
"""Errors for operators of nerve and authors of contexts, not for its clients."""


class UnwritableValue(Exception):
    """A stored value that the type of its field cannot represent, which is no fault of the client."""

    def __init__(self, type_name: str) -> None:
        wide = "; declare the field Int64 where it may exceed 32 bits" if type_name == "Int" else ""
        super().__init__(f"what is stored for this field cannot be written as {type_name}{wide}")


def error_body(error: GraphQLError, *, explain: bool = False) -> dict[str, Any]:
    """An error of an operation that ran, as a response carries it.

    What nerve did not raise on purpose is logged and masked; the trace id leads from the one to the other.
    With `explain`, for the author of a context, it is not masked and names the line of the author's code.
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
    """A whole response without data, which says what was wrong."""
    return {"errors": [error_body(GraphQLError(str(error), original_error=error))]}


def request_error_body(error: GraphQLError, path: list[str | int]) -> dict[str, Any]:
    """An error of an operation that cannot be run, with the path to what must be corrected in the request."""
    return _located(_body(client_message(error.message), ValidationFailed.code, path=path), error)


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
    """What was raised first."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _masked(cause: Exception, *, explain: bool) -> dict[str, Any]:
    trace_id = current_trace_id.get() or uuid4().hex
    if isinstance(cause, ContextFault):
        _log_fault(cause, trace_id)
    else:
        logger.error("unexpected error, trace id %s", trace_id, exc_info=cause)
    if explain:
        return _explained(cause, trace_id)
    what = str(cause) if isinstance(cause, UnwritableValue) else "something went wrong inside"
    return _body(f"{what}; the operator finds it under the trace id", NerveError.code, traceId=trace_id)


def _log_fault(wrong: ContextFault, trace_id: str) -> None:
    """Log a fault of a context without the text of what was raised, and its traceback if it is not logged."""
    frames = "" if wrong.is_logged else f"\n{traceback_text(wrong.__cause__ or wrong)}"
    logger.error("unexpected error, trace id %s: %s%s", trace_id, wrong, frames)


def _explained(cause: Exception, trace_id: str) -> dict[str, Any]:
    """The body for an author. A `ContextFault` says itself where it is; what it was raised for follows."""
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
