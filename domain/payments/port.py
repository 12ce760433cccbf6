"""The outside port `payments`: what the payment provider is asked for. Pure.

The provider keeps all requests of a payment under its id: it holds and collects its amount at most once.
"""

from __future__ import annotations

from domain.kernel.fields import Identifier, Int64
from domain.process import Reply, Request


class Authorised(Reply):
    """The amount is held."""

    authorisation: str


class Done(Reply):
    """The request was carried out."""


class Authorise(Request[Authorised], port="payments"):
    """Hold an amount, without collecting it."""

    payment_id: Identifier
    amount: Int64
    currency: str


class Capture(Request[Done], port="payments"):
    """Collect the amount that is held."""

    payment_id: Identifier
    amount: Int64


class Refund(Request[Done], port="payments"):
    """Give back an amount that was collected."""

    payment_id: Identifier
    amount: Int64


class Reverse(Request[Done], port="payments"):
    """Give back whatever is held or was collected, and hold and collect nothing for the payment any more."""

    payment_id: Identifier
