"""The log of old events holds all that releases so far could have stored."""

from __future__ import annotations

from eventstore.integrity.event_schemas import kept_schemas
from tests.fixtures import CATALOG, shapes


def test_the_old_log_has_every_type_and_revision():
    missing = kept_schemas(CATALOG).keys() - shapes()
    assert not missing, (
        f"`python -m tests.fixtures.record` adds {', '.join(map(str, missing))} to the old log"
    )
