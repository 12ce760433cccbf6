"""What a caller may grant to the holder of an API key."""

from __future__ import annotations

import pytest

from api.access.callers import UNRESTRICTED, Caller
from api.access.grants import check_grant
from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT, METRICS
from domain.kernel.errors import Forbidden

ADMIN = Caller(subject="ada", roles=frozenset({ADMINISTRATOR}))
MANAGER = Caller(subject="bob", roles=frozenset({DEPLOYMENT, "clerk"}))
AGENT = Caller(subject="agent-1", roles=frozenset({ADMINISTRATOR}), commands=frozenset({"IssueApiKey", "A"}))


@pytest.mark.parametrize(
    ("caller", "roles", "commands"),
    [
        (ADMIN, {"clerk", ADMINISTRATOR}, None),
        (MANAGER, {"clerk", DEPLOYMENT}, None),
        (MANAGER, set(), None),
        (MANAGER, {METRICS}, None),
        (UNRESTRICTED, {DEPLOYMENT, "clerk"}, None),
        (AGENT, {"clerk"}, {"A"}),
        (AGENT, set(), set()),
    ],
)
def test_a_grant_within_what_the_caller_has(
    caller: Caller, roles: set[str], commands: set[str] | None
) -> None:
    check_grant(caller, roles, commands)


@pytest.mark.parametrize(
    ("caller", "roles", "commands"),
    [
        (ADMIN, {DEPLOYMENT}, None),
        (ADMIN, {METRICS}, None),
        (MANAGER, {ADMINISTRATOR}, None),
        (MANAGER, {"clerk", "editor"}, None),
        (AGENT, set(), None),
        (AGENT, set(), {"A", "B"}),
    ],
)
def test_a_grant_beyond_it_is_refused(caller: Caller, roles: set[str], commands: set[str] | None) -> None:
    with pytest.raises(Forbidden):
        check_grant(caller, roles, commands)
