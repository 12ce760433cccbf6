"""Integration events: what other systems report, declared by type and recorded as events of a context. Pure.

It imports the kernel alone. Modules of contexts import `integration_context`, and `api` what receives events.
"""

from domain.integration.context import IntegrationContext, integration_context

__all__ = ["IntegrationContext", "integration_context"]
