"""Settings of observed agent runs, the values below `agent_runs` in `nerve.yaml`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]

DEFAULT_ATTRIBUTES = (
    "gen_ai.agent.id",
    "gen_ai.agent.version",
    "gen_ai.data_source.id",
    "gen_ai.output.type",
    "gen_ai.request.",
    "gen_ai.response.",
    "gen_ai.tool.type",
    "gen_ai.usage.",
    "gen_ai.workflow.name",
    "nerve.",
    "server.",
    "service.",
)
"""Attributes that name no person and quote no message. A name that ends with a dot is a prefix."""


class ModelPrice(BaseModel):
    """The price of a million tokens of a model, in the currency of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Price = Field(description="Price of a million tokens that the model reads.")
    output: Price = Field(description="Price of a million tokens that the model writes.")


class AgentRunSettings(BaseModel):
    """What is recorded of the spans that agents send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_content: bool = Field(
        False, description="Record messages and tool arguments, encrypted as personal data; needs master_key."
    )
    subject_attributes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("enduser.id", "user.id"),
        description="Attributes that name the person whose data the content is; without one it is the run's.",
    )
    attributes: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT_ATTRIBUTES,
        description="Other attributes to keep; a name that ends with a dot is a prefix.",
    )
    prices: dict[str, ModelPrice] = Field(
        {}, description="Prices by the name of the model, in one currency; without one there is no cost."
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        None, description="Currency of the prices, as its code of ISO 4217 such as USD; shown with costs."
    )
    max_body_bytes: int = Field(
        4_000_000, gt=0, le=8_000_000, description="Maximum size of a request, in bytes, also decompressed."
    )

    @field_validator("subject_attributes", "attributes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
