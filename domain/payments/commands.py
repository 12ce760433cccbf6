"""Commands of payments."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.fields import Identifier, Int64, Name
from domain.payments.money import Currency

PositiveAmount = Annotated[
    Int64, Field(ge=1, description="In the smallest unit of the currency, such as cents.")
]


class AuthorisePayment(CreateCommand):
    """Holds an amount for an order, without collecting it yet."""

    order_id: Identifier = Field(description="The order that is paid for.")
    amount: PositiveAmount
    currency: Currency


class CapturePayment(ChangeCommand):
    """Collects the amount that is held."""


class VoidPayment(ChangeCommand):
    """Gives back what is held and not collected. A payment that was declined or voided stays as it is."""


class RefundPayment(ChangeCommand):
    """Gives back a part of what was collected, or all that is left of it."""

    amount: PositiveAmount | None = Field(None, description="How much; all that is left if it is left out.")


class CancelPayment(ChangeCommand):
    """Gives back whatever is held or was collected.

    While the payment waits for the provider, it is given back after the answer.
    """


class RecordAuthorisation(ChangeCommand):
    """Records that the provider holds the amount."""

    authorisation: Name = Field(description="The provider's reference.")


class RecordDecline(ChangeCommand):
    """Records that the provider does not hold the amount."""

    code: Name = Field(description="The provider's code.")


class RecordCapture(ChangeCommand):
    """Records that the provider has collected the amount."""


class RecordCaptureFailure(ChangeCommand):
    """Records that the provider does not collect the amount, which it still holds."""

    code: Name = Field(description="The provider's code.")


class RecordNoAnswer(ChangeCommand):
    """Records that the provider has not answered in time.

    It may have carried out the request. The payment counts as declined, or as not captured, and is voided.
    """


class RecordVoid(ChangeCommand):
    """Records that nothing is held or collected any more."""


class RecordRefund(ChangeCommand):
    """Records that the provider has given back what was requested."""
