"""Commands that can do with what happened since the version that they were decided on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dispatch.limits import DispatchLimits
from domain.documents.commands import PatchDocument, RenameDocument, ReplaceDocument
from domain.documents.conflicts import merge
from domain.documents.events import (
    DocumentArchived,
    DocumentPatched,
    DocumentRenamed,
    DocumentReplaced,
    DocumentRestored,
)
from domain.documents.merging import merged
from domain.kernel import Envelope, Event, last_write_wins
from domain.kernel.conflicts import refuse
from domain.kernel.errors import ConcurrencyConflict
from tests.helpers.memory_row import OTHER, TALLY, open_row, receipt, refusal
from tests.helpers.tallies import Add, Bid, Open, Reset

patches = st.recursive(
    st.none() | st.integers(0, 2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


def test_the_rules_that_documents_declare() -> None:
    assert PatchDocument.on_conflict is merge
    assert RenameDocument.on_conflict is last_write_wins
    assert ReplaceDocument.on_conflict is refuse


@given(patches, patches, patches)
def test_patches_that_are_merged_all_hold_in_either_order(content: Any, one: Any, other: Any) -> None:
    if not isinstance(other, dict):
        return  # it replaces the whole, and no client can send it
    if merge(PatchDocument(id="document-1", patch=other), [DocumentPatched(patch=one)]) is not None:
        assert merged(merged(content, one), other) == merged(merged(content, other), one)


@pytest.mark.parametrize(
    ("since", "fits"),
    [
        (DocumentPatched(patch={"a": {"c": 1}}), True),
        (DocumentPatched(patch={"b": 1}), True),
        (DocumentPatched(patch={"a": {"b": 2}}), False),
        (DocumentPatched(patch={"a": None}), False),
        (DocumentPatched(patch={"a": {"b": {"x": 1}}}), False),
        (DocumentPatched(patch=3), False),
        (DocumentPatched(subject_id="subject-ann", personal={"patch": {"b": 1}}), True),
        (DocumentPatched(subject_id="subject-ann"), False),
        (DocumentRenamed(title="x"), True),
        (DocumentArchived(), True),
        (DocumentReplaced(content={}), False),
        (DocumentRestored(version=1, content={}), False),
    ],
)
def test_a_patch_fits_where_others_changed_other_members(since: Event, fits: bool) -> None:
    command = PatchDocument(id="document-1", patch={"a": {"b": 1}})
    assert (merge(command, [DocumentRenamed(title="y"), since]) is command) is fits


async def test_a_rule_is_asked_of_what_is_stored_and_of_what_is_under_way(row):
    (begun,) = await row.send(Open(id=OTHER))
    await row.land()
    grown = await row.send(Add(id=OTHER, amount=1), Add(id=OTHER, amount=2))
    await row.land(1)
    assert receipt(begun).version == 1
    assert receipt(grown[0]).version == 2
    assert not grown[1].done()
    (bid,) = await row.send(Bid(id=OTHER, amount=5), expected_version=1)
    await row.land()
    assert receipt(bid).version == 4


@pytest.mark.parametrize("turns", range(6))
async def test_an_append_that_ends_while_the_rule_is_asked_is_not_missed(row, turns):
    await row.add(1)
    bid = asyncio.create_task(row.bus.dispatch(Envelope(Bid(id=TALLY), expected_version=1)))
    for _ in range(turns):
        await asyncio.sleep(0)
    await row.land()
    await row.land()
    assert receipt(bid).version == 3


async def test_a_rule_refuses_for_what_is_under_way_once_that_is_stored(row):
    await row.send(Add(id=TALLY, amount=1), Reset(id=TALLY))
    (bid,) = await row.send(Bid(id=TALLY), expected_version=2)
    assert not bid.done()
    await row.land()
    assert refusal(bid) is ConcurrencyConflict


async def test_a_rule_is_asked_again_when_another_writer_came_between(row):
    (bid,) = await row.send(Bid(id=TALLY, amount=5), expected_version=1)
    row.log.intrude(TALLY, 10)
    await row.land()
    await row.land()
    assert (receipt(bid).version, row.stored) == (3, [10, 15])
    (late,) = await row.send(Bid(id=TALLY, amount=5), expected_version=1)
    row.log.intrude(TALLY, -10)
    await row.land()
    assert refusal(late) is ConcurrencyConflict


async def test_a_client_that_is_further_behind_than_a_rule_looks_gets_a_conflict():
    async with open_row(DispatchLimits(events_since=2)) as row:
        await row.add(*[0] * 3)
        await row.land()
        (bid,) = await row.send(Bid(id=TALLY), expected_version=1)
        assert refusal(bid) is ConcurrencyConflict


async def test_a_version_that_is_to_come_is_a_conflict(row):
    (bid,) = await row.send(Bid(id=TALLY), expected_version=7)
    assert refusal(bid) is ConcurrencyConflict
