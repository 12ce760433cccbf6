"""Shipments: the items of one order on their way to the customer."""

from domain.kernel import Context
from domain.shipments.aggregate import Shipment

context = Context("shipments", Shipment)
