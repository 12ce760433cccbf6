"""The settings that limit requests and connections."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from api.live_query_settings import LiveQuerySettings


class LimitSettings(BaseSettings):
    """The part of the settings that limits what clients can ask of a process."""

    # Limits of requests
    wait_timeout: float = Field(
        10.0, gt=0, description="Maximum seconds that `await: PROJECTED` and `atLeast` wait."
    )
    request_timeout: float = Field(
        30.0, gt=0, description="Maximum seconds until an HTTP request is received completely."
    )
    operation_timeout: float = Field(
        30.0, gt=0, description="Maximum seconds that a query or mutation takes, in MongoDB too."
    )
    max_body_bytes: int = Field(
        1_000_000, gt=0, description="Maximum size of a request body or a socket message, in bytes."
    )
    max_batch: int = Field(
        1, ge=1, description="Maximum number of operations in an HTTP request; 1 disables batches."
    )
    max_tokens: int = Field(
        2_000, gt=0, description="Maximum number of tokens (names, values, punctuation) of a document."
    )
    max_depth: int = Field(20, gt=0, description="Maximum depth of the fields of a document.")
    max_cost: int = Field(
        10_000, gt=0, description="Maximum cost of an operation, in about the number of rows that it reads."
    )
    max_response_bytes: int = Field(
        10_000_000, gt=0, description="Maximum bytes of a response, or of a message of a subscription."
    )
    max_page: int = Field(200, gt=0, description="Maximum size of a page of a list.")
    max_rows: int = Field(
        10_000, gt=0, description="Maximum number of rows in a response, in lists and by links."
    )
    scan_limit: int = Field(10_000, ge=0, description="Maximum rows scanned by a query without an index.")
    unindexed_queries: Literal["refuse", "warn"] = Field(
        "refuse", description="Beyond scan_limit: refuse the query, or log a warning, as `nerve dev` does."
    )
    max_past_events: int = Field(
        100_000, gt=0, description="Maximum number of events that a query of the past may read."
    )
    live_queries: LiveQuerySettings | None = Field(
        None, description="Limits of live queries; see docs/live-subscriptions.md."
    )
    trusted_documents: Path | None = Field(
        None, description="JSON file of GraphQL documents by name, or an Apollo manifest."
    )
    only_trusted_documents: bool = Field(False, description="Refuse all other GraphQL documents.")
    introspection: bool = Field(
        True, description="Answer queries for the schema, by what exists for the caller; GraphiQL needs it."
    )

    # Limits of connections
    init_timeout: float = Field(3.0, gt=0, description="Maximum seconds until a socket must initialize.")
    ping_interval: float = Field(
        20.0, gt=0, description="Seconds between pings; a socket that misses two is closed."
    )
    max_outstanding_bytes: int = Field(
        65_536, ge=1_000, description="Maximum bytes buffered for a client that reads slowly."
    )
    max_operations: int = Field(
        1_000, gt=0, description="Maximum number of concurrent operations over a socket or stream."
    )
    max_operation_rate: float = Field(
        200.0, gt=0, description="Operations that may start over a socket per second."
    )
    max_frame_rate: float = Field(
        2_000.0, gt=0, description="Frames of 4 kB that a client may send over a socket per second."
    )
    max_sockets: int = Field(
        20_000, gt=0, description="Maximum number of open sockets of a process, and of open streams."
    )
    max_sockets_per_caller: int = Field(
        100,
        gt=0,
        description="Open sockets and streams of one authenticated caller, in all processes.",
    )

    @property
    def live_query_limits(self) -> LiveQuerySettings:
        """The limits of live queries, by default or as they are set."""
        return self.live_queries or LiveQuerySettings()

    @model_validator(mode="after")
    def _check_trusted_documents(self) -> Self:
        if self.only_trusted_documents and self.trusted_documents is None:
            raise ValueError("only_trusted_documents needs trusted_documents, the file that lists them")
        return self
