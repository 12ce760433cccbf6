"""Each check of `nerve doctor`: what is right, what is weak and what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.devserver.folder import RunningInstance, SharedSettings
from api.doctor import (
    api_checks,
    machine_checks,
    mongo_checks,
    redis_checks,
    setting_checks,
    source_checks,
)
from api.doctor.findings import Finding, Sign, ok
from api.rights.checks import required_rights
from api.rights.grants import UserPrivileges
from api.settings import Settings
from domain.agents import context as agents
from domain.documents import context as documents
from domain.kernel import Catalog
from domain.tasks import context as tasks
from projections.views.subjects import view as subjects

AT = datetime(2026, 1, 1, tzinfo=UTC)
AUTH = {"issuer": "https://login.example", "audience": "nerve"}


def settings(**values: Any) -> Settings:
    return Settings(**{"allowed_hosts": ["nerve.example"], **values})


@pytest.mark.parametrize(
    ("values", "sign"),
    [
        ({"auth": AUTH, "host": "0.0.0.0"}, "ok"),
        ({}, "warn"),
        ({"host": "0.0.0.0", "insecure_open": True}, "fail"),
    ],
)
def test_an_open_api_is_weak_on_this_machine_and_wrong_beyond(values: dict[str, Any], sign: str) -> None:
    assert setting_checks.check_access(settings(**values)).sign == sign


@pytest.mark.parametrize(
    ("values", "sign"),
    [
        ({"host": "0.0.0.0"}, "ok"),
        ({"allowed_hosts": []}, "ok"),
        ({"host": "0.0.0.0", "allowed_hosts": []}, "warn"),
        ({"allowed_hosts": "*"}, "fail"),
    ],
)
def test_any_host_name_is_wrong(values: dict[str, Any], sign: str) -> None:
    assert setting_checks.check_hosts(settings(**values)).sign == sign


@pytest.mark.parametrize(
    ("origins", "sign"),
    [
        ("", "ok"),
        ("https://app.example,http://localhost:5173", "ok"),
        ("http://app.example", "warn"),
        ("*", "fail"),
    ],
)
def test_all_origins_are_wrong_and_unencrypted_ones_weak(origins: str, sign: str) -> None:
    assert setting_checks.check_origins(settings(allowed_origins=origins)).sign == sign


def test_a_missing_master_key_is_wrong_where_events_have_personal_data() -> None:
    key = "A" * 43 + "="
    personal, plain = Catalog([documents]), Catalog([agents, tasks])
    assert setting_checks.check_master_key(settings(master_key=key), personal).sign == "ok"
    assert setting_checks.check_master_key(settings(), plain).sign == "ok"
    assert setting_checks.check_master_key(settings(), personal).sign == "fail"
    assert setting_checks.check_old_keys(settings()).sign == "ok"
    assert setting_checks.check_old_keys(settings(old_master_keys=key)).sign == "warn"


@pytest.mark.parametrize(
    ("url", "sign"),
    [
        (None, "ok"),
        ("mongodb://u:p@127.0.0.1:1,[::1]:2,localhost/?directConnection=true", "ok"),
        ("redis://:p@localhost:6379/0", "ok"),
        ("mongodb://u:p@db.example/?tls=true", "ok"),
        ("mongodb+srv://u:p@db.example/", "ok"),
        ("rediss://:p@cache.example", "ok"),
        ("mongodb://u:p@127.0.0.1,db.example/", "warn"),
        ("redis://:p@cache.example", "warn"),
        ("mongodb://u:p@db.example/?tls=true&tlsInsecure=true", "fail"),
        ("mongodb://u:p@db.example/?tls=true&tlsAllowInvalidCertificates=true", "fail"),
        ("rediss://:p@cache.example?ssl_cert_reqs=none", "fail"),
    ],
)
def test_a_link_to_another_machine_is_encrypted_and_verified(url: str | None, sign: str) -> None:
    finding = setting_checks.check_link("TLS", None if url is None else SecretStr(url))
    assert finding.sign == sign
    assert ":p@" not in finding.text


@pytest.mark.parametrize(
    ("values", "sign"),
    [
        ({}, "ok"),
        ({"host": "0.0.0.0", "tls_cert": "/etc/nerve/tls.crt"}, "ok"),
        ({"host": "0.0.0.0", "trusted_proxies": "10.0.0.0/8"}, "ok"),
        ({"host": "0.0.0.0"}, "warn"),
    ],
)
def test_the_api_is_encrypted_by_itself_or_by_a_proxy(values: dict[str, Any], sign: str) -> None:
    assert setting_checks.check_api_tls(settings(**values)).sign == sign


@pytest.mark.parametrize(
    ("port", "sign"),
    [
        ({"adapter": "http", "url": "https://p.example", "secret": "whsec_" + "A" * 32}, "ok"),
        ({"adapter": "http", "url": "https://p.example"}, "warn"),
        ({"adapter": "simulator"}, "warn"),
    ],
)
def test_an_outside_port_is_signed_and_not_simulated(port: dict[str, Any], sign: str) -> None:
    [finding] = setting_checks.check_ports(settings(ports={"cards": port}))
    assert finding.sign == sign


def test_a_folder_that_is_used_for_something_else_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch(0o644)
    finding = machine_checks.check_modes(tmp_path)
    assert finding.sign == "fail"
    assert "notes.txt" in finding.text
    assert finding.remedy == f"set NERVE_DATA_DIR to a folder for nerve alone, such as {tmp_path / 'nerve'}"


def test_a_full_disk_and_a_folder_that_others_can_read_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "lock").touch(0o600)
    assert machine_checks.check_modes(tmp_path).sign == "ok"
    (tmp_path / "master.key").touch(0o644)
    assert machine_checks.check_modes(tmp_path).sign == "fail"
    signs = []
    for limit in ("LOW_SPACE", "NO_SPACE"):
        monkeypatch.setattr(machine_checks, limit, 1e30)
        signs.append(machine_checks.check_space("disk", tmp_path).sign)
    assert signs == ["warn", "fail"]
    assert machine_checks.check_versions().text.startswith("nerve ")
    assert "Python 3" in machine_checks.check_versions().text


@pytest.mark.parametrize(
    ("hello", "sign"),
    [
        ({"setName": "nerve", "hosts": ["a", "b", "c"]}, "ok"),
        ({"msg": "isdbgrid"}, "ok"),
        ({"setName": "nerve", "hosts": ["a"]}, "warn"),
        ({}, "fail"),
    ],
)
def test_a_server_without_a_replica_set_is_wrong(hello: dict[str, Any], sign: str) -> None:
    assert mongo_checks.check_replica_set(hello).sign == sign


def test_an_old_mongodb_and_a_wrong_clock_are_found() -> None:
    versions = [[5, 0, 9], [6, 0, 1], [8, 0, 0]]
    builds = [{"version": ".".join(map(str, each)), "versionArray": each} for each in versions]
    assert [mongo_checks.check_version(build, {}).sign for build in builds] == ["fail", "ok", "ok"]
    skews = (0.1, -2, 3600)
    signs = [mongo_checks.check_clock(AT + timedelta(seconds=skew), AT).sign for skew in skews]
    assert signs == ["ok", "warn", "fail"]


@pytest.mark.parametrize(("free", "sign"), [(9e9, "ok"), (1e9, "warn"), (1e8, "fail")])
def test_the_disk_of_mongodb_is_judged_where_it_says_how_full_it_is(free: float, sign: str) -> None:
    stats = {
        "db": "nerve",
        "storageSize": 1e9,
        "indexSize": 1e8,
        "fsTotalSize": 1e11,
        "fsUsedSize": 1e11 - free,
    }
    finding = mongo_checks.check_disk(stats)
    assert (finding.sign, finding.figures) == (sign, {"bytes": free})
    assert mongo_checks.check_disk({"raw": {}}).sign == "ok"


def _privileges(*others: str, lacking: str = "") -> UserPrivileges:
    rights = {name: {*each.application} - {lacking} for name, each in required_rights([subjects]).items()}
    rights["log"] |= set(others)
    return UserPrivileges(
        "nerve",
        "app",
        [
            {"resource": {"db": "nerve", "collection": name}, "actions": sorted(actions)}
            for name, actions in rights.items()
        ],
    )


def test_a_user_with_too_few_rights_is_wrong_and_with_too_many_weak() -> None:
    def judge(privileges: UserPrivileges) -> str:
        return mongo_checks.check_rights(privileges, [subjects]).sign

    assert [judge(_privileges()), judge(_privileges("update")), judge(_privileges(lacking="find"))] == [
        "ok",
        "warn",
        "fail",
    ]
    assert mongo_checks.check_user(_privileges()) == ok("user of MongoDB", "app")
    assert mongo_checks.check_user(UserPrivileges("nerve", None, [])).sign == "fail"


def test_a_redis_without_a_password_is_weak_and_an_old_cluster_wrong() -> None:
    judged = [
        redis_checks.judge_redis(version, is_open=is_open, is_cluster=is_cluster).sign
        for version, is_open, is_cluster in (("8.2", False, True), ("6.2", True, False), ("6.2", False, True))
    ]
    assert judged == ["ok", "warn", "fail"]


def test_the_sources_of_settings_are_reported_without_values() -> None:
    path = Path("/srv/nerve.yaml")
    assert source_checks.report_file(path, {"port": 1, "auth": {}}).text == "/srv/nerve.yaml sets auth, port"
    variables = {
        "NERVE_MASTER_KEY_FILE": "marked",
        "NERVE_PORTS__CARDS__SECRET": "marked",
        "nerve_port": "marked",
        "NERVE_SERVICE_HOST": "marked",
        "HOME": "/root",
    }
    known, others = source_checks.report_environment(variables, Settings.model_fields, {"port": 1})
    assert known.text == (
        "NERVE_MASTER_KEY_FILE, NERVE_PORTS__CARDS__SECRET, nerve_port;"
        " they replace port of nerve.yaml, wholly or in part"
    )
    assert others.text == "NERVE_SERVICE_HOST: no settings, and ignored"
    shared = SharedSettings.model_validate(Settings())
    urls = {"url": "http://h:1", "mongo_url": "mongodb://marked", "redis_url": "redis://marked"}
    instance = RunningInstance(pid=7, settings=shared, **urls)
    finding = source_checks.report_instance(instance, ["mongo_url"], path)
    assert finding.text == "`nerve dev`, process 7, gives mongo_url"
    assert "marked" not in f"{known}{others}{finding}"


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({"host": "0.0.0.0", "port": 1}, "http://127.0.0.1:1"),
        ({"host": "::1", "port": 1, "tls_cert": "c.pem"}, "https://[::1]:1"),
        ({"port": 0}, None),
    ],
)
def test_the_api_is_asked_where_this_machine_can_reach_it(
    values: dict[str, Any], address: str | None
) -> None:
    assert api_checks.api_address(settings(**values), None) == address


def test_an_api_that_is_not_ready_is_wrong_and_another_program_weak() -> None:
    statuses = (200, 503, 404)
    assert [api_checks.judge_answer("http://h:1", each).sign for each in statuses] == ["ok", "fail", "warn"]


def test_a_finding_in_json_has_what_a_script_needs() -> None:
    finding = Finding("view tasks", Sign.WARN, "is behind", "start more", {"lag": 7}).within("consumers")
    assert finding.to_json() == {
        "section": "consumers",
        "check": "view tasks",
        "sign": "warn",
        "text": "is behind",
        "remedy": "start more",
        "figures": {"lag": 7},
    }
