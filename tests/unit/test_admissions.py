"""What is let in, and how the access of its caller ends: early, by itself, and while it is still decided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.admissions import Admission, Admissions
from api.access.callers import AccessRevocation, Caller, OpenAuthenticator
from domain.kernel import Scope
from domain.kernel.access import ClaimValue
from domain.kernel.errors import Forbidden, NerveError, Unauthenticated
from domain.kernel.limit_errors import RateLimited

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ADA = Caller(Scope("acme", "ada"), "ada", frozenset({"editor"}), "key-1")

names = st.sampled_from(["a", "b"])
times = st.sampled_from([NOW, NOW + timedelta(seconds=1)])
callers = st.builds(
    Caller,
    st.builds(Scope, names),
    names | st.none(),
    st.frozensets(names),
    names | st.none(),
    issued_at=times | st.none(),
)
clauses = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(("tenant", "subject", "role", "credential"), names), "issued_before": times}
)


class Decider:
    """Lets the caller in once it is told to."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.asked, self.decide = asyncio.Event(), asyncio.Event()

    async def authenticate(self, _headers: Mapping[str, str]) -> Caller:
        self.asked.set()
        await self.decide.wait()
        return self.caller

    def watch_revocations(
        self, _on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def admit(admissions: Admissions) -> Admission:
    admitted = admissions.admit({})
    return admitted if isinstance(admitted, Admission) else await admitted


async def let_in(caller: Caller, limit: int = 10) -> tuple[Admissions, Admission]:
    decider = Decider(caller)
    decider.decide.set()
    admissions = Admissions(decider, lambda: NOW, limit)
    return admissions, await admit(admissions)


@given(caller=callers, clauses=clauses)
def test_an_end_concerns_whom_all_that_is_given_is_true_of(caller: Caller, clauses: dict[str, Any]) -> None:
    have: dict[str, Collection[str | None]] = {
        "tenant": {caller.scope.tenant},
        "subject": {caller.subject},
        "role": caller.roles,
        "credential": {caller.credential},
    }
    before, issued = clauses.get("issued_before"), caller.issued_at
    is_newer = before is not None and issued is not None and issued >= before
    expected = all(clauses[name] in have[name] for name in clauses.keys() & have.keys()) and not is_newer
    assert AccessRevocation("", **clauses).matches(caller) is expected


async def test_a_connection_is_told_once_that_access_has_ended() -> None:
    admissions, admission = await let_in(ADA)
    told: list[NerveError] = []
    admissions.keep_open(admission, told.append)
    assert admissions.revoke(AccessRevocation("another's", subject="bob")) == 0
    assert admissions.revoke(AccessRevocation("the key was revoked", credential="key-1")) == 1
    assert admissions.revoke(AccessRevocation("all", tenant="acme")) == 0
    assert [(type(error), str(error)) for error in told] == [
        (Forbidden, "access has ended: the key was revoked")
    ]


async def test_one_that_is_over_is_told_nothing() -> None:
    admissions, admission = await let_in(ADA)
    told: list[NerveError] = []
    admissions.keep_open(admission, told.append)
    admissions.release(admission)
    admissions.release(admission)
    assert admissions.revoke(AccessRevocation("all")) == 0
    assert told == []


async def test_what_ended_before_it_was_a_connection_keeps_it_from_being_one() -> None:
    admissions, admission = await let_in(ADA)
    assert admissions.revoke(AccessRevocation("locked out", subject="ada")) == 0
    with pytest.raises(Forbidden, match="locked out"):
        admissions.keep_open(admission, lambda _error: None)


async def test_what_ends_while_it_is_decided_counts() -> None:
    decider = Decider(ADA)
    admissions = Admissions(decider, lambda: NOW, 10)
    deciding = asyncio.create_task(admit(admissions))
    await decider.asked.wait()
    admissions.revoke(AccessRevocation("another's", subject="bob"))
    admissions.revoke(AccessRevocation("locked out", role="editor"))
    later = asyncio.create_task(admit(admissions))
    decider.decide.set()
    with pytest.raises(Forbidden, match="locked out"):
        await deciding
    # Who came after the end is let in: the decision knew of it.
    await later


async def test_access_expires_by_itself() -> None:
    expiring = Caller(subject="ada", expires_at=NOW + timedelta(milliseconds=1))
    admissions, admission = await let_in(expiring, limit=1)
    told = asyncio.get_running_loop().create_future()
    admissions.keep_open(admission, told.set_result)
    async with asyncio.timeout(30):
        assert isinstance(await told, Unauthenticated)
    admissions.keep_open(await admit(admissions), lambda _error: None)


async def test_a_subject_has_so_many_connections_at_a_time() -> None:
    admissions, first = await let_in(ADA, limit=1)
    admissions.keep_open(first, lambda _error: None)
    second = await admit(admissions)
    with pytest.raises(RateLimited, match="1 open connection"):
        admissions.keep_open(second, lambda _error: None)
    admissions.release(first)
    admissions.keep_open(second, lambda _error: None)
    admissions.revoke(AccessRevocation("all"))
    admissions.keep_open(await admit(admissions), lambda _error: None)


async def test_subjects_of_two_tenants_with_one_name_do_not_share_their_connections() -> None:
    """Otherwise the connections of one tenant would shut out, and be seen by, another."""
    decider = Decider(ADA)
    decider.decide.set()
    admissions = Admissions(decider, lambda: NOW, 1)
    admissions.keep_open(await admit(admissions), lambda _error: None)
    decider.caller = Caller(Scope("other", "ada"), "ada")
    admissions.keep_open(await admit(admissions), lambda _error: None)


async def test_who_is_not_known_may_have_any_number() -> None:
    admissions = Admissions(OpenAuthenticator(), lambda: NOW, 1)
    for _ in range(3):
        admissions.keep_open(await admit(admissions), lambda _error: None)


@pytest.mark.parametrize("level", [True, (1,), "1"])
async def test_a_renewal_with_another_claim_is_refused(level: ClaimValue) -> None:
    """Also where both values are equal in Python: rules tell 1 and True apart."""
    caller = replace(ADA, claims={"level": 1})
    decider = Decider(caller)
    decider.decide.set()
    admissions = Admissions(decider, lambda: NOW, 10)
    admission = await admit(admissions)
    admissions.keep_open(admission, lambda _error: None)
    decider.caller = replace(caller, claims={"level": level})
    renewal = admissions.renew(admission, {})
    assert renewal is not None
    with pytest.raises(Forbidden, match="claims of the caller have changed"):
        await renewal
