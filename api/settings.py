"""Settings: defaults, overridden by `nerve.yaml`, overridden by ``NERVE_*`` environment variables."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from api.access.origins import ANY, OriginPolicy, read_host, read_origin
from api.agent_run_settings import AgentRunSettings
from api.archive_settings import ArchiveSettings
from api.auth_settings import AuthSettings
from api.event_source_settings import EventSourceName, EventSourceSettings
from api.limit_settings import LimitSettings
from api.limits.rate_settings import RateSettings
from api.personal_data_settings import PersonalDataSettings
from api.port_settings import PortName, PortSettings
from api.result_cache_settings import CachingSettings
from api.secret_settings import Environment, refuse_secrets
from api.self_monitoring_settings import SelfMonitoringSettings
from api.settings_file import NESTED, PREFIX, check_environment, describe_mistakes, read_settings_file
from api.tracing_settings import TracingSettings
from api.webhook_settings import PublishingSettings
from domain.kernel.errors import ConfigurationError
from eventstore.mongo.database_names import check_database_name
from subscriptions.consumers.group import LEASE_TIME

_LISTS = ("contexts", "old_master_keys", "allowed_hosts", "allowed_origins", "trusted_proxies")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Settings(CachingSettings, PublishingSettings, PersonalDataSettings, ArchiveSettings, LimitSettings):
    """The settings of a process. Each field is also the environment variable ``NERVE_<FIELD>``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", frozen=True
    )

    # Address
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8321, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names of this server, in addition to localhost, addresses and `host`; *: any name.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Other origins whose web pages may use the API, as https://app.example; *: all."
    )
    path_prefix: str = Field("", description="Path under which a proxy serves the API, such as /nerve.")
    auth: AuthSettings | None = Field(
        None,
        description="Accepted tokens and API keys; default: no authentication. See docs/authentication.md.",
    )
    tls_cert: Path | None = Field(None, description="Certificate chain of the API in PEM; default: no TLS.")
    tls_key: Path | None = Field(None, description="Private key of tls_cert in PEM; default: in tls_cert.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For names the client."
    )
    insecure_open: bool = Field(False, description="Listen beyond loopback without authentication.")

    rates: RateSettings | None = Field(
        None,
        description="Operations of a caller per second and at a time; default: generous ones with auth.",
    )

    # Servers
    data_dir: Path = Field(Path(".nerve"), description="Folder of the data of embedded servers.")
    mongo_url: SecretStr | None = Field(None, description="URL of MongoDB; default: an embedded mongod.")
    redis_url: SecretStr | None = Field(None, description="URL of Redis; default: an embedded redis-server.")
    redis_cluster: bool = Field(False, description="redis_url is a node of a Redis Cluster (7.0 or later).")
    database: Annotated[str, AfterValidator(check_database_name)] = Field(
        "nerve", description="MongoDB database of the log and its views."
    )
    admin_url: SecretStr | None = Field(
        None, description="URL of MongoDB with a user that may create users; only for `nerve secure`."
    )
    maintenance_url: SecretStr | None = Field(
        None, description="URL of MongoDB with a user that may archive the log; default: mongo_url."
    )
    mongo_driver: Literal["motor", "pymongo"] = Field("motor", description="MongoDB driver to use.")

    # Contexts
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
            "projections.views.team_tasks",
            "projections.views.approvals",
            "domain.approvals.expiry",
        ),
        description="Modules that each declare a `context`, a `view` or both.",
    )

    # Outside services
    ports: dict[PortName, PortSettings] = Field(
        {}, description="Adapters of the outside ports that processes call, by name; see docs/ports.md."
    )

    # Agent runs
    agent_runs: AgentRunSettings | None = Field(
        None, description="What is recorded of the spans that agents send; see docs/agent-runs.md."
    )

    # Events from outside
    event_sources: dict[EventSourceName, EventSourceSettings] = Field(
        {}, description="Sources whose signed events POST /events accepts; see docs/incoming-events.md."
    )
    cdc_url: SecretStr | None = Field(
        None, description="URL of the MongoDB that `nerve cdc` reads, if --source-url is not given."
    )

    # Log
    snapshot_every: int = Field(50, ge=1, description="Number of events between snapshots of a stream.")
    fence_after: float = Field(
        1.0,
        gt=0,
        description="Seconds that a reader waits for a missing commit before it fills the hole and reads on.",
    )
    poll_interval: float = Field(
        1.0, gt=0, description="Seconds between reads of the log when Redis sends no message."
    )
    unreadable_events: Literal["refuse", "park"] = Field(
        "refuse", description="If the code cannot read events of the log: refuse to start, or park them."
    )

    # Workers
    lease_time: float = Field(
        LEASE_TIME, gt=0, description="Seconds after which another worker takes over from a dead one."
    )
    view_partitions: int = Field(
        1, ge=1, le=64, description="Partitions of each view, for several workers; valid from a rebuild on."
    )
    rebuilds_at_once: int = Field(4, ge=1, description="Maximum number of views that are rebuilt at a time.")
    metrics_token: SecretStr | None = Field(
        None, min_length=32, description="Bearer token that metrics_port needs; must be set beyond loopback."
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port where a worker serves /metrics; default: it does not."
    )

    tracing: TracingSettings | None = Field(
        None, description="Collector of OpenTelemetry spans of nerve; default: none. See docs/tracing.md."
    )
    self_monitoring: SelfMonitoringSettings | None = Field(
        None, description="Alerts that workers raise about nerve itself; see docs/operations.md."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Level of log lines.")

    @field_validator(
        "contexts", "old_master_keys", "allowed_hosts", "allowed_origins", "trusted_proxies", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("contexts")
    @classmethod
    def _check_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := [name for name in dict.fromkeys(value) if value.count(name) > 1]:
            raise ValueError(f"{' and '.join(repeated)} is listed twice; remove one")
        return value

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, value: Path) -> Path:
        if value == Path():
            raise ValueError("name a folder for the data alone, such as .nerve")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _normalise_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_normalised(text, read_host, "a name without scheme and port") for text in value)

    @field_validator("allowed_origins")
    @classmethod
    def _normalise_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            _normalised(text.rstrip("/"), read_origin, "scheme://host or scheme://host:port, without a path")
            for text in value
        )

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"{text!r} is not an address or a network such as 10.0.0.0/8") from None
        return value

    @field_validator("path_prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if value and not _PREFIX.fullmatch(value):
            raise ValueError(
                "a prefix is a path such as /nerve, with a slash before each part and none at the end"
            )
        return value

    @field_validator("event_sources")
    @classmethod
    def _check_secrets(cls, value: dict[str, EventSourceSettings]) -> dict[str, EventSourceSettings]:
        secrets = [source.secret.get_secret_value() for source in value.values()]
        if len(set(secrets)) < len(secrets):
            raise ValueError("two sources have the same secret; each needs its own, which identifies it")
        return value

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key needs tls_cert, the certificate that belongs to it")
        return self

    @property
    def caller_rates(self) -> RateSettings | None:
        """The limits of callers, or None. By default there are none where everybody is the same caller."""
        return self.rates or (None if self.auth is None else RateSettings())

    @property
    def origin_policy(self) -> OriginPolicy:
        """Which web pages may use this server, and under which host names."""
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
        """Rank the sources: arguments first, then the environment, then `nerve.yaml`."""
        values = read_settings_file(settings_cls.model_fields)
        refuse_secrets(values, settings_cls)
        return init_settings, Environment(settings_cls), InitSettingsSource(settings_cls, values)


def _normalised(text: str, read: Callable[[str], str | None], form: str) -> str:
    value = text if text == ANY else read(text)
    if value is None:
        raise ValueError(f"{text!r} is not {form}, and not {ANY} for all")
    return value


def load_settings() -> Settings:
    """Return the settings of this process. Raises ConfigurationError with a clause for each wrong setting."""
    check_environment(Settings.model_fields)
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(describe_mistakes(error, Settings)) from None


def check_content_key(settings: Settings) -> None:
    """Raise ConfigurationError where content of agents is to be recorded without a key to encrypt it.

    `nerve dev` completes the key after the settings are read.
    """
    if settings.master_key is None and settings.agent_runs is not None and settings.agent_runs.record_content:
        raise ConfigurationError("agent_runs.record_content needs master_key, which encrypts the content")
