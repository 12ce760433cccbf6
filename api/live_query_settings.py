"""Settings of live queries: the values below `live_queries` in `nerve.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MAX_INTERVAL = 3_600.0
"""Seconds that may be between two results of a live query."""


class LiveQuerySettings(BaseModel):
    """How often live queries are executed, how much each may cost, and how many there may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval: float = Field(
        0.5, gt=0, le=MAX_INTERVAL, description="Minimum seconds between two executions of a live query."
    )
    max_cost: int = Field(1_000, gt=0, description="Maximum cost of a live query, as of an operation.")
    max_queries: int = Field(
        1_000, gt=0, description="Maximum number of different live queries of a process."
    )
    max_queries_per_tenant: int = Field(
        200, gt=0, description="Maximum number of different live queries of one tenant in a process."
    )
