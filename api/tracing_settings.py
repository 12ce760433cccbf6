"""Settings of tracing: the values below `tracing` in `nerve.yaml`."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

TRACES_PATH = "/v1/traces"
"""The path of an OTLP collector that takes spans."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class TracingSettings(BaseModel):
    """Where nerve sends its own spans, and how many of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    endpoint: str = Field(description="URL of an OTLP/HTTP collector, such as http://localhost:4318.")
    headers: SecretStr | None = Field(
        None, description="Headers for the collector, as name=value,name=value; values are URL-encoded."
    )
    ratio: float | None = Field(
        None, ge=0, le=1, description="Share of new traces to record; default: OTEL_TRACES_SAMPLER, else all."
    )
    service_name: str | None = Field(
        None, min_length=1, description="Name of the service; default: OTEL_SERVICE_NAME, else nerve."
    )

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be a URL such as http://localhost:4318")
        if url.username is not None or url.password is not None:
            raise ValueError("a URL with a password would be printed; send it in headers")
        return value

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _read_headers(value)
        return value

    @property
    def traces_url(self) -> str:
        """The URL to which spans are sent."""
        url = self.endpoint.rstrip("/")
        return url if url.endswith(TRACES_PATH) else url + TRACES_PATH

    @property
    def header_values(self) -> dict[str, str]:
        """The headers for the collector, by name."""
        return {} if self.headers is None else _read_headers(self.headers)


def _read_headers(secret: SecretStr) -> dict[str, str]:
    """Return the headers by name. Raises ValueError, which does not contain them."""
    headers = {}
    for pair in filter(str.strip, secret.get_secret_value().split(",")):
        name, separator, value = pair.partition("=")
        if not separator or not _HEADER_NAME.fullmatch(name.strip()):
            raise ValueError("must be headers such as name=value, with a comma between two")
        headers[name.strip()] = unquote(value.strip())
    return headers
