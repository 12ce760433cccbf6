"""What a wrong `nerve.yaml` or environment is answered with: one sentence in the user's words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.exposure import check_exposure, check_metrics_exposure
from api.port_settings import HttpPortSettings
from api.settings import Settings, load_settings
from domain.kernel.errors import ConfigurationError
from tests.helpers.tokens import auth_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    return str(refused.value)


NOT_SETTINGS = "nerve.yaml, line 1: the file must contain settings, one `name: value` per line"
HAS_NO_VALUE = "has no value; give it one, or remove the line"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port: 1\n\thost: x\n", "nerve.yaml, line 2: a tab cannot indent a line; use spaces"),
        (
            "contexts:\n\t- projections.views.tasks\n",
            "nerve.yaml, line 2: a tab cannot indent a line; use spaces",
        ),
        (
            "port: 1\n  host: x\n",
            "nerve.yaml, line 2: this is not YAML (mapping values are not allowed here); "
            "check the indentation and the colons",
        ),
        ("- port\n- host\n", NOT_SETTINGS),
        ("port 8321\n", NOT_SETTINGS),
        ("port: 1\nprt: 2\n", "nerve.yaml, line 2: there is no setting 'prt'; did you mean 'port'?"),
        ("Port: 1\n", "nerve.yaml, line 1: there is no setting 'Port'; did you mean 'port'?"),
        ("colour: red\n", "nerve.yaml, line 1: there is no setting 'colour'"),
        ("1: red\n", "nerve.yaml, line 1: there is no setting '1'"),
        ("[a]: red\n", "nerve.yaml, line 1: the name of a setting must be a text"),
        ("port: 1\nhost: x\nport: 2\n", "nerve.yaml, line 3: port is set twice, first in line 1; remove one"),
        ("port: 1\nport: 1\n", "nerve.yaml, line 2: port is set twice, first in line 1; remove one"),
        ("archive_after: 2026-99-99\n", "nerve.yaml is not YAML: month must be in 1..12"),
        ("port: abc\n", "nerve.yaml: port must be an integer"),
        ("port: 1.5\n", "nerve.yaml: port must be an integer"),
        ("port:\n", f"nerve.yaml: port {HAS_NO_VALUE}"),
        ("contexts:\n", f"nerve.yaml: contexts {HAS_NO_VALUE}"),
        ("contexts: [a, 1]\n", "nerve.yaml: contexts, item 2, must be a text"),
        ("contexts: {a: b}\n", "nerve.yaml: contexts must be a list"),
        ("contexts: [a.b, c, a.b]\n", "nerve.yaml: contexts: a.b is listed twice; remove one"),
        ("contexts: 'a.b, a.b'\n", "nerve.yaml: contexts: a.b is listed twice; remove one"),
        ("port: 70000\n", "nerve.yaml: port must be at most 65535"),
        ("scan_limit: -1\n", "nerve.yaml: scan_limit must be at least 0"),
        ("fence_after: 0\n", "nerve.yaml: fence_after must be more than 0.0"),
        ("fence_after: soon\n", "nerve.yaml: fence_after must be a number"),
        ("mongo_driver: foo\n", "nerve.yaml: mongo_driver must be 'motor' or 'pymongo'"),
        ("redis_cluster: maybe\n", "nerve.yaml: redis_cluster must be true or false"),
        ("data_dir: 5\n", "nerve.yaml: data_dir must be a path"),
        ("archive_after: never\n", "nerve.yaml: archive_after must be a duration, such as P90D"),
        ("port: a\nhost: 1\n", "nerve.yaml: host must be a text; nerve.yaml: port must be an integer"),
        (
            "only_trusted_documents: true\n",
            "only_trusted_documents needs trusted_documents, the file that lists them",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(folder: Path, text: str, message: str) -> None:
    (folder / "nerve.yaml").write_text(text)
    assert refusal() == message


KEY = "-----BEGIN PUBLIC KEY-----"
LONG = "s" * 40


def test_a_mistyped_name_within_a_setting_gets_a_suggestion(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "nerve.yaml").write_text("live_queries: {intervall: 1, colour: red}\n")
    assert refusal() == (
        "nerve.yaml: live_queries.intervall is no setting here; did you mean 'interval'?; "
        "nerve.yaml: live_queries.colour is no setting here; remove it or correct its name"
    )
    (folder / "nerve.yaml").unlink()
    monkeypatch.setenv("NERVE_RATES__PER_CALLR", "3")
    assert refusal() == "NERVE_RATES__PER_CALLR is no setting here; did you mean 'per_caller'?"


@pytest.mark.parametrize(
    ("auth", "secret", "sentence"),
    [
        ("issuer: x", None, "audience"),
        ("issuer: x, audience: n", None, "keys must be fetched over https://; correct issuer"),
        ("issuer: 'http://login.example', audience: n", None, "keys must be fetched over https://"),
        ("issuer: x, audience: n", "short", "secret must have at least 32 bytes for HS256"),
        ("issuer: x, audience: n, algorithms: HS512", LONG, "secret must have at least 64 bytes for HS512"),
        ("issuer: x, audience: n", KEY, "a key in PEM and no secret"),
        (f"issuer: x, audience: n, public_key: '{KEY}'", None, "must be a public key in PEM"),
        ("issuer: x, audience: n, public_key: '-----BEGIN PRIVATE KEY-----'", None, "is a private key"),
        ("issuer: x, audience: n, algorithms: RS256", LONG, "keys of secret cannot verify RS256"),
        (
            "issuer: 'https://login.example', audience: n, algorithms: HS256",
            None,
            "HS256 needs secret: with a public key, everybody could sign tokens",
        ),
        ("issuer: 'https://login.example', audience: n, algorithms: none", None, "algorithms must be"),
        (
            "issuer: x, audience: n, jwks_url: 'https://login.example/keys'",
            LONG,
            "keys come from one source; remove all but one of jwks_url and secret",
        ),
        ("issuer: x, audience: n, jwks_url: 'ftp://login.example'", None, "must be a URL such as"),
        ("issuer: x, audience: n, leeway: 3600", None, "leeway must be at most 300"),
        ("issuer: x, audience: n, isuer: y", None, "auth.isuer is no setting here; did you mean 'issuer'?"),
    ],
)
def test_a_wrong_setting_of_authentication_is_refused_without_its_value(
    folder: Path, monkeypatch: pytest.MonkeyPatch, auth: str, secret: str | None, sentence: str
) -> None:
    (folder / "nerve.yaml").write_text(f"auth: {{{auth}}}\n")
    if secret is not None:
        monkeypatch.setenv("NERVE_AUTH__SECRET", secret)
    message = refusal()
    assert sentence in message
    assert secret is None or secret not in message


def test_the_api_listens_beyond_this_machine_with_authentication_or_on_demand_alone() -> None:
    auth = auth_settings()
    for exposed in (Settings(host="0.0.0.0", auth=auth), Settings(host="0.0.0.0", insecure_open=True)):
        check_exposure(exposed)
    check_exposure(Settings(host="::1"))
    with pytest.raises(ConfigurationError, match="there is no authentication; set auth"):
        check_exposure(Settings(host="0.0.0.0"))


def test_the_metrics_of_a_worker_are_exposed_with_a_token_or_on_demand_alone() -> None:
    token = SecretStr("x" * 32)
    exposed = (Settings(host="::", metrics_token=token), Settings(host="::", insecure_open=True))
    for settings in (*exposed, Settings()):
        check_metrics_exposure(settings)
    with pytest.raises(ConfigurationError, match="set NERVE_METRICS_TOKEN"):
        check_metrics_exposure(Settings(host="::", auth=auth_settings()))


def test_authentication_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"ISSUER": "https://login.example", "AUDIENCE": "nerve, other", "ROLE_MAP": '{"a": "editor"}'}
    for name, value in values.items():
        monkeypatch.setenv(f"NERVE_AUTH__{name}", value)
    auth = load_settings().auth
    assert auth is not None
    assert (auth.audience, auth.role_map) == (("nerve", "other"), {"a": "editor"})
    assert auth.keys_url == "https://login.example/.well-known/openid-configuration"


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "nerve.yaml").write_bytes(b"port: \xff")
    assert refusal() == "nerve.yaml is not a text file in UTF-8"
    (folder / "nerve.yaml").write_bytes(b"port: \x00")
    assert refusal().startswith("nerve.yaml is not YAML: unacceptable character")
    (folder / "nerve.yaml").unlink()
    (folder / "nerve.yaml").mkdir()
    assert refusal() == "nerve.yaml cannot be read: Is a directory"


@pytest.mark.parametrize("text", ["", "# nothing is set\n", "port: 4711\n"])
def test_a_file_may_be_empty_or_set_something(folder: Path, text: str) -> None:
    (folder / "nerve.yaml").write_text(text)
    assert load_settings().port == (4711 if "4711" in text else 8321)


def test_a_wrong_variable_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "nerve.yaml").write_text("port: 4711\n")
    monkeypatch.setenv("NERVE_PORT", "abc")
    assert refusal() == "NERVE_PORT must be an integer"


@pytest.mark.parametrize("folder_name", ["", "."])
def test_the_working_directory_is_no_data_folder(folder_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rights would be taken from other users, and it would fill with the data of servers."""
    monkeypatch.setenv("NERVE_DATA_DIR", folder_name)
    assert refusal() == "NERVE_DATA_DIR: name a folder for the data alone, such as .nerve"


