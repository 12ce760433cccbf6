"""Items that are reserved together, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.reservations.aggregate import Reservation
from domain.reservations.commands import (
    CommitReservation,
    RecordItemRefused,
    RecordItemReserved,
    ReleaseReservation,
    RequestReservation,
)
from domain.reservations.events import (
    ItemRefused,
    ItemReserved,
    ReleaseRequested,
    ReservationCommitted,
    ReservationItem,
    ReservationMade,
    ReservationRefused,
    ReservationReleased,
    ReservationRequested,
    ReservationStatus,
)
from domain.testing import given

ID, ORDER, LAMP, DESK = "reservation-1", "order-1", "stock-lamp", "stock-desk"
REQUESTED = ReservationRequested(
    order_id=ORDER,
    items=[ReservationItem(item_id=LAMP, quantity=1), ReservationItem(item_id=DESK, quantity=2)],
)
LAMP_RESERVED, DESK_RESERVED = ItemReserved(item_id=LAMP), ItemReserved(item_id=DESK)
DESK_REFUSED = ItemRefused(item_id=DESK, available=1)
MADE = ReservationMade(order_id=ORDER)
COMMITTED = ReservationCommitted(order_id=ORDER, reserved=[LAMP, DESK])


def test_a_reservation_is_made_when_each_stock_has_reserved() -> None:
    """The last answer completes it."""
    given(Reservation, REQUESTED).when(RecordItemReserved(id=ID, item_id=LAMP)).then(LAMP_RESERVED)
    given(Reservation, REQUESTED, LAMP_RESERVED).when(RecordItemReserved(id=ID, item_id=DESK)).then(
        DESK_RESERVED, MADE
    )


def test_a_refused_item_refuses_the_reservation_when_each_stock_has_answered() -> None:
    """It names the items that are reserved, so that they can be released."""
    refuse = RecordItemRefused(id=ID, item_id=DESK, available=1)
    given(Reservation, REQUESTED).when(refuse).then(DESK_REFUSED)
    refused = ReservationRefused(order_id=ORDER, refused=[DESK], reserved=[LAMP])
    given(Reservation, REQUESTED, LAMP_RESERVED).when(refuse).then(DESK_REFUSED, refused)
    given(Reservation, REQUESTED, DESK_REFUSED).when(RecordItemReserved(id=ID, item_id=LAMP)).then(
        LAMP_RESERVED, refused
    )


def test_an_answer_that_comes_again_changes_nothing() -> None:
    """Neither a second answer nor one for an item of another reservation counts."""
    history = given(Reservation, REQUESTED, LAMP_RESERVED)
    history.when(RecordItemReserved(id=ID, item_id=LAMP)).then_nothing()
    history.when(RecordItemRefused(id=ID, item_id=LAMP, available=0)).then_nothing()
    history.when(RecordItemReserved(id=ID, item_id="stock-chair")).then_nothing()


def test_a_release_waits_for_the_answers_that_are_under_way() -> None:
    """A stock that reserves later would otherwise keep its quantity for ever."""
    release = ReleaseReservation(id=ID)
    given(Reservation, REQUESTED).when(release).then(ReleaseRequested())
    asked = given(Reservation, REQUESTED, LAMP_RESERVED, ReleaseRequested())
    asked.when(release).then_nothing()
    asked.when(RecordItemReserved(id=ID, item_id=DESK)).then(
        DESK_RESERVED, ReservationReleased(order_id=ORDER, reserved=[LAMP, DESK])
    )


def test_a_reservation_that_was_made_is_committed_or_released() -> None:
    """Only one of both happens; what has left the warehouse cannot be released."""
    history = given(Reservation, REQUESTED, LAMP_RESERVED, DESK_RESERVED, MADE)
    history.when(CommitReservation(id=ID)).then(COMMITTED)
    history.when(ReleaseReservation(id=ID)).then(ReservationReleased(order_id=ORDER, reserved=[LAMP, DESK]))
    committed = given(Reservation, REQUESTED, LAMP_RESERVED, DESK_RESERVED, MADE, COMMITTED)
    committed.when(CommitReservation(id=ID)).then_nothing()
    committed.when(ReleaseReservation(id=ID)).then_refused(containing="have left the warehouse")


def test_a_reservation_that_waits_cannot_be_committed() -> None:
    """Its items may not be there."""
    given(Reservation, REQUESTED).when(CommitReservation(id=ID)).then_refused(containing="REQUESTED")


@pytest.mark.parametrize("items", [[LAMP], [LAMP, DESK]])
def test_a_reservation_is_requested_with_each_item_once(items: list[str]) -> None:
    """An item on two lines is refused, for its stock answers once."""
    requests = [ReservationItem(item_id=item, quantity=1) for item in items]
    given(Reservation).when(RequestReservation(order_id=ORDER, items=requests)).then(
        ReservationRequested(
            order_id=ORDER, items=[ReservationItem(item_id=item, quantity=1) for item in items]
        )
    )
    twice = RequestReservation(order_id=ORDER, items=[*requests, requests[0]])
    given(Reservation).when(twice).then_refused(containing="more than once")


ANSWERS = st.permutations(
    [RecordItemReserved(id=ID, item_id=LAMP), RecordItemRefused(id=ID, item_id=DESK, available=0)]
)


@for_all(ANSWERS, st.integers(0, 3))
def test_every_order_of_answers_and_release_ends_without_a_reserved_item(
    answers: list[Any], place: int
) -> None:
    """Whenever the release comes, each reserved item is named once by an event that has it released."""
    commands = [*answers[:place], ReleaseReservation(id=ID), *answers[place:]]
    history: list[Any] = [REQUESTED]
    for command in commands:
        history += given(Reservation, *history).when(command).events
    state = Reservation().evolve_all(history)
    assert state.status in (ReservationStatus.REFUSED, ReservationStatus.RELEASED)
    released = [event for event in history if isinstance(event, ReservationRefused | ReservationReleased)]
    assert [event.reserved for event in released] == [[LAMP]]
