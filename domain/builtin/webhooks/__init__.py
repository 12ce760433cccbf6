"""Webhooks: URLs to which nerve posts the events of a tenant. The log has no secret of them.

`subscriptions.publishing` delivers the events; `projections.builtin` and `api` show and manage webhooks.
"""

from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import Context

context = Context("webhooks", Webhook)
