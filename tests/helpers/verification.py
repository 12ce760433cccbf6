"""Verifications of a test's log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eventstore.integrity.event_schemas import EventSchemas
from eventstore.integrity.report import Check, Defect, VerificationReport
from eventstore.integrity.verifier import Verifier
from eventstore.mongo.log_collections import LogCollections
from tests.helpers.commits import CATALOG, Store
from tests.helpers.notes import now


@dataclass(frozen=True)
class Verification:
    """The report and the defects of a verification."""

    report: VerificationReport
    defects: Sequence[Defect]

    @property
    def places(self) -> list[tuple[Check, str]]:
        """The check that failed and the place, for each defect."""
        return [(defect.check, defect.where) for defect in self.defects]


async def verify(
    store: Store,
    start: int = 1,
    *,
    consumers: Mapping[str, int] | None = None,
    digests: Mapping[int, bytes] | None = None,
) -> Verification:
    """Verify the log from a position on; `digests` are those of blocks that were noted elsewhere."""
    defects: list[Defect] = []
    verifier = Verifier(
        LogCollections.of(store.database),
        store.log.archive,
        schema_check=EventSchemas(CATALOG).violation,
        clock=now,
        head_lag=0.0,
        on_defect=defects.append,
        on_progress=lambda done, total: None,
    )
    report = await verifier.run(start, consumers or {}, digests or {})
    return Verification(report, defects)
