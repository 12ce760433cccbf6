"""The built-in contexts: API keys, revocations, tenants, subjects of personal data, dead letters, webhooks,
alerts and system events.

They import the kernel alone. Example contexts, `eventstore`, `projections` and `api` may import them.
"""
