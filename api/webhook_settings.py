"""Settings of publishing: the values below `webhooks` and `redis_streams` in `nerve.yaml`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

RetryTime = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=30))]
StreamName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class WebhookSettings(_Part):
    """How webhooks are delivered."""

    timeout: float = Field(15.0, gt=0, description="Seconds until a request without a response has failed.")
    retry_for: RetryTime = Field(
        timedelta(days=3), description="Time after the first failure until an event becomes a dead letter."
    )
    first_pause: float = Field(5.0, gt=0, description="Seconds until the second attempt; pauses double.")
    longest_pause: float = Field(3600.0, gt=0, description="Maximum seconds between two attempts.")
    concurrency: int = Field(8, ge=1, le=100, description="Requests of a webhook that are sent at a time.")
    allow_private: bool = Field(False, description="Allow private addresses and http://.")


class RedisStreamSettings(_Part):
    """A stream in Redis, and the events that are added to it. An empty list selects all."""

    key: str | None = Field(None, min_length=1, description="Key of the stream; default: nerve:NAME.")
    tenants: tuple[str, ...] = Field((), description="Only events of these tenants.")
    types: tuple[str, ...] = Field((), description="Only events of these types.")
    categories: tuple[str, ...] = Field((), description="Only events of these categories.")
    streams: tuple[str, ...] = Field((), description="Only events of these streams of the log.")
    max_length: int | None = Field(None, ge=1, description="Entries to keep, approximately; default: all.")
    personal: bool = Field(False, description="Add personal data; otherwise its fields are null.")
    starts_at: Literal["now", "beginning"] = Field("now", description="Where a new stream begins.")


class PublishingSettings(BaseSettings):
    """The settings of what is sent to other systems; part of `Settings`."""

    webhooks: WebhookSettings | None = Field(
        None, description="How webhooks are delivered; see docs/webhooks.md."
    )
    redis_streams: dict[StreamName, RedisStreamSettings] = Field(
        {}, description="Streams in Redis to which events are added, by name; see docs/webhooks.md."
    )

    @property
    def webhook_settings(self) -> WebhookSettings:
        """How webhooks are delivered."""
        return self.webhooks or WebhookSettings()
