"""Calls of external services: the request, and the response with its outcome and latency."""

from domain.builtin.system.service_calls.aggregate import ServiceCall
from domain.kernel import Context

context = Context("service_calls", ServiceCall)
