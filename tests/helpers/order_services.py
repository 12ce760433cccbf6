"""Outside services of orders, with a ledger: what they carried out, whatever became of their replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from domain.orders.port import Notified, Notify
from domain.payments.port import Authorise, Authorised, Capture, Done, Refund, Reverse
from domain.process import Reply, Request
from domain.shipments.port import Book, Booked, BookingCancelled, CancelBooking
from subscriptions.processes.ports import PortRefused, PortUnavailable


class Verdict(StrEnum):
    """What a service does with a request: all but DONE and REFUSED leave the caller without a reply."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    DONE_IN_SILENCE = "DONE_IN_SILENCE"
    UNREACHED = "UNREACHED"

    @property
    def is_silent(self) -> bool:
        return self in (Verdict.DONE_IN_SILENCE, Verdict.UNREACHED)


MAX_LOST = 2
"""Replies that are lost to a request that is answered in the end."""


@dataclass
class OrderServices:
    """The services behind all ports of orders.

    `decide` returns the verdict for an operation and the key of an order. `chance` decides which replies are
    lost on the way. `ledger` has the requests that were carried out, each key once, in order.
    """

    decide: Callable[[str, str], Verdict]
    chance: Random
    ledger: dict[str, Request[Any]] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)

    def verdict(self, request: Request[Any]) -> Verdict:
        """Return the verdict for a request."""
        return self.decide(type(request).__name__, order_key(request))

    def call(self, key: str, request: Request[Any]) -> Reply:
        """Answer a request; raise PortUnavailable or PortRefused if there is no reply."""
        verdict = self.verdict(request)
        if verdict is Verdict.REFUSED:
            raise PortRefused("refused", "the service refuses the request")
        if verdict is not Verdict.UNREACHED:
            self.ledger.setdefault(key, request)
        is_lost = self.lost.get(key, 0) < MAX_LOST and self.chance.random() < 0.3
        if verdict.is_silent or is_lost:
            self.lost[key] = self.lost.get(key, 0) + 1
            raise PortUnavailable("there is no reply")
        return _reply(request)

    def money(self, order: str) -> tuple[int, int]:
        """Return what is held and what is collected for an order."""
        held = collected = 0
        is_reversed = False
        for request in self._requests(order):
            match request:
                case Authorise(amount=amount) if not is_reversed:
                    held += amount
                case Capture(amount=amount) if not is_reversed:
                    held, collected = held - amount, collected + amount
                case Refund(amount=amount):
                    collected -= amount
                case Reverse():
                    held = collected = 0
                    is_reversed = True
        return held, collected

    def is_booked(self, order: str) -> bool:
        """Return whether the carrier has the shipment of an order."""
        operations = [type(request) for request in self._requests(order)]
        return Book in operations and CancelBooking not in operations

    def repeated(self) -> list[str]:
        """Return what was carried out under two keys for one order."""
        done = [f"{type(request).__name__} of {order_key(request)}" for request in self.ledger.values()]
        return sorted({each for each in done if done.count(each) > 1})

    def _requests(self, order: str) -> list[Request[Any]]:
        return [request for request in self.ledger.values() if order_key(request) == order]


def order_key(request: Request[Any]) -> str:
    """Return the key of the order that a request is about."""
    match request:
        case Authorise() | Capture() | Refund() | Reverse():
            stream = request.payment_id
        case Book() | CancelBooking():
            stream = request.shipment_id
        case Notify():
            stream = request.order_id
        case _:
            raise AssertionError(f"no service takes a {type(request).__name__}")
    return stream.partition("-")[2]


def _reply(request: Request[Any]) -> Reply:
    match request:
        case Authorise():
            return Authorised(authorisation=f"a-{order_key(request)}")
        case Book():
            return Booked(tracking_number=f"T-{order_key(request)}")
        case CancelBooking():
            return BookingCancelled()
        case Notify():
            return Notified()
        case _:
            return Done()
