"""Field types of money: integers of the smallest unit of a currency, and the code of the currency."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel.fields import Int64

Amount = Annotated[Int64, Field(ge=0, description="In the smallest unit of the currency, such as cents.")]

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="The ISO 4217 code, such as EUR.")]
