"""Payments: money that a customer owes for one order, from its authorisation to its capture or refund."""

from domain.kernel import Context
from domain.payments.aggregate import Payment

context = Context("payments", Payment)
