"""The record of the erasure of one tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.builtin.tenants.commands import RecordTenantErasure
from domain.builtin.tenants.events import TenantErased
from domain.kernel import Aggregate, Facts


@dataclass(frozen=True, slots=True)
class ErasedTenant(Aggregate[RecordTenantErasure, TenantErased]):
    """A tenant that was erased; once more if its name was used again."""

    category: ClassVar[str] = "tenant"

    def decide(self, command: RecordTenantErasure, facts: Facts) -> Sequence[TenantErased]:
        return [TenantErased(**command.model_dump())]

    def evolve(self, event: TenantErased) -> ErasedTenant:
        return self
