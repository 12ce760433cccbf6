"""``nerve secure``: MongoDB users that can append to the log and change nothing in it."""

from __future__ import annotations

import asyncio

from api.cli.terminal import say
from api.rights.users import create_users
from api.settings import load_settings


def secure() -> None:
    """Create the MongoDB users of mongo_url and maintenance_url, with only the rights that nerve needs.

    NERVE_ADMIN_URL must name a user that may create users and roles. Run the command again after an update of
    nerve and after a change of the registered contexts.
    """
    settings = load_settings()
    for user in asyncio.run(create_users(settings)):
        say(
            f"{user.setting}: the user {user.name} of {user.source} has the role {user.role} in"
            f" {settings.database}"
        )
    say("the user of mongo_url can append commits to the log and read them, but not change them")
