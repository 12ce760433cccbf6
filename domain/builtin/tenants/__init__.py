"""Tenants as a whole, and the record of their erasure."""

from domain.builtin.tenants.aggregate import ErasedTenant
from domain.kernel import Context

context = Context("tenants", ErasedTenant)
"""The rules of recording that a tenant was erased."""
