"""Commands about tenants."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from domain.kernel import PutCommand
from domain.kernel.access import DEPLOYMENT, Access, role
from domain.kernel.conditions import Condition
from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import Text
from domain.kernel.tenants import check_tenant

TENANT_IS_ERASED: Condition[RecordTenantErasure] = Condition("the log has nothing of the tenant any more")


def _tenant_name(name: str) -> str:
    try:
        return check_tenant(name)
    except ValidationFailed as error:
        raise ValueError(str(error)) from None


class RecordTenantErasure(PutCommand):
    """Records that a tenant was erased. `nerve tenants erase` erases it, and then sends this command.

    It is refused while the log has a commit of the tenant.
    """

    access: ClassVar[Access] = role(DEPLOYMENT)
    precondition: ClassVar = TENANT_IS_ERASED

    tenant: Annotated[str, AfterValidator(_tenant_name)] = Field(description="The name of the tenant.")
    commits: int = Field(ge=0, description="How many commits were erased.")
    reason: Text | None = Field(None, description="Why, for the record; it is kept.")

    @property
    def target(self) -> str:
        """The stream with the record of the tenant."""
        return f"tenant-{self.tenant}"
