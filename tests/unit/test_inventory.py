"""How much of an item is on hand, reserved and available."""

from __future__ import annotations

from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.inventory.aggregate import Stock
from domain.inventory.commands import CommitStock, CountStock, ReceiveStock, ReleaseStock, ReserveStock
from domain.inventory.events import (
    StockCommitted,
    StockCounted,
    StockReceived,
    StockRefused,
    StockReleased,
    StockReserved,
)
from domain.testing import given
from projections.testing import History
from projections.views import stock_items

LAMP, MINE, OTHER = "stock-lamp", "reservation-1", "reservation-2"
RECEIVED = StockReceived(name="Lamp", quantity=5, on_hand=5)
RESERVED = StockReserved(reservation_id=MINE, quantity=3, reserved=3)


def test_what_is_reserved_is_not_available_to_others() -> None:
    """A reservation locks its quantity; another one that needs it is refused, as an event."""
    given(Stock, RECEIVED).when(ReserveStock(id=LAMP, reservation_id=MINE, quantity=3)).then(RESERVED)
    given(Stock, RECEIVED, RESERVED).when(ReserveStock(id=LAMP, reservation_id=OTHER, quantity=3)).then(
        StockRefused(reservation_id=OTHER, quantity=3, available=2)
    )


def test_nothing_is_available_of_an_item_that_never_arrived() -> None:
    """Reserving an unknown item is refused, as an event, and not with an error."""
    given(Stock).when(ReserveStock(id=LAMP, reservation_id=MINE, quantity=1)).then(
        StockRefused(reservation_id=MINE, quantity=1, available=0)
    )


def test_reserving_twice_for_one_reservation_changes_nothing() -> None:
    """A command that is sent again does not lock more."""
    given(Stock, RECEIVED, RESERVED).when(
        ReserveStock(id=LAMP, reservation_id=MINE, quantity=3)
    ).then_nothing()


def test_a_reservation_is_committed_or_released_once() -> None:
    """A committed quantity leaves the stock, a released one is available again."""
    history = given(Stock, RECEIVED, RESERVED)
    committed = StockCommitted(reservation_id=MINE, quantity=3, on_hand=2, reserved=0)
    released = StockReleased(reservation_id=MINE, quantity=3, reserved=0)
    history.when(CommitStock(id=LAMP, reservation_id=MINE)).then(committed)
    history.when(ReleaseStock(id=LAMP, reservation_id=MINE)).then(released)
    for over in (committed, released):
        ended = given(Stock, RECEIVED, RESERVED, over)
        ended.when(CommitStock(id=LAMP, reservation_id=MINE)).then_nothing()
        ended.when(ReleaseStock(id=LAMP, reservation_id=MINE)).then_nothing()


def test_a_count_cannot_take_away_what_is_reserved() -> None:
    """The quantity on hand never falls below what is reserved."""
    history = given(Stock, RECEIVED, RESERVED)
    history.when(CountStock(id=LAMP, on_hand=2, reason="broken")).then_refused(containing="3 are reserved")
    history.when(CountStock(id=LAMP, on_hand=5, reason="yearly")).then_nothing()
    history.when(CountStock(id=LAMP, on_hand=3, reason="broken")).then(
        StockCounted(on_hand=3, reason="broken")
    )


RESERVATIONS = st.sampled_from([MINE, OTHER, "reservation-3"])
QUANTITIES = st.integers(1, 6)
COMMANDS = st.one_of(
    st.builds(ReceiveStock, id=st.just(LAMP), quantity=QUANTITIES),
    st.builds(CountStock, id=st.just(LAMP), on_hand=st.integers(0, 9), reason=st.just("yearly")),
    st.builds(ReserveStock, id=st.just(LAMP), reservation_id=RESERVATIONS, quantity=QUANTITIES),
    st.builds(ReleaseStock, id=st.just(LAMP), reservation_id=RESERVATIONS),
    st.builds(CommitStock, id=st.just(LAMP), reservation_id=RESERVATIONS),
)


@for_all(st.lists(COMMANDS, max_size=30))
def test_stock_is_never_negative_and_always_adds_up(commands: list[Any]) -> None:
    """Reserved and available are always what is on hand, and the view agrees."""
    history: list[Any] = [RECEIVED]
    for command in commands:
        history += given(Stock, *history).when(command).events
        state = Stock().evolve_all(history)
        assert min(state.on_hand, state.available) >= 0
        assert state.reserved + state.available == state.on_hand
        row = History().add(LAMP, *history).rows(stock_items.view)[LAMP]
        assert (row["on_hand"], row["reserved"]) == (state.on_hand, state.reserved)
        assert row["available"] == state.available


def test_an_item_that_never_arrived_has_no_row() -> None:
    """A refused reservation of an unknown item does not show in the view."""
    refused = StockRefused(reservation_id=MINE, quantity=1, available=0)
    assert History().add(LAMP, refused).rows(stock_items.view) == {}
