"""The field type of currencies. Amounts are integers of the smallest unit of a currency, such as cents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="The ISO 4217 code, such as EUR.")]
