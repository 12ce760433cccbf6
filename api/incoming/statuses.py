"""The HTTP statuses of events that are not stored."""

from __future__ import annotations

from collections.abc import Sequence

from api.transports.rejections import STATUSES
from domain.kernel.errors import (
    CommandIdReused,
    CommandIdTaken,
    ConcurrencyConflict,
    InvariantViolated,
    NerveError,
)
from domain.kernel.limit_errors import Overloaded

_EVENT_STATUSES: dict[type[NerveError], int] = {
    **STATUSES,
    InvariantViolated: 422,
    ConcurrencyConflict: 409,
    CommandIdReused: 409,
    CommandIdTaken: 409,
    Overloaded: 503,
}
_UNEXPECTED = 500
_TEMPORARY = (_UNEXPECTED, 503, 429)
"""Statuses after which the same request may succeed later."""


def status_of(errors: Sequence[Exception]) -> int:
    """Return the status of a request whose events had these errors; 200 where there were none.

    A temporary error decides: the sender has to send the whole request again.
    """
    statuses = [
        next((status for kind, status in _EVENT_STATUSES.items() if isinstance(error, kind)), _UNEXPECTED)
        for error in errors
    ]
    temporary = [status for status in _TEMPORARY if status in statuses]
    return next(iter([*temporary, *statuses]), 200)
