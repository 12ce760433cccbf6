"""Checks of Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from api.doctor.findings import Finding, fail, ok, warn

OLDEST_CLUSTER = 7
"""The first version with sharded pub/sub."""

TIMEOUT = 3.0


async def check_redis(url: SecretStr, *, is_cluster: bool) -> Finding:
    """Check that Redis answers, is new enough, and asks for a password."""
    check = "Redis"
    try:
        async with Redis.from_url(
            url.get_secret_value(), socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
        ) as client:
            version = (await client.info("server"))["redis_version"]
            is_open = (await _default_user(client)).get("flags", ())
    except (ValueError, AuthenticationError):
        return fail(
            check, "refuses the password in redis_url, or that is not a Redis URL", "correct redis_url"
        )
    except (RedisError, OSError) as error:
        return fail(check, f"does not answer ({type(error).__name__})", "start it, or correct redis_url")
    return judge_redis(version, is_open="nopass" in is_open, is_cluster=is_cluster)


def judge_redis(version: str, *, is_open: bool, is_cluster: bool) -> Finding:
    """Return the finding for a server that answers."""
    check = "Redis"
    if is_cluster and int(version.partition(".")[0]) < OLDEST_CLUSTER:
        return fail(check, f"version {version}, but a cluster needs 7.0 or later", "upgrade Redis")
    if is_open:
        text = f"version {version}, without a password, so everyone who can connect can read it"
        return warn(check, text, "set a password")
    return ok(check, f"version {version}, with a password")


async def _default_user(client: Any) -> Mapping[str, Any]:
    """Return the ACL of the user `default`; empty if the user of redis_url may not read it."""
    try:
        user: Mapping[str, Any] = await client.acl_getuser("default")
        return user
    except RedisError:
        return {}
