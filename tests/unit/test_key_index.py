"""The API keys and revocations that a process keeps of the log: they agree with a plain reading of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.api_keys import ApiKeys, KeyId
from api.access.callers import Caller
from api.access.credentials import InvalidCredentials
from api.access.key_format import format_key, new_secret
from api.access.revocations import Revocations
from domain.builtin.apikeys.events import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from domain.builtin.revocations.commands import AccessKind
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import CommitInfo, Event, RecordedEvent, Scope
from domain.kernel.errors import Forbidden, NerveError, Unauthenticated
from domain.testing import NOON

SECRETS = [new_secret() for _ in range(12)]
SECOND = timedelta(seconds=1)


def recorded(event: Event | None, stream: str, second: int, tenant: str = "a") -> RecordedEvent:
    """The event as the log has it, recorded so many seconds after noon. None: it cannot be read."""
    info = CommitInfo(
        second, tenant, stream, "apikey", "id", "c", "c", None, None, None, NOON + second * SECOND, None
    )
    return RecordedEvent(info, 0, "e", "type", 1, 1, {}, event)


@dataclass(frozen=True)
class Step:
    """Something that happens to one of three keys; `grace` in seconds."""

    kind: str
    key: int
    grace: int


steps = st.lists(
    st.builds(Step, st.sampled_from(["issue", "rotate", "revoke"]), st.integers(0, 2), st.integers(0, 9)),
    max_size=len(SECRETS),
)


class KeyModel:
    """What the steps mean, said plainly. Secrets and seconds have the number of their step."""

    def __init__(self) -> None:
        self.current: dict[int, int] = {}
        self.owners: dict[int, int] = {}
        self.ends: dict[int, int | None] = {}
        """When each secret that was not revoked ends; None: never."""

    def take(self, number: int, step: Step) -> Event | None:
        """Return the event of a step; None where it is not possible now."""
        key, secret = step.key, SECRETS[number].hash
        if step.kind == "issue" and key not in self.owners.values():
            self._add(number, key)
            return ApiKeyIssued(name="n", subject="s", roles=(), secret_hash=secret)
        if step.kind == "issue" or key not in self.current:
            return None
        if step.kind == "rotate":
            end = self.ends[self.current[key]] = number + step.grace
            self._add(number, key)
            return ApiKeyRotated(secret_hash=secret, old_valid_until=NOON + end * SECOND)
        del self.current[key]
        self.ends = {each: end for each, end in self.ends.items() if self.owners[each] != key}
        return ApiKeyRevoked()

    def is_valid(self, number: int, at: int) -> bool:
        if number not in self.ends:
            return False
        end = self.ends[number]
        return end is None or at < end

    def _add(self, number: int, key: int) -> None:
        self.current[key], self.owners[number], self.ends[number] = number, key, None


@given(steps=steps, at=st.integers(0, 25))
def test_a_secret_is_valid_from_its_issue_until_it_is_revoked_or_its_grace_ends(
    steps: Sequence[Step], at: int
) -> None:
    """Also where an event is read twice."""
    keys, model = ApiKeys(lambda: NOON + at * SECOND, lambda key: None), KeyModel()
    for number, step in enumerate(steps):
        if (event := model.take(number, step)) is not None:
            for _ in range(2):
                keys.apply(recorded(event, f"apikey-{step.key}", number))
    for number, key in model.owners.items():
        text = format_key(f"apikey-{key}", SECRETS[number].text)
        if model.is_valid(number, at):
            assert keys.verify(text).issued_at == NOON + number * SECOND
        else:
            with pytest.raises(InvalidCredentials):
                keys.verify(text)


def test_a_key_whose_event_cannot_be_read_counts_as_revoked() -> None:
    """A newer version of nerve may have written it."""
    keys = ApiKeys(lambda: NOON, lambda key: None)
    issued = ApiKeyIssued(name="n", subject="s", roles=(), secret_hash=SECRETS[0].hash)
    keys.apply(recorded(issued, "apikey-1", 0))
    revoked = keys.apply(recorded(None, "apikey-1", 1))
    assert revoked is not None
    assert revoked.revocation.credential == "apikey-1"
    with pytest.raises(InvalidCredentials):
        keys.verify(format_key("apikey-1", SECRETS[0].text))


def test_each_use_is_noted_and_no_wrong_one() -> None:
    noted: list[KeyId] = []
    keys = ApiKeys(lambda: NOON, noted.append)
    issued = ApiKeyIssued(name="n", subject="s", roles=(), secret_hash=SECRETS[0].hash)
    keys.apply(recorded(issued, "apikey-1", 0))
    keys.verify(format_key("apikey-1", SECRETS[0].text))
    with pytest.raises(InvalidCredentials):
        keys.verify(format_key("apikey-2", SECRETS[0].text))
    assert noted == [KeyId("a", "apikey-1")]


names = st.sampled_from(["x", "y"])
callers = st.builds(
    Caller,
    st.builds(Scope, st.sampled_from(["a", "b"])),
    names,
    st.frozensets(names),
    names,
    issued_at=st.none() | st.integers(0, 10).map(lambda second: NOON + second * SECOND),
)
kinds = st.sampled_from(AccessKind)
ends = st.lists(
    st.tuples(st.booleans(), kinds, names, st.booleans(), st.sampled_from(["a", "b"])), max_size=10
)


@given(ends=ends, caller=callers)
def test_a_caller_is_refused_where_the_last_end_of_its_access_is_in_force(
    ends: Sequence[tuple[bool, AccessKind, str, bool, str]], caller: Caller
) -> None:
    revocations, seconds = Revocations(), count()
    in_force: dict[tuple[str, AccessKind, str | None], datetime | None] = {}
    for is_end, kind, name, until_restored, tenant in ends:
        named = None if kind is AccessKind.TENANT else name
        second = next(seconds)
        event: Event = AccessRestored(kind=kind, name=named, reason="r")
        in_force.pop((tenant, kind, named), None)
        if is_end:
            event = AccessEnded(kind=kind, name=named, reason="r", until_restored=until_restored)
            in_force[tenant, kind, named] = None if until_restored else NOON + second * SECOND
        revocations.apply(recorded(event, "access-x", second, tenant))
    refusals: set[type[NerveError] | None] = {
        Forbidden if before is None else Unauthenticated
        for (tenant, kind, named), before in in_force.items()
        if tenant == caller.scope.tenant
        and concerns(kind, named, caller)
        and (before is None or caller.issued_at is None or caller.issued_at <= before)
    }
    assert refusal(revocations, caller) in (refusals or {None})


def concerns(kind: AccessKind, name: str | None, caller: Caller) -> bool:
    names = {
        AccessKind.SUBJECT: {caller.subject},
        AccessKind.CREDENTIAL: {caller.credential},
        AccessKind.ROLE: caller.roles,
    }
    return kind is AccessKind.TENANT or name in names[kind]


def refusal(revocations: Revocations, caller: Caller) -> type[NerveError] | None:
    try:
        revocations.check(caller)
    except NerveError as refused:
        return type(refused)
    return None
