"""Inventory: how much of each item is on hand, and how much of it is reserved."""

from domain.inventory.aggregate import Stock
from domain.kernel import Context

context = Context("inventory", Stock)
