"""Checks of MongoDB and of what nerve stores in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api.access.key_ages import is_old, valid_keys
from api.contexts import Declarations
from api.devserver.embedded import USER as EMBEDDED_USER
from api.doctor.findings import Finding, fail, ok, warn
from api.ids import now
from api.rights.checks import required_rights
from api.rights.grants import UserPrivileges
from api.settings import Settings
from eventstore.integrity.log_compatibility import LogCompatibility
from eventstore.mongo.driver import Database
from eventstore.mongo.log_collections import INDEXES
from projections.builtin.api_keys import view as api_keys_view
from projections.kernel.view import View
from projections.querying.locator import consumer_name
from projections.storage.rows import collection
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.state import ConsumerState, GenerationState

OLDEST_MONGODB = (6, 0)
MAX_SKEW = timedelta(seconds=1)
WRONG_CLOCK = timedelta(minutes=1)
MAX_LAG = 10_000


async def check_mongodb(
    settings: Settings, database: Database, declarations: Declarations
) -> AsyncIterator[Finding]:
    """Yield the findings of all checks of MongoDB. Raises Unavailable and ConfigurationError."""
    yield check_version(await database.command({"buildInfo": 1}))
    hello, before = await database.command({"hello": 1}), now()
    yield check_replica_set(hello)
    yield check_clock(hello["localTime"].replace(tzinfo=UTC), before)
    privileges = await UserPrivileges.of(database)
    yield check_user(privileges)
    yield check_rights(privileges, declarations.views)
    yield check_indexes(await database["log"].index_information())
    for problem in await LogCompatibility(database, declarations.catalog).problems():
        yield fail("unreadable events", problem)
    states = await Checkpoints(database).states(map(consumer_name, declarations.views))
    head = await database["log"].find_one({}, {"_id": 1}, sort=[("_id", -1)])
    for view in declarations.views:
        yield check_view(view.name, states[consumer_name(view)], head["_id"] if head else 0)
    active = states[consumer_name(api_keys_view)].active
    if active is not None:
        rows = collection(database, api_keys_view, active)
        current = {"_gone": False, "revoked_at": None}
        yield check_key_ages(await rows.find(current).to_list(None), now())
    segment = await database["segments"].find_one({}, {"at": 1}, sort=[("_id", -1)])
    yield check_archive(settings, segment, now())


def check_version(build: Mapping[str, Any]) -> Finding:
    """Check that this version of MongoDB is supported."""
    check, text = "MongoDB", f"version {build['version']}"
    if tuple(build["versionArray"][:2]) < OLDEST_MONGODB:
        return fail(check, f"{text}; nerve needs 6.0 or later")
    return ok(check, text)


def check_replica_set(hello: Mapping[str, Any]) -> Finding:
    """Check that what is acknowledged survives the loss of a member."""
    check, members = "replica set", len(hello.get("hosts", ()))
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return fail(check, "MongoDB is not a replica set; start mongod with --replSet, and initiate the set")
    if members in (1, 2):
        return warn(check, f"{members} member(s): the loss of one stops nerve, or loses data; use three")
    return ok(check, f"{members} members" if members else "behind mongos")


def check_clock(server: datetime, here: datetime) -> Finding:
    """Check that this machine and MongoDB agree on the time: leases and tokens depend on it."""
    check, skew = "clock", abs(server - here)
    text = f"differs from MongoDB's by {skew.total_seconds():.1f} s"
    if skew > WRONG_CLOCK:
        return fail(check, f"{text}; synchronize both with NTP")
    return warn(check, f"{text}; synchronize both with NTP") if skew > MAX_SKEW else ok(check, text)


def check_user(privileges: UserPrivileges) -> Finding:
    """Check that MongoDB asks for a password."""
    check = "user of MongoDB"
    if privileges.user is None:
        return fail(
            check, "none: everyone who can connect to MongoDB may change the log; see docs/security.md"
        )
    return ok(check, privileges.user)


def check_rights(privileges: UserPrivileges, views: Sequence[View[Any]]) -> Finding:
    """Check that the user has the rights that nerve needs, and no right to change the log."""
    check = "rights in MongoDB"
    for name, needed in required_rights(views).items():
        if lacking := [action for action in needed.application if not privileges.may(action, name)]:
            return fail(check, f"{privileges.user} may not {lacking[0]} in {name}; run `nerve secure`")
    if privileges.user not in (None, EMBEDDED_USER) and privileges.may("update", "log"):
        return warn(check, f"{privileges.user} may change the log; use a user that `nerve secure` made")
    return ok(check, "all that nerve needs")


def check_indexes(present: Mapping[str, Any]) -> Finding:
    """Check that the log has the indexes that guard it and serve its reads."""
    check, missing = "indexes of the log", [each.name for each in INDEXES if each.name not in present]
    if missing:
        return fail(
            check, f"{', '.join(missing)} missing; start nerve, or run `nerve secure`, to create them"
        )
    return ok(check, f"all {len(INDEXES)}")


def check_view(name: str, state: ConsumerState, head: int) -> Finding:
    """Check that workers keep a view up to date."""
    check = f"view {name}"
    if state.active is None:
        return fail(check, "was never built; start a worker")
    failing = state.generations[state.active].failing
    if failing is not None:
        return fail(check, f"failed {failing.tries} times in a row; see `nerve views`")
    if state.of_state(GenerationState.HELD) is not None:
        return warn(check, "a rebuild waits for a decision; see `nerve views`")
    lag = max(0, head - state.position)
    if lag > MAX_LAG:
        return warn(check, f"is {lag:,} positions behind; start more workers")
    return ok(check, f"{lag} positions behind")


def check_key_ages(keys: Sequence[Mapping[str, Any]], at: datetime) -> Finding:
    """Check that API keys are rotated from time to time. `keys` are the rows of keys that are not revoked."""
    check = "API keys"
    valid = valid_keys(keys, at)
    old = [key for key in valid if is_old(key, at)]
    if old:
        return warn(
            check, f"{len(old)} of {len(valid)} are older than a year, such as {old[0]['id']}; rotate them"
        )
    return ok(check, f"{len(valid)} valid, none older than a year")


def check_archive(settings: Settings, segment: Mapping[str, Any] | None, at: datetime) -> Finding:
    """Check that commits are archived if the settings say so. nerve cannot know of backups of MongoDB."""
    check = "archive"
    if segment is None:
        return ok(check, "nothing is archived; nerve cannot see your backups of MongoDB")
    age = (at - segment["at"]).days
    if settings.archive_url is None:
        return fail(check, "the log has archived commits, but archive_url is not set")
    return ok(check, f"the newest segment is {age} days old; nerve cannot see your backups of MongoDB")
