"""API keys of services and agents. The log has the hash of a key's secret, and never the secret."""

from domain.builtin.apikeys.aggregate import ApiKey
from domain.kernel import Context

context = Context("apikeys", ApiKey)
