"""Settings: defaults, overridden by `nerve.yaml`, overridden by ``NERVE_*`` environment variables."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from api.access.origins import ANY, OriginPolicy, read_host, read_origin
from api.settings_file import PREFIX, check_environment, read_settings_file, wrong_settings
from domain.kernel.errors import ConfigurationError
from eventstore.personal.sealing import KEY_BYTES, MasterKeys
from subscriptions.consumers.group import LEASE_TIME

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Settings(BaseSettings):
    """All that can be set. Each field is also the environment variable ``NERVE_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8321, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names of this server, in addition to localhost, addresses and `host`; *: any name.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of other web pages that may use the API, as https://app.example; *: all."
    )
    path_prefix: str = Field("", description="Path at which a proxy serves all of this, as /nerve.")
    data_dir: Path = Field(Path(".nerve"), description="Where embedded servers keep their data.")
    mongo_url: SecretStr | None = Field(None, description="MongoDB; none: an embedded mongod.")
    redis_url: SecretStr | None = Field(None, description="Redis; none: an embedded redis-server.")
    redis_cluster: bool = Field(False, description="redis_url is a node of a Redis Cluster (7.0 or later).")
    database: str = Field("nerve", description="The database that is the log and its views.")
    admin_url: SecretStr | None = Field(
        None, description="MongoDB, for a user who may make users; for `nerve secure` alone."
    )
    maintenance_url: SecretStr | None = Field(
        None, description="MongoDB, for a user who may update the log, to archive; none: mongo_url."
    )
    mongo_driver: Literal["motor", "pymongo"] = "motor"
    master_key: SecretStr | None = Field(
        None, description="Seals personal data: 32 bytes in base64; none: such data is refused."
    )
    old_master_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Former master keys, until `nerve keys rotate` is done."
    )
    insecure_open: bool = Field(False, description="Listen beyond loopback without authentication.")
    contexts: Annotated[tuple[str, ...], NoDecode] = Field(
        (
            "projections.views.agents",
            "projections.views.tasks",
            "projections.views.workflows",
            "projections.views.documents",
            "projections.views.subjects",
            "projections.views.task_days",
            "projections.views.step_times",
            "projections.views.meters",
        ),
        description="Modules that each declare a `context`, a `view` or both.",
    )
    archive_url: str | None = Field(
        None, description="Where archived commits go: file:///folder or s3://bucket/prefix."
    )
    archive_endpoint: str | None = Field(None, description="Of an S3-compatible store; none: Amazon's.")
    archive_region: str | None = Field(None, description="Of the bucket; none: AWS_REGION.")
    archive_access_key: SecretStr | None = Field(None, description="None: AWS_ACCESS_KEY_ID, or a role.")
    archive_secret_key: SecretStr | None = Field(None, description="None: AWS_SECRET_ACCESS_KEY.")
    archive_after: timedelta | None = Field(
        None, gt=timedelta(0), description="Age at which a worker archives, as P90D; none: it does not."
    )
    snapshot_every: int = Field(50, ge=1, description="Events between two snapshots of a stream.")
    fence_after: float = Field(1.0, gt=0, description="Seconds a reader waits at a hole in the log.")
    poll_interval: float = Field(1.0, gt=0, description="Seconds between looks at the log without Redis.")
    lease_time: float = Field(
        LEASE_TIME, gt=0, description="Seconds within which a dead worker's views are taken over."
    )
    view_partitions: int = Field(
        1, ge=1, le=64, description="Parts that a view's work is divided into, from its next rebuild on."
    )
    rebuilds_at_once: int = Field(4, ge=1, description="Views that are built anew at a time; others wait.")
    wait_timeout: float = Field(10.0, gt=0, description="Seconds `await` and `atLeast` wait at most.")
    max_body_bytes: int = Field(1_000_000, gt=0, description="Largest request body or socket message.")
    max_batch: int = Field(1, ge=1, description="Operations in one HTTP request; 1: no batches.")
    trusted_documents: Path | None = Field(
        None, description="JSON file of documents by name, or an Apollo manifest; clients may name them."
    )
    only_trusted_documents: bool = Field(False, description="Run no other documents than those.")
    request_timeout: float = Field(30.0, gt=0, description="Seconds an HTTP request may take to come in.")
    init_timeout: float = Field(3.0, gt=0, description="Seconds a socket has for `connection_init`.")
    ping_interval: float = Field(
        20.0, gt=0, description="Seconds between signs of life; a socket silent for two is cut."
    )
    max_outstanding_bytes: int = Field(
        65_536, ge=1_000, description="Bytes that may wait for a client that reads slowly."
    )
    max_operations: int = Field(1_000, gt=0, description="Operations at a time over one socket or stream.")
    max_sockets: int = Field(
        20_000, gt=0, description="Sockets that a process holds open, and as many streams."
    )
    max_sockets_per_subject: int = Field(
        100, gt=0, description="Sockets and streams that one subject has open in a process."
    )
    metrics_port: int | None = Field(None, ge=1, le=65535, description="Where a worker serves /metrics.")
    unindexed_queries: Literal["refuse", "warn"] = Field(
        "refuse", description="What becomes of a query that no index serves; `nerve dev` warns."
    )
    unreadable_events: Literal["refuse", "park"] = Field(
        "refuse", description="What becomes of a start on a log with events that the code cannot read."
    )
    scan_limit: int = Field(10_000, ge=0, description="Rows that are looked through for such a query.")
    max_page: int = Field(200, gt=0, description="Largest page of a list.")
    max_rows: int = Field(10_000, gt=0, description="Rows that one response may hold.")
    max_past_events: int = Field(
        100_000, gt=0, description="Events of the log that one question about the past may read."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("contexts", "old_master_keys", "allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("contexts")
    @classmethod
    def _are_different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [name for name in dict.fromkeys(value) if value.count(name) > 1]:
            raise ValueError(f"{' and '.join(twice)} is listed twice; remove one")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_normalised(text, read_host, "a name without scheme and port") for text in value)

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            _normalised(text.rstrip("/"), read_origin, "scheme://host or scheme://host:port, without a path")
            for text in value
        )

    @field_validator("path_prefix")
    @classmethod
    def _is_prefix(cls, value: str) -> str:
        if value and not _PREFIX.fullmatch(value):
            raise ValueError(
                "a prefix is a path such as /nerve, with a slash before each part and none behind"
            )
        return value

    @field_validator("master_key", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return value or None

    @field_validator("master_key", "old_master_keys")
    @classmethod
    def _is_key(cls, value: SecretStr | tuple[SecretStr, ...] | None) -> object:
        for key in value if isinstance(value, tuple) else [value] if value else []:
            if len(_decoded(key)) != KEY_BYTES:
                raise ValueError(f"a key is {KEY_BYTES} bytes in base64, as `openssl rand -base64 32` prints")
        return value

    @model_validator(mode="after")
    def _has_list(self) -> Self:
        if self.only_trusted_documents and self.trusted_documents is None:
            raise ValueError("only_trusted_documents needs trusted_documents, the file that lists them")
        return self

    @property
    def master_keys(self) -> MasterKeys | None:
        """The master keys, None where there is none."""
        if self.master_key is None:
            return None
        return MasterKeys(_decoded(self.master_key), [_decoded(key) for key in self.old_master_keys])

    @property
    def origin_policy(self) -> OriginPolicy:
        """Which web pages may use what this process serves, and under which host names."""
        return OriginPolicy((read_host(self.host) or "", *self.allowed_hosts), self.allowed_origins)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        file = read_settings_file(settings_cls.model_fields)
        return init_settings, env_settings, InitSettingsSource(settings_cls, file)


def _normalised(text: str, read: Callable[[str], str | None], form: str) -> str:
    known = text if text == ANY else read(text)
    if known is None:
        raise ValueError(f"{text!r} is not {form}, nor {ANY} for all")
    return known


def _decoded(key: SecretStr) -> bytes:
    try:
        return b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        return b""


def load_settings() -> Settings:
    """The settings of this process; raises ConfigurationError with one clause for each that is wrong."""
    check_environment(Settings.model_fields)
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(wrong_settings(error)) from None


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach what listens on the host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(settings: Settings) -> None:
    """Raise ConfigurationError where other machines could reach an API that has no authentication."""
    if not is_loopback(settings.host) and not settings.insecure_open:
        raise ConfigurationError(
            f"host {settings.host} is not a loopback address and there is no authentication; "
            "set NERVE_INSECURE_OPEN=yes if everyone who can reach it may do everything"
        )
