"""Orders: what a customer buys, from its placing until it is confirmed or cancelled."""

from domain.kernel import Context
from domain.orders.aggregate import Order

context = Context("orders", Order)
