"""The end of access for a subject, a credential, a role or a tenant, and its restoration."""

from domain.builtin.revocations.aggregate import Revocation
from domain.kernel import Context

context = Context("revocations", Revocation)
