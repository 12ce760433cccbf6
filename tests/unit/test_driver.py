"""What counts as an outage: Unavailable to callers, and worth another try."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import unavailable_if_down

INTERRUPTED = {
    "code": 11602,
    "codeName": "InterruptedDueToReplStateChange",
    "errmsg": "operation was interrupted",
}
"""As a primary answers that steps down while it waits for the majority."""

TAKEN = {"index": 0, "code": 11000, "errmsg": "duplicate key"}


def bulk(*, writes: tuple[Any, ...] = (), concerns: tuple[Any, ...] = ()) -> BulkWriteError:
    return BulkWriteError({"writeErrors": list(writes), "writeConcernErrors": list(concerns)})


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        NetworkTimeout("timed out"),
        OperationFailure("No keys found for HMAC that is valid for time", 211),
        WriteConcernError("operation was interrupted", 11602),
        bulk(concerns=(INTERRUPTED,)),
        bulk(writes=(TAKEN,), concerns=(INTERRUPTED,)),
    ],
)
def test_a_server_or_a_majority_out_of_reach_is_unavailable(error: PyMongoError):
    with pytest.raises(Unavailable), unavailable_if_down():
        raise error


@pytest.mark.parametrize(
    "error", [DuplicateKeyError("taken"), OperationFailure("no", 13), bulk(writes=(TAKEN,))]
)
def test_what_the_server_refuses_is_not(error: PyMongoError):
    with pytest.raises(type(error)), unavailable_if_down():
        raise error
