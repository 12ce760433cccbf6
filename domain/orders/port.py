"""The outside port `notifications`: messages to customers. Pure."""

from __future__ import annotations

from domain.kernel.fields import Identifier, Name
from domain.process import Reply, Request


class Notified(Reply):
    """The message is on its way."""


class Notify(Request[Notified], port="notifications"):
    """Send a customer the message of this template about an order."""

    order_id: Identifier
    customer_id: Name
    template: Name
