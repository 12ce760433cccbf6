"""``nerve secure``: MongoDB users who can add to the log, and change nothing in it."""

from __future__ import annotations

import asyncio

from api.cli.terminal import output
from api.rights.users import create_users as make_users
from api.settings import load_settings


def secure() -> None:
    """Make the MongoDB users that mongo_url and maintenance_url name, with no more rights than nerve needs.

    NERVE_ADMIN_URL names a user who may do that. Run it again after an update of nerve, and after a change of
    the contexts.
    """
    settings = load_settings()
    for user in asyncio.run(make_users(settings)):
        output.print(
            f"{user.setting}: the user {user.name} of {user.source} has the role {user.role} in"
            f" {settings.database}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    output.print(
        "the user of mongo_url can add commits to the log and read them, and not change them", soft_wrap=True
    )
