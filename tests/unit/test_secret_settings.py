"""Secrets come from variables and files, and are refused in nerve.yaml."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.port_settings import HttpPortSettings
from api.secret_settings import secret_paths
from api.settings import Settings, load_settings
from domain.kernel.errors import ConfigurationError

KEY = base64.b64encode(bytes(range(32))).decode()
TOP_LEVEL = sorted(path[0] for path in secret_paths(Settings) if len(path) == 1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    return str(refused.value)


def revealed(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def test_all_secrets_are_found_also_those_below_a_setting() -> None:
    assert {
        ("master_key",), ("old_master_keys",), ("mongo_url",), ("redis_url",), ("admin_url",),
        ("maintenance_url",), ("archive_access_key",), ("archive_secret_key",), ("auth", "secret"),
        ("ports", "*", "secret"), ("ports", "*", "url"),
    } <= secret_paths(Settings)  # fmt: skip


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_each_secret_can_come_from_a_file(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "secret").write_text(f"{KEY}\n")
    monkeypatch.setenv(f"NERVE_{name.upper()}_FILE", str(folder / "secret"))
    value = getattr(load_settings(), name)
    assert [revealed(each) for each in (value if isinstance(value, tuple) else (value,))] == [KEY]


def test_a_variable_takes_precedence_over_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nerve dev` sets variables for its processes, which also have its environment."""
    monkeypatch.setenv("NERVE_MASTER_KEY", KEY)
    monkeypatch.setenv("NERVE_MASTER_KEY_FILE", "none")
    assert load_settings().master_key == SecretStr(KEY)


def test_a_secret_of_a_port_can_come_from_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "nerve.yaml").write_text("ports: {cards: {adapter: http, url: 'https://cards.example'}}")
    (folder / "secret").write_text(f"whsec_{KEY}")
    monkeypatch.setenv("NERVE_PORTS__CARDS__SECRET_FILE", str(folder / "secret"))
    port = load_settings().ports["cards"]
    assert isinstance(port, HttpPortSettings)
    assert port.secret == SecretStr(f"whsec_{KEY}")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"NERVE_MASTER_KEY_FILE": "none"}, "NERVE_MASTER_KEY_FILE: none cannot be read: No such file or"),
        ({"NERVE_MASTER_KEY_FILE": "."}, "NERVE_MASTER_KEY_FILE: . cannot be read: Is a directory"),
        ({"NERVE_MASTER_KEY_FILE": "binary"}, "NERVE_MASTER_KEY_FILE: binary is not a text file in UTF-8"),
        ({"NERVE_MASTER_KEY_FILE": "short"}, "NERVE_MASTER_KEY_FILE: a key is 32 bytes in base64, as"),
        ({"NERVE_PORT_FILE": "short"}, "NERVE_PORT_FILE: only secrets come from files; set NERVE_PORT"),
        ({"NERVE_MASTR_KEY_FILE": "short"}, "there is no environment variable NERVE_MASTR_KEY_FILE; did you"),
    ],
)
def test_a_wrong_file_of_a_secret_is_refused_in_one_sentence(
    folder: Path, environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "short").write_text("c2hvcnQ=")
    (folder / "binary").write_bytes(b"\xff\xfe")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert message in refusal()
    assert "c2hvcnQ=" not in refusal()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"master_key: {KEY}", "master_key"),
        (f"old_master_keys: [{KEY}]", "old_master_keys"),
        ("archive_secret_key: hunter2", "archive_secret_key"),
        ("mongo_url: mongodb://nerve:hunter2@127.0.0.1/", "mongo_url"),
        ("redis_url: 'redis://:hunter2@127.0.0.1/'", "redis_url"),
        ("auth: {secret: hunter2}", "auth.secret"),
        ("ports: {cards: {adapter: http, url: 'https://c.example', secret: hunter2}}", "ports.cards.secret"),
    ],
)
def test_a_secret_in_the_file_is_refused_with_its_variables(folder: Path, text: str, place: str) -> None:
    (folder / "nerve.yaml").write_text(text)
    variable = f"NERVE_{place.replace('.', '__').upper()}"
    beginning = (
        f"nerve.yaml: {place} is a secret, which does not belong in this file; set {variable}, or set "
    )
    assert refusal().startswith(beginning)
    assert "hunter2" not in refusal()


def test_a_url_without_a_password_may_be_in_the_file(folder: Path) -> None:
    (folder / "nerve.yaml").write_text("mongo_url: mongodb://127.0.0.1:27017/\n")
    assert load_settings().mongo_url == SecretStr("mongodb://127.0.0.1:27017/")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# " + b"x" * 1_000_000, "nerve.yaml is larger than 1,000,000 bytes, and no file of settings"),
        (b"ports: " + b"[" * 5_000, "nerve.yaml: values are nested too deeply"),
        (b"\x7fELF\x02\x01\x01\x00", "nerve.yaml is not YAML: unacceptable character"),
    ],
)
def test_a_file_that_is_none_of_settings_is_refused(folder: Path, content: bytes, message: str) -> None:
    (folder / "nerve.yaml").write_bytes(content)
    assert refusal().startswith(message)
