"""The handlers of the conditions that built-in commands declare."""

from __future__ import annotations

from domain.builtin.deadletters.commands import EVENT_IS_PARKED
from domain.builtin.subjects.commands import KEY_IS_DESTROYED, SUBJECT_HAS_KEY, EraseSubject
from domain.builtin.tenants.commands import TENANT_IS_ERASED
from domain.dispatch import ConditionHandlers
from eventstore.aggregates.claim_upkeep import ClaimUpkeep
from eventstore.personal.erasure import Erasure
from eventstore.tenants.tenant_conditions import TenantConditions
from projections.querying.dead_letter_reader import DeadLetterReader


def condition_handlers(
    erasure: Erasure, claim_upkeep: ClaimUpkeep, dead_letters: DeadLetterReader, tenants: TenantConditions
) -> ConditionHandlers:
    """Return the handlers for the command bus."""

    async def destroy_key(tenant: str, command: EraseSubject) -> None:
        await erasure.destroy_key(tenant, command)
        # A claim has the digest of a value that may be personal.
        await claim_upkeep.release_stream(tenant, command.subject)

    return (
        ConditionHandlers()
        .add(SUBJECT_HAS_KEY, erasure.require_key)
        .add(KEY_IS_DESTROYED, destroy_key)
        .add(EVENT_IS_PARKED, dead_letters.require_parked)
        .add(TENANT_IS_ERASED, tenants.require_erased)
    )
