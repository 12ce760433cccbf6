"""Who may do and see what: declared with commands, views, their fields, and events. Pure.

A rule says what a caller and a value must have in common. `bind` fills in the caller; what is left is a
`Permission`, a condition on the value alone, which becomes part of a query, of a live view, or of a check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from domain.kernel.errors import DeclarationError

ADMINISTRATOR = "administrator"
"""The role that may do and see everything of its tenant, without a declaration."""

OPERATOR = "operator"
"""The role that may see and operate what keeps a tenant running: processes, dead letters, states of views."""

DEPLOYMENT = "deployment"
"""The role that may act in every tenant, and manage tenants."""

METRICS = "metrics"
"""The role that may read the metrics of a process, which count for all tenants, and nothing else."""

ClaimValue = str | int | bool | tuple[str | int | bool, ...]


@runtime_checkable
class CallerFacts(Protocol):
    """What rules ask of a caller. `subject` is None for a caller without credentials."""

    @property
    def subject(self) -> str | None: ...
    @property
    def roles(self) -> frozenset[str]: ...
    @property
    def claims(self) -> Mapping[str, ClaimValue]: ...


@dataclass(frozen=True, slots=True)
class Match:
    """The value of a field must be the caller's subject, one of its claim's values, or `value`.

    A field that holds a list must contain it.
    """

    field: str
    is_subject: bool = False
    claim: str | None = None
    value: str | int | bool | None = None

    def allowed_values(self, caller: CallerFacts) -> tuple[Any, ...]:
        """Return the values that the field may have for this caller."""
        if self.is_subject:
            return () if caller.subject is None else (caller.subject,)
        if self.claim is None:
            return (self.value,)
        claimed = caller.claims.get(self.claim, ())
        return claimed if isinstance(claimed, tuple) else (claimed,)


@dataclass(frozen=True, slots=True)
class Grant:
    """One way to be allowed: have one of `roles` (None: any caller), and meet every condition."""

    roles: frozenset[str] | None = None
    needs_subject: bool = True
    matches: tuple[Match, ...] = ()

    def combined(self, other: Grant) -> Grant:
        """Return the grant that requires both."""
        roles = [each.roles for each in (self, other) if each.roles is not None]
        both = frozenset.intersection(*roles) if roles else None
        return Grant(both, self.needs_subject or other.needs_subject, (*self.matches, *other.matches))


@dataclass(frozen=True, slots=True)
class Access:
    """A rule: the caller needs one of the grants. Combine rules with ``|`` (either) and ``&`` (both)."""

    grants: tuple[Grant, ...]

    def __or__(self, other: Access) -> Access:
        return Access((*self.grants, *other.grants))

    def __and__(self, other: Access) -> Access:
        return Access(tuple(mine.combined(theirs) for mine in self.grants for theirs in other.grants))

    @property
    def fields(self) -> frozenset[str]:
        """The fields whose values the rule depends on."""
        return frozenset(match.field for grant in self.grants for match in grant.matches)


anyone = Access((Grant(needs_subject=False),))
"""Everybody, also without credentials."""

signed_in = Access((Grant(),))
"""Every caller with valid credentials."""

nobody = Access(())
"""Administrators alone; what is not declared has this rule."""


def role(*names: str) -> Access:
    """Allow callers that have one of these roles."""
    if not names or not all(isinstance(name, str) and name for name in names):
        raise DeclarationError("role() needs the names of roles, as in role('editor', 'reviewer')")
    return Access((Grant(roles=frozenset(names)),))


def owner(field: str) -> Access:
    """Allow the caller whose subject is the value of the field, or is in the list in it."""
    return Access((Grant(matches=(Match(field, is_subject=True),)),))


def claim(name: str, field: str) -> Access:
    """Allow callers whose claim has the value of the field; of a list one element is enough."""
    return Access((Grant(matches=(Match(field, claim=name),)),))


def where(field: str, value: str | int | bool) -> Access:
    """Allow everybody where the field has this value; ``signed_in & where(…)`` asks for credentials too."""
    return Access((Grant(needs_subject=False, matches=(Match(field, value=value),)),))


@dataclass(frozen=True, slots=True)
class FieldIn:
    """The field must have, or contain, one of the values. Conditions with 1 and with True are not equal."""

    field: str
    values: tuple[Any, ...]
    _types: tuple[type, ...] = dataclass_field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_types", tuple(map(type, self.values)))

    def is_met_by(self, value: Any) -> bool:
        """Return whether a field with this value meets the condition. Types must agree: 1 is not True."""
        candidates: Iterable[Any] = value if isinstance(value, list | tuple | set | frozenset) else (value,)
        return any(
            candidate == allowed and isinstance(candidate, bool) == isinstance(allowed, bool)
            for candidate in candidates
            for allowed in self.values
        )


@dataclass(frozen=True, slots=True)
class Permission:
    """A rule that was bound to a caller. Each alternative is a list of conditions that must all hold.

    An alternative without conditions allows everything. Equal permissions allow the same.
    """

    alternatives: frozenset[tuple[FieldIn, ...]]

    @property
    def is_denied(self) -> bool:
        """Whether nothing is allowed."""
        return not self.alternatives

    @property
    def is_unconditional(self) -> bool:
        """Whether everything is allowed."""
        return () in self.alternatives

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Return whether a value with these fields meets one of the alternatives."""
        return any(
            all(condition.is_met_by(values.get(condition.field)) for condition in alternative)
            for alternative in self.alternatives
        )

    def allows_attributes(self, source: object) -> bool:
        """Return whether an object with these attributes does; of a member of an enum its value counts."""
        fields = {condition.field for alternative in self.alternatives for condition in alternative}
        values = {field: getattr(source, field, None) for field in fields}
        return self.allows(
            {field: value.value if isinstance(value, Enum) else value for field, value in values.items()}
        )


ALLOWED = Permission(frozenset(((),)))
DENIED = Permission(frozenset())


def bind(access: Access, caller: CallerFacts) -> Permission:
    """Return what the rule allows this caller. An administrator is allowed everything."""
    if ADMINISTRATOR in caller.roles:
        return ALLOWED
    alternatives = [_bound(grant, caller) for grant in access.grants]
    if () in alternatives:
        return ALLOWED
    return Permission(frozenset(each for each in alternatives if each is not None))


def _bound(grant: Grant, caller: CallerFacts) -> tuple[FieldIn, ...] | None:
    if grant.needs_subject and caller.subject is None:
        return None
    if grant.roles is not None and not grant.roles & caller.roles:
        return None
    conditions = [FieldIn(match.field, match.allowed_values(caller)) for match in grant.matches]
    if not all(condition.values for condition in conditions):
        return None
    return tuple(sorted(conditions, key=lambda condition: (condition.field, str(condition.values))))


def check_access(place: str, access: Any, fields: Sequence[str] | None) -> None:
    """Raise DeclarationError if `access` is no rule, or depends on a field that is not among `fields`.

    Where `fields` is None the rule may depend on no field.
    """
    if not isinstance(access, Access):
        raise DeclarationError(
            f"{place} must be a rule such as role('editor') or owner('owner_id'), not {access!r}"
        )
    unknown = sorted(access.fields - set(fields or ()))
    if unknown and fields is None:
        raise DeclarationError(f"{place} may depend on roles only, not on the field {unknown[0]!r}")
    if unknown:
        raise DeclarationError(
            f"{place} names the field {unknown[0]!r}; the fields are {', '.join(sorted(fields or ()))}"
        )
