"""Rules of access, and what they allow a caller, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from domain.kernel.access import Access, FieldIn, Grant, Permission


def rule_text(access: Access) -> str:
    """Return the rule as it is declared, such as ``owner('author') | role('auditor')``."""
    return " | ".join(map(_grant_text, access.grants)) or "nobody"


def _grant_text(grant: Grant) -> str:
    return " & ".join(_parts(grant)) or ("signed_in" if grant.needs_subject else "anyone")


def _parts(grant: Grant) -> Iterator[str]:
    if grant.roles is not None:
        yield f"role({', '.join(map(repr, sorted(grant.roles)))})"
    elif grant.needs_subject and any(match.value is not None for match in grant.matches):
        yield "signed_in"
    for match in grant.matches:
        if match.is_subject:
            yield f"owner({match.field!r})"
        elif match.claim is not None:
            yield f"claim({match.claim!r}, {match.field!r})"
        else:
            yield f"where({match.field!r}, {match.value!r})"


def permission_text(permission: Permission) -> str:
    """Return what a bound rule allows, such as ``where author is 'ada'``."""
    if permission.is_denied:
        return "nothing"
    if permission.is_unconditional:
        return "everything"
    alternatives = (" and ".join(map(_condition_text, each)) for each in permission.alternatives)
    return f"where {', or '.join(sorted(alternatives))}"


def _condition_text(condition: FieldIn) -> str:
    values = [repr(value) for value in condition.values]
    return (
        f"{condition.field} is {values[0]}"
        if len(values) == 1
        else f"{condition.field} is one of {', '.join(values)}"
    )
