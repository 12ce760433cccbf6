"""Checks at start that the MongoDB user has the rights that nerve needs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from api.access.key_uses import KEY_USES
from api.access.read_audit import AUDIT_READS
from api.cdc.capture_states import CAPTURES
from api.devserver.embedded import USER as EMBEDDED_USER
from api.rights.grants import CollectionRights, UserPrivileges, collection_rights
from api.worker_reports import WORKER_REPORTS
from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import Database, unavailable_if_down
from projections.folding.dead_letter_documents import DEAD_LETTERS
from projections.kernel.view import View
from projections.storage.rows import slots
from subscriptions.consumers.state import CONSUMERS
from subscriptions.processes.open_work import PROCESS_WORK
from subscriptions.publishing.attempt_log import WEBHOOK_ATTEMPTS
from subscriptions.publishing.deliveries import WEBHOOK_DELIVERIES

logger = logging.getLogger(__name__)


def required_rights(views: Iterable[View[Any]]) -> dict[str, CollectionRights]:
    """Return the rights that each role needs on each collection."""
    rows = (slot for view in views for slot in slots(view))
    return collection_rights(
        [
            AUDIT_READS,
            CAPTURES,
            CONSUMERS,
            DEAD_LETTERS,
            KEY_USES,
            PROCESS_WORK,
            WEBHOOK_ATTEMPTS,
            WEBHOOK_DELIVERIES,
            WORKER_REPORTS,
            *rows,
        ]
    )


async def check_rights(database: Database, views: Iterable[View[Any]]) -> None:
    """Raise ConfigurationError where the MongoDB user lacks a right that nerve will need.

    Logs a warning where the user has more rights on the log than that. An embedded server has one user,
    that of the owner of its files. Raises Unavailable.
    """
    with unavailable_if_down():
        privileges = await UserPrivileges.of(database)
    for name, needed in required_rights(views).items():
        for action in needed.application:
            if not privileges.may(action, name):
                raise ConfigurationError(
                    f"the MongoDB user {privileges.user} may not {action} in {database.name}.{name};"
                    " run `nerve secure` with this version of nerve and these contexts"
                )
    if privileges.user not in (None, EMBEDDED_USER) and privileges.may("update", "log"):
        logger.warning(
            "the MongoDB user %s may change commits of the log; `nerve secure` creates one that may not",
            privileges.user,
        )
