"""What nerve needs to do in MongoDB, and whether it may."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from api.rights.grants import CollectionRights, UserPrivileges, collection_rights
from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import Database, unavailable_if_down
from projections.folding.dead_letters import DEAD_LETTERS
from projections.kernel.view import View
from projections.storage.rows import slots
from subscriptions.consumers.state import CONSUMERS

logger = logging.getLogger(__name__)


def required_rights(views: Iterable[View[Any]]) -> dict[str, CollectionRights]:
    """What is done with each collection of nerve's, by the users of either role."""
    return collection_rights([CONSUMERS, DEAD_LETTERS, *(slot for view in views for slot in slots(view))])


async def check_rights(database: Database, views: Iterable[View[Any]]) -> None:
    """Raises ConfigurationError where the MongoDB user may not do what will be needed sooner or later.

    Says so where the user may do more than that with the log. Raises Unavailable.
    """
    with unavailable_if_down():
        grants = await UserPrivileges.of(database)
    for name, needed in required_rights(views).items():
        for action in needed.application:
            if not grants.may(action, name):
                raise ConfigurationError(
                    f"the MongoDB user {grants.user} may not {action} in {database.name}.{name};"
                    " run `nerve secure` with this version of nerve and these contexts"
                )
    if grants.user is not None and grants.may("update", "log"):
        logger.warning(
            "the MongoDB user %s may change commits of the log; `nerve secure` makes one who may not",
            grants.user,
        )
