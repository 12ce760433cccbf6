"""``nerve secure``: MongoDB users that can append to the log and change nothing in it."""

from __future__ import annotations

import asyncio

from api.cli.records import AsJson, print_result, to_record
from api.cli.terminal import say
from api.rights.users import create_users
from api.settings import load_settings


def secure(as_json: AsJson = False) -> None:
    """Create the MongoDB users of mongo_url and maintenance_url, with only the rights that nerve needs.

    NERVE_ADMIN_URL must name a user that may create users and roles. Run the command again after an update of
    nerve and after a change of the registered contexts.
    """
    settings = load_settings()
    for user in asyncio.run(create_users(settings)):
        text = (
            f"{user.setting}: the user {user.name} of {user.source} has the role {user.role} in"
            f" {settings.database}"
        )
        fields = ("setting", "name", "source", "role")
        print_result(
            {**to_record(user._asdict(), fields), "database": settings.database}, text, as_json=as_json
        )
    if not as_json:
        say("the user of mongo_url can append commits to the log and read them, but not change them")
