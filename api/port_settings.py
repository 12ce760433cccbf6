"""Settings of the adapters of outside ports, the values below `ports` in `nerve.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, field_validator, model_validator

from api.private_addresses import is_private
from api.webhook_secrets import check_webhook_secret
from domain.process.ports import PORT_PATTERN

Rate = Annotated[float, Field(ge=0, le=1)]


class _PortSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HttpPortSettings(_PortSettings):
    """A port that is served over HTTP."""

    adapter: Literal["http"]
    url: SecretStr = Field(description="Where requests are posted; it may contain a token.")
    secret: SecretStr | None = Field(None, description="Signs requests by Standard Webhooks: whsec_…")
    timeout: float = Field(10.0, gt=0, description="Seconds until an attempt without a reply is repeated.")
    allow_private: bool = Field(False, description="Allow private addresses and http://.")
    max_reply_bytes: int = Field(1_000_000, gt=0, description="Maximum size of a reply, in bytes.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        url = _split(value)
        if url is None or url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be a URL such as https://payments.example/nerve")
        if url.username or url.password:
            raise ValueError("must have no user and password; requests are signed with `secret`")
        return value

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else check_webhook_secret(value)

    @model_validator(mode="after")
    def _check_exposure(self) -> Self:
        if self.allow_private:
            return self
        url = urlsplit(self.url.get_secret_value())
        if url.scheme != "https":
            raise ValueError("url must begin with https://, unless allow_private is true")
        if is_private(url.hostname or ""):
            raise ValueError(f"url leads to {url.hostname}, a private address; set allow_private: true")
        return self

    @property
    def host(self) -> str:
        """The host of the URL, which error messages may name."""
        return urlsplit(self.url.get_secret_value()).hostname or ""


class RefusalRule(_PortSettings):
    """Requests that a simulator refuses: those of `operation` whose input has all values of `where`.

    `rate` is the share of them that is refused; the same input always has the same outcome.
    """

    operation: str | None = None
    where: dict[str, JsonValue] = {}
    rate: Rate = 1.0
    code: str = Field("refused", min_length=1)
    message: str = "the simulator refuses this request by a rule"


class SimulatedPortSettings(_PortSettings):
    """A port that is simulated, for development and tests. Rates are shares of the attempts."""

    adapter: Literal["simulator"]
    server: str | None = Field(
        None,
        pattern="^https?://",
        description="URL of `nerve simulate-ports`; default: none, each worker simulates.",
    )
    seed: int = Field(0, description="What all random choices derive from.")
    delay: float = Field(0.0, ge=0, description="Maximum seconds until an attempt arrives.")
    failures: Rate = Field(0.0, description="Attempts that fail before they arrive.")
    lost_replies: Rate = Field(0.0, description="Attempts that are carried out, but whose reply is lost.")
    doubled_requests: Rate = Field(0.0, description="Attempts that arrive twice.")
    refusals: tuple[RefusalRule, ...] = ()
    replies: dict[str, dict[str, JsonValue]] = Field(
        {}, description="Fields of replies, by operation; the other fields are made up."
    )


PortSettings = Annotated[HttpPortSettings | SimulatedPortSettings, Field(discriminator="adapter")]
PortName = Annotated[str, Field(pattern=f"^{PORT_PATTERN}$")]


def _split(value: SecretStr) -> SplitResult | None:
    try:
        url = urlsplit(value.get_secret_value())
        return url if url.port is None or url.port > 0 else None
    except ValueError:
        return None
