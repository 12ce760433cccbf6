"""The contexts that nerve itself needs: API keys, revocations, tenants, subjects of personal data, and dead
letters.

They import the kernel alone. `eventstore`, `projections` and `api` may import them.
"""