def test_a_mistyped_variable_is_refused_and_an_unlike_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for other in (
        "NERVE_SERVICE_HOST",
        "NERVE_SERVICE_PORT",
        "NERVE_PORT_8321_TCP_ADDR",
        "NERVE_DECLARATIONS",
    ):
        monkeypatch.setenv(other, "10.0.0.1")
    assert load_settings().port == 8321
    for mistyped in ("NERVE_PRT", "NERVE_PROT"):
        monkeypatch.setenv(mistyped, "4711")
        assert refusal() == f"there is no environment variable {mistyped}; did you mean NERVE_PORT?"
        monkeypatch.delenv(mistyped)


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        ("{adapter: http}", "ports.cards.url is missing"),
        ("{adapter: mail}", "ports.cards needs the line `adapter: http` or `adapter: simulator`"),
        (
            "{url: 'https://cards.example'}",
            "ports.cards needs the line `adapter: http` or `adapter: simulator`",
        ),
        ("{adapter: simulator, sed: 1}", "ports.cards.sed is no setting here; remove it or correct its name"),
        ("{adapter: simulator, failures: 2}", "ports.cards.failures must be at most 1.0"),
        ("simulator", "ports.cards must be a mapping"),
        (
            "{adapter: http, url: 'http://cards.example'}",
            "ports.cards: url must begin with https://, unless allow_private is true",
        ),
        (
            "{adapter: http, url: 'https://10.0.0.1/'}",
            "ports.cards: url leads to 10.0.0.1, a private address; set allow_private: true",
        ),
        (
            "{adapter: http, url: 'https://ada:hunter2@cards.example'}",
            "ports.cards.url is a secret, which does not belong in this file; "
            "set NERVE_PORTS__CARDS__URL, or set NERVE_PORTS__CARDS__URL_FILE to the path of a file that "
            "contains it",
        ),
    ],
)
def test_a_wrong_setting_of_a_port_is_named_with_its_place(folder: Path, port: str, sentence: str) -> None:
    """One sentence with the path in the file, without the value."""
    (folder / "nerve.yaml").write_text(f"ports:\n  cards: {port}\n")
    assert refusal() == f"nerve.yaml: {sentence}"


