"""Positions are sealed: they open for the tenant they were given to, and for nobody else."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.position_seal import PositionSeal
from domain.kernel.errors import ValidationFailed
from eventstore.place import Place

SEAL = PositionSeal(bytes(range(32)))
PLACES = st.builds(Place, st.integers(0, 2**63), st.integers(0, 0xFFFF), st.none() | st.integers(0, 2**63))


@given(PLACES)
def test_a_place_comes_back_and_always_looks_the_same(place: Place) -> None:
    sealed = SEAL.seal("a", place)
    opened = SEAL.open("a", sealed, ("after",))
    assert (opened, opened.floor) == (place, place.floor)
    assert SEAL.seal("a", place) == sealed


@given(PLACES)
def test_another_tenant_and_another_log_cannot_open_it(place: Place) -> None:
    sealed = SEAL.seal("a", place)
    for seal, tenant in ((SEAL, "b"), (PositionSeal(bytes(32)[:16] + bytes(range(16))), "a")):
        with pytest.raises(ValidationFailed):
            seal.open(tenant, sealed, ("after",))


@given(PLACES, st.integers(0, 33), st.sampled_from("ABCxyz019-_é !"))
def test_a_position_that_was_tampered_with_does_not_open(place: Place, at: int, character: str) -> None:
    sealed = SEAL.seal("a", place)
    assume(sealed[at] != character)
    for forged in (sealed[:at] + character + sealed[at + 1 :], sealed[:at], sealed + character):
        with pytest.raises(ValidationFailed) as refused:
            SEAL.open("a", forged, ("after",))
        assert refused.value.path == ("after",)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        SEAL.open("a", text, ("after",))
