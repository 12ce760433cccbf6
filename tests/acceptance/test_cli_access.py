"""``nerve access`` against real servers: keys that it issues are accepted, and those that it ends are not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from domain.builtin.revocations.commands import AccessKind
from tests.helpers.access_rig import AccessRig, access_rig, bearer
from tests.helpers.command_line import CLI
from tests.helpers.served_api import Served
from tests.helpers.servers import eventually
from tests.helpers.tokens import make_token

TYPENAME = {"query": "{ __typename }"}
LIST_EVERY = 0.3
"""Seconds between two runs of a command that lists: each connects to the servers."""


@pytest.fixture(scope="module")
def rig(mongo_url: str, redis_url: str) -> Iterator[AccessRig]:
    with access_rig(mongo_url, redis_url) as rig:
        yield rig


@pytest.fixture(scope="module")
def served(rig: AccessRig) -> Iterator[Served]:
    with rig.serve(worker=True) as served:
        yield served


@pytest.fixture(scope="module")
def nerve(rig: AccessRig, mongo_url: str, redis_url: str) -> CliRunner:
    servers = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": rig.database}
    return CliRunner(env=servers)


def status(served: Served, credential: str) -> int:
    return served.post(TYPENAME, authorization=bearer(credential)).status_code


def issue(nerve: CliRunner, *arguments: str) -> tuple[str, str]:
    """The id of a new key, and the key: all that is printed to stdout."""
    issued = nerve.invoke(CLI, ["access", "keys", "issue", *arguments])
    assert issued.exit_code == 0, issued.output
    key = issued.stdout.strip()
    assert re.fullmatch(r"nerve_\w+_[0-9a-f]{64}", key)
    [stream] = re.findall(r"apikey-\w+", issued.stderr)
    assert key not in issued.stderr
    return stream, key


def test_a_key_is_issued_rotated_and_revoked(served: Served, nerve: CliRunner) -> None:
    stream, key = issue(nerve, "billing", "--role", "clerk")
    eventually(lambda: status(served, key) == 200)
    rotated = nerve.invoke(CLI, ["access", "keys", "rotate", stream, "--grace", "PT0S"])
    renewed = rotated.stdout.strip()
    eventually(lambda: (status(served, key), status(served, renewed)) == (401, 200))
    revoke = ["access", "keys", "revoke", stream, "--reason", "leaked"]
    assert nerve.invoke(CLI, revoke).stdout == f"{stream} is revoked\n"
    eventually(lambda: status(served, renewed) == 401)
    assert nerve.invoke(CLI, revoke).stdout == f"{stream} was revoked before\n"


def test_keys_are_listed_with_their_last_use(served: Served, nerve: CliRunner) -> None:
    """Without secrets and their hashes, to the minute, and with whole ids in a narrow terminal."""
    stream, key = issue(nerve, "reports", "--command", "createTask", "--expires-at", "2100-01-01T00:00:00Z")
    unused, _ = issue(nerve, "spare")
    eventually(lambda: status(served, key) == 200)

    def listed() -> dict[str, list[str]]:
        shown = nerve.invoke(CLI, ["access", "keys", "list"], env={"COLUMNS": "80"}).stdout
        assert not re.search("[0-9a-f]{64}", shown)
        cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines()]
        return {row[0]: row[1:] for row in cells if row[0].startswith("apikey-")}

    eventually(lambda: listed().get(stream, ["-"])[-1] != "-", every=LIST_EVERY)
    rows = listed()
    assert rows[stream][:4] == ["reports", stream, "-", "createTask"]
    assert rows[stream][5] == "2100-01-01 00:00"
    assert rows[unused][-1] == "-"


def test_access_ends_and_is_restored(served: Served, nerve: CliRunner) -> None:
    token = make_token("ada")
    end = ["access", "end", "subject", "ada", "--reason", "left"]
    assert nerve.invoke(CLI, end).stdout == "access of the subject ada has ended\n"
    eventually(lambda: status(served, token) == 401)
    restore = ["access", "restore", "subject", "ada", "--reason", "came back"]
    assert nerve.invoke(CLI, restore).stdout == "access of the subject ada is restored\n"
    eventually(lambda: status(served, token) == 200)


def test_the_access_that_has_ended_is_listed(served: Served, nerve: CliRunner) -> None:
    """By the command line, and to callers who may end access; others do not have the query."""

    def listed() -> list[list[str]]:
        shown = nerve.invoke(CLI, ["access", "list"], env={"COLUMNS": "200"}).stdout
        cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines()]
        return [row for row in cells if row[0] in list(AccessKind)]

    query = {"query": "{ revocations { nodes { kind name reason untilRestored endedBy } } }"}
    for arguments in (["subject", "eve"], ["role", "clerk", "--until-restored"]):
        nerve.invoke(CLI, ["access", "end", *arguments, "--reason", "audit"])
    eventually(lambda: len(listed()) == 2, every=LIST_EVERY)
    assert [[kind, name, by, refused] for kind, name, _, by, refused, _ in listed()] == [
        ["ROLE", "clerk", "command line", "all credentials"],
        ["SUBJECT", "eve", "command line", "credentials of before"],
    ]
    deployment, administrator, operator = (
        served.post(query, authorization=bearer(make_token(role, roles=(role,)))).json()
        for role in ("deployment", "administrator", "operator")
    )
    nodes = deployment["data"]["revocations"]["nodes"]
    assert {
        "kind": "ROLE",
        "name": "clerk",
        "reason": "audit",
        "untilRestored": True,
        "endedBy": None,
    } in nodes
    assert (len(nodes), administrator) == (2, deployment)
    assert operator["errors"][0]["message"] == "Cannot query field 'revocations' on type 'Query'."
    for arguments in (["subject", "eve"], ["role", "clerk"]):
        nerve.invoke(CLI, ["access", "restore", *arguments, "--reason", "done"])
    eventually(lambda: listed() == [], every=LIST_EVERY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keys", "issue", "x", "--command", "makeCoffee"], "there is no command 'makeCoffee'"),
        (["keys", "issue", "x", "--expires-at", "soon"], "expiresAt: must be a date"),
        (["keys", "rotate", "apikey-none"], "there is no apikey 'apikey-none'"),
        (["end", "tenant", "default", "--reason", "x"], "TENANT takes no name"),
        (["restore", "role", "never", "--reason", "x"], "access of the role 'never' has never ended"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_refused(nerve: CliRunner, arguments: list[str], message: str) -> None:
    refused = nerve.invoke(CLI, ["access", *arguments])
    assert refused.exit_code != 0
    assert message in f"{refused.output}{refused.exception}"


def test_a_key_that_the_command_line_issues_is_in_no_event(served: Served, nerve: CliRunner) -> None:
    stream, key = issue(nerve, "billing")
    shown = nerve.invoke(CLI, ["events", "show", stream]).output
    assert "apikey.issued" in shown
    assert key.rpartition("_")[2] not in shown
