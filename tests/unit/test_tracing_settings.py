"""The settings of tracing: what is accepted, what is refused, and what is secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from api.secret_settings import secret_paths
from api.settings import Settings, load_settings
from api.tracing_settings import TracingSettings
from domain.kernel.errors import ConfigurationError
from tests.helpers.documentation import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a `nerve.yaml`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_endpoint_turns_tracing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there are no settings of tracing."""
    assert load_settings().tracing is None
    monkeypatch.setenv("NERVE_TRACING__ENDPOINT", "http://localhost:4318/")
    monkeypatch.setenv("NERVE_TRACING__RATIO", "0.1")
    monkeypatch.setenv("NERVE_TRACING__HEADERS", "x-key=a%20b, x-team = nerve")
    tracing = load_settings().tracing
    assert tracing is not None
    assert (tracing.traces_url, tracing.ratio) == ("http://localhost:4318/v1/traces", 0.1)
    assert tracing.header_values == {"x-key": "a b", "x-team": "nerve"}
    assert TracingSettings(endpoint="https://x.example/v1/traces").traces_url == "https://x.example/v1/traces"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "nerve.yaml: tracing.endpoint is missing"),
        ("{endpoint: collector:4318}", "must be a URL such as http://localhost:4318"),
        ("{endpoint: 'http://a:b@x:4318'}", "a URL with a password would be printed; send it in headers"),
        ("{endpoint: 'http://x:4318', ratio: 2}", "nerve.yaml: tracing.ratio must be at most 1"),
        ("{endpoint: 'http://x:4318', rate: 1}", "tracing.rate is no setting here"),
        ("{endpoint: 'http://x:4318', headers: a=b}", "tracing.headers is a secret"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(folder: Path, text: str, message: str) -> None:
    """It says what is wrong, and where."""
    (folder / "nerve.yaml").write_text(f"tracing: {text}\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert message in str(refused.value)


@pytest.mark.parametrize("headers", ["sesame", "a b=sesame", "=sesame", "a=b,sesame"])
def test_wrong_headers_are_refused_without_their_text(headers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may contain a key."""
    monkeypatch.setenv("NERVE_TRACING__ENDPOINT", "http://localhost:4318")
    monkeypatch.setenv("NERVE_TRACING__HEADERS", headers)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "NERVE_TRACING__HEADERS: must be headers such as name=value" in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_headers_are_a_secret() -> None:
    """They are in no representation, and can come from a file."""
    assert ("tracing", "headers") in secret_paths(Settings)
    settings = TracingSettings(endpoint="http://localhost:4318", headers=SecretStr("x-key=sesame"))
    assert "sesame" not in repr(settings)


def test_the_page_of_tracing_lists_each_of_its_settings() -> None:
    """With its description."""
    page = (ROOT / "docs" / "tracing.md").read_text()
    for name, field in TracingSettings.model_fields.items():
        assert f"| `{name}` |  | {field.description} |" in page
