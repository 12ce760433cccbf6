"""Which errors of MongoDB are outages: the request may be right, and may succeed when it is sent again."""

from __future__ import annotations

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

OUTAGES = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        24,  # LockTimeout
        43,  # CursorNotFound: the server that had it is gone
        50,  # MaxTimeMSExpired
        64,  # WriteConcernFailed
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        134,  # ReadConcernMajorityNotAvailableYet
        175,  # QueryPlanKilled
        189,  # PrimarySteppedDown
        202,  # NetworkInterfaceExceededTimeLimit
        211,  # KeyNotFound: a server that just started has no keys for the time of the cluster yet
        262,  # ExceededTimeLimit
        9001,  # SocketException
        10058,  # LegacyNotPrimary
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        14031,  # OutOfDiskSpace
    }
)
"""The server's error codes that are not about the request: sent again later, it may succeed."""


def is_outage(error: PyMongoError) -> bool:
    """Return whether the server or its majority was unreachable, and the request itself may be right."""
    if isinstance(error, BulkWriteError):
        # No connection fails when the primary steps down while it waits for the majority.
        details = error.details
        return bool(details["writeConcernErrors"]) or any(
            write_error["code"] in OUTAGES for write_error in details["writeErrors"]
        )
    down = isinstance(error, OperationFailure) and error.code in OUTAGES
    return down or error.timeout or isinstance(error, (ConnectionFailure, WriteConcernError))
