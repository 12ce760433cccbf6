"""Creates the MongoDB users of nerve, with no more rights than it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import SecretStr
from pymongo.uri_parser import parse_uri

from api.contexts import load_contexts
from api.ids import now
from api.rights.checks import required_rights
from api.rights.grants import APPLICATION, MAINTENANCE, CollectionRights
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import Database, open_client, refused_if_forbidden, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections


class MongoUser(NamedTuple):
    """A user that the URL of a setting names; `source` is its authentication database."""

    setting: str
    name: str
    password: str
    source: str
    role: str


def parse_user(setting: str, url: SecretStr | None, role: str) -> MongoUser:
    """Return the user that a URL names. Raises ConfigurationError where it names none."""
    try:
        parsed = parse_uri(url.get_secret_value()) if url else {}
    except Exception:
        # The message may contain the URL, and with it the password.
        raise ConfigurationError(f"{setting} is not a MongoDB URL") from None
    if not parsed.get("username") or not parsed.get("password"):
        raise ConfigurationError(
            f"{setting} must contain a user and its password: mongodb://name:password@host:port/"
        )
    source = parsed["options"].get("authsource") or parsed["database"] or "admin"
    return MongoUser(setting, parsed["username"], parsed["password"], source, role)


async def create_users(settings: Settings) -> Sequence[MongoUser]:
    """Create the roles and the users of a log, or update them, and create the indexes of the log.

    Raises ConfigurationError where a URL is missing or the user of admin_url lacks a right, and Unavailable.
    """
    if settings.admin_url is None:
        raise ConfigurationError(
            "admin_url is not set; NERVE_ADMIN_URL must name a user that may create users and roles"
        )
    users = [parse_user("mongo_url", settings.mongo_url, APPLICATION)]
    if settings.maintenance_url is not None:
        users.append(parse_user("maintenance_url", settings.maintenance_url, MAINTENANCE))
    _check_distinct([parse_user("admin_url", settings.admin_url, "admin"), *users])
    views = load_contexts(settings).views
    async with open_client(settings.admin_url.get_secret_value(), settings.mongo_driver) as client:
        database = client[settings.database]
        with refused_if_forbidden("admin_url"), unavailable_if_down():
            await LogCollections.of(database).prepare(now())
            await _create_roles(database, required_rights(views))
            for user in users:
                await _create_user(client[user.source], user, settings.database)
    return users


def _check_distinct(users: Iterable[MongoUser]) -> None:
    settings: dict[tuple[str, str], str] = {}
    for user in users:
        other = settings.setdefault((user.source, user.name), user.setting)
        if other != user.setting:
            raise ConfigurationError(
                f"{other} and {user.setting} name the same user; each needs a different one"
            )


async def _create_roles(database: Database, rights: Mapping[str, CollectionRights]) -> None:
    by_role = {
        APPLICATION: {name: each.application for name, each in rights.items()},
        MAINTENANCE: {name: each.maintenance for name, each in rights.items()},
    }
    for role, by_collection in by_role.items():
        privileges = [_privilege(database, name, actions) for name, actions in by_collection.items()]
        privileges.append(_privilege(database, "", ("listCollections",)))
        stored = await database.command({"rolesInfo": role})
        command = "updateRole" if stored["roles"] else "createRole"
        await database.command({command: role, "privileges": privileges, "roles": []})


def _privilege(database: Database, name: str, actions: Sequence[str]) -> Mapping[str, Any]:
    return {"resource": {"db": database.name, "collection": name}, "actions": list(actions)}


async def _create_user(source: Database, user: MongoUser, log: str) -> None:
    """Give the user only this role, and keep its roles in other logs of nerve."""
    stored = (await source.command({"usersInfo": user.name}))["users"]
    kept = [
        role
        for role in (stored[0]["roles"] if stored else ())
        if role["role"] in (APPLICATION, MAINTENANCE) and role["db"] != log
    ]
    command = "updateUser" if stored else "createUser"
    roles = [*kept, {"role": user.role, "db": log}]
    await source.command({command: user.name, "pwd": user.password, "roles": roles})
