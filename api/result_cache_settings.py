"""Settings of the cache of results, the values below `result_cache` in `nerve.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings


class ResultCacheSettings(BaseModel):
    """How results of queries are cached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(
        64_000_000, ge=0, description="Bytes of results in a process; 0 disables the cache."
    )
    max_age: float = Field(
        0.0,
        ge=0,
        le=60,
        description="Seconds for which a result is served without a check whether its rows have changed.",
    )


class CachingSettings(BaseSettings):
    """The settings of what a process caches for clients; part of `Settings`."""

    result_cache: ResultCacheSettings = Field(
        ResultCacheSettings(),
        description="Results of queries that are served again if no row has changed; see docs/caches.md.",
    )
