"""Checks of the MongoDB server, and of the rights in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.errors import OperationFailure

from api.devserver.embedded import USER as EMBEDDED_USER
from api.doctor.findings import Finding, fail, ok, warn
from api.doctor.machine_checks import judge_space
from api.ids import now
from api.rights.checks import required_rights
from api.rights.grants import UserPrivileges
from domain.kernel.names import quantity
from eventstore.mongo.driver import UNAUTHORIZED, Database
from projections.kernel.view import View

OLDEST_MONGODB = (6, 0)
MAX_SKEW = timedelta(seconds=1)
WRONG_CLOCK = timedelta(minutes=1)


async def check_mongodb(database: Database, views: Sequence[View[Any]]) -> AsyncIterator[Finding]:
    """Yield the findings of all checks of the server. Raises what the driver raises."""
    hello, before = await database.command({"hello": 1}), now()
    yield check_version(await database.command({"buildInfo": 1}), hello)
    yield check_replica_set(hello)
    yield check_clock(hello["localTime"].replace(tzinfo=UTC), before)
    yield await _check_disk(database)
    privileges = await UserPrivileges.of(database)
    yield check_user(privileges)
    yield check_rights(privileges, views)


def check_version(build: Mapping[str, Any], hello: Mapping[str, Any]) -> Finding:
    """Check that this version of MongoDB is supported, and say which server it is."""
    check, text = "MongoDB", f"version {build['version']}"
    if tuple(build["versionArray"][:2]) < OLDEST_MONGODB:
        return fail(check, f"{text}, but nerve needs 6.0 or later", "upgrade MongoDB")
    return ok(check, f"{text} at {hello['me']}" if "me" in hello else text)


def check_replica_set(hello: Mapping[str, Any]) -> Finding:
    """Check that what is acknowledged survives the loss of a member."""
    check, members = "replica set", len(hello.get("hosts", ()))
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return fail(check, "MongoDB is not one", "start mongod with --replSet, and initiate the set")
    if members in (1, 2):
        text = f"{quantity(members, 'member')}, so the loss of one stops nerve, or loses data"
        return warn(check, text, "use three", members=members)
    return ok(check, quantity(members, "member"), members=members) if members else ok(check, "behind mongos")


def check_clock(server: datetime, here: datetime) -> Finding:
    """Check that this machine and MongoDB agree on the time: leases and tokens depend on it."""
    check, skew = "clock", (server - here).total_seconds()
    text, remedy = f"differs from MongoDB's by {abs(skew):.1f} s", "synchronize both with NTP"
    if abs(skew) > WRONG_CLOCK.total_seconds():
        return fail(check, text, remedy, seconds=skew)
    if abs(skew) > MAX_SKEW.total_seconds():
        return warn(check, text, remedy, seconds=skew)
    return ok(check, text, seconds=skew)


async def _check_disk(database: Database) -> Finding:
    try:
        return check_disk(await database.command({"dbStats": 1}))
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return ok("disk of MongoDB", "unknown, since this user may not run dbStats; have it monitored")


def check_disk(stats: Mapping[str, Any]) -> Finding:
    """Check that the disk of MongoDB is not about to be full."""
    check = "disk of MongoDB"
    if "fsTotalSize" not in stats:
        return ok(check, "unknown, since mongos does not say; have the disks of the shards monitored")
    free = int(stats["fsTotalSize"] - stats["fsUsedSize"])
    size = (stats["storageSize"] + stats["indexSize"]) / 1e9
    return judge_space(check, free, f"the database {stats['db']}, which takes {size:,.1f} GB")


def check_user(privileges: UserPrivileges) -> Finding:
    """Check that MongoDB asks for a password."""
    check = "user of MongoDB"
    if privileges.user is None:
        text = "none, so everyone who can connect to MongoDB may change the log"
        return fail(check, text, "turn on authentication; see docs/security.md")
    return ok(check, privileges.user)


def check_rights(privileges: UserPrivileges, views: Sequence[View[Any]]) -> Finding:
    """Check that the user has the rights that nerve needs, and no right to change the log."""
    check = "rights in MongoDB"
    for name, needed in required_rights(views).items():
        if lacking := [action for action in needed.application if not privileges.may(action, name)]:
            return fail(check, f"{privileges.user} may not {lacking[0]} in {name}", "run `nerve secure`")
    if privileges.user not in (None, EMBEDDED_USER) and privileges.may("update", "log"):
        return warn(check, f"{privileges.user} may change the log", "use a user that `nerve secure` made")
    return ok(check, "all that nerve needs")