def test_a_variable_sets_one_value_of_a_port(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as its secret, beside what the file has."""
    (folder / "nerve.yaml").write_text("ports:\n  cards: {adapter: http, url: 'https://cards.example'}\n")
    monkeypatch.setenv("NERVE_PORTS__CARDS__SECRET", "hunter2")
    assert refusal().startswith("NERVE_PORTS__CARDS__SECRET: a secret is whsec_ and 24 to 64 bytes")
    monkeypatch.setenv("NERVE_PORTS__CARDS__SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    port = load_settings().ports["cards"]
    assert isinstance(port, HttpPortSettings)
    assert port.host == "cards.example"
    assert port.secret is not None


def test_a_refusal_never_holds_a_secret(folder: Path) -> None:
    (folder / "nerve.yaml").write_text("master_key: hunter2\nmongo_url: [hunter2]\n")
    assert "hunter2" not in refusal()


EXAMPLE = (Path(__file__).parents[2] / "nerve.yaml").read_text()


def test_the_example_sets_the_defaults_and_mentions_every_setting(folder: Path) -> None:
    defaults = load_settings()
    (folder / "nerve.yaml").write_text(EXAMPLE)
    example = load_settings()
    # A checkout may have contexts of its own.
    assert example.contexts[: len(defaults.contexts)] == defaults.contexts
    assert example.model_copy(update={"contexts": defaults.contexts}) == defaults
    names = set(re.findall(r"^(?:# )?(\w+):", EXAMPLE, re.MULTILINE))
    assert Settings.model_fields.keys() - names == set()


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
