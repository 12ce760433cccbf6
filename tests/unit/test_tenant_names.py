"""The names that a tenant may have, and that no pair of tenant and id shares its key with another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import ValidationFailed
from domain.kernel.tenants import check_tenant, is_tenant
from eventstore.personal.subject_keys import owner_of
from projections.storage.rows import row_key


@pytest.mark.parametrize("name", ["default", "acme.example", "org_8Zq", "4f1c-9", "a", "A" * 64])
def test_names_as_identity_providers_give_them_are_accepted(name: str) -> None:
    """Realms, domains, ids of organizations and UUIDs."""
    assert check_tenant(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "a:b",
        " a",
        "a b",
        "-a",
        ".a",
        "$where",
        "a\0",
        "a\n",
        "ä",
        "A" * 65,
        None,
        7,
        ["a"],
        {"$gt": ""},
    ],
)
def test_other_names_are_refused_without_being_repeated(name: object) -> None:
    """A claim can hold anything, also operators of MongoDB."""
    with pytest.raises(ValidationFailed, match="a tenant has a name of 1 to 64 letters"):
        check_tenant(name)


names = st.from_regex(r"[A-Za-z0-9._:/-]{1,8}", fullmatch=True)


@given(st.tuples(names, names), st.tuples(names, names))
def test_no_two_tenants_share_a_key_whatever_the_ids_are(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Tenant "a" with the id "b/c" is not tenant "a/b" with the id "c"."""
    if one != other and is_tenant(one[0]) and is_tenant(other[0]):
        assert row_key(*one) != row_key(*other)
        assert owner_of(*one) != owner_of(*other)
