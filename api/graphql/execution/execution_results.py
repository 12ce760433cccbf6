"""The responses to operations, with their errors as clients get them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError

from api.graphql.error_bodies import error_body
from domain.kernel.limit_errors import ResponseLimitExceeded


class OperationRefused(Exception):
    """The operation cannot be run; `result` has the errors for the client."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the operation was refused")
        self.result: dict[str, Any] = {"errors": errors}


def build_result(
    outcome: ExecutionResult, *, keep_data: bool = False, explain: bool = False
) -> dict[str, Any]:
    """Return the response to an execution.

    An error about a limit of responses removes the data of the whole response, because it is arbitrary what
    is in it. With `keep_data` the error removes only the field that it is about: receipts of a mutation must
    reach the client.
    """
    result: dict[str, Any] = {"data": outcome.data}
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
