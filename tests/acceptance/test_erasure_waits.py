"""An erasure is answered when no view shows the subject, and not at all for one that never had data."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.terminal import output
from domain.kernel.errors import NotFound
from tests.helpers.command_line import CLI
from tests.helpers.command_messages import command_messages
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

WITHOUT_MENTIONS = ["tests.helpers.people", "projections.views.subjects"]
CONTEXTS = [*WITHOUT_MENTIONS, "tests.helpers.mentions_view"]
GONE = "plain-text-of-the-erased"
ERASE = """mutation ($subject: String!, $command: ID) {
  eraseSubject(input: { subject: $subject }, commandId: $command, await: PROJECTED) {
    receipt { stream version position changed } subject { subject } } }"""
ERASE_UNSEEN = """mutation ($subject: String!) {
  eraseSubject(input: { subject: $subject }, await: PROJECTED) { receipt { changed } } }"""
MENTIONED = "{ mentions { nodes { texts } } }"
FOLLOW = """subscription ($id: ID!) { command(id: $id) { ... on CommandProjected { view } } }"""

Parts = dict[str, Any]


@pytest.fixture
def parts(mongo_url: str, redis_url: str, database: str) -> Parts:
    key = b64encode(os.urandom(32)).decode()
    return {"mongo_url": mongo_url, "redis_url": redis_url, "database": database, "master_key": key}


@pytest.fixture
def api(parts: Parts) -> Iterator[Served]:
    """An API without a worker for the view of mentions, though the view has rows."""
    with serve(contexts=CONTEXTS, worker=False, wait_timeout=0.5, **parts) as alone:
        with serve(contexts=CONTEXTS, **parts) as both:
            both.do("registerPerson", id="person-a", city="Graz", name=GONE)
            both.do("registerPerson", id="person-b", city="Linz")
            mention = both.do("remark", id="person-b", aboutId="person-a", text=GONE)
            position = mention["position"]
            both.ask(f'{{ mentions(atLeast: "{position}") {{ totalCount }} }}')
        with serve(contexts=WITHOUT_MENTIONS, **parts):
            yield alone


def test_b7_an_erasure_fails_to_wait_while_any_view_still_shows_the_subject(
    api: Served, parts: Parts
) -> None:
    erase = partial(api.run, ERASE, subject="person-a", command="c-1")
    # The worker's own views may need longer than the API waits.
    eventually(lambda: erase()["errors"][0]["extensions"].get("view") == "mentions")
    answer = erase()
    assert GONE in str(api.ask(MENTIONED))
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["eraseSubject", "subject"], "STALE_READ")
    assert answer["data"]["eraseSubject"]["receipt"]["changed"] is True
    eventually(
        lambda: api.run(ERASE_UNSEEN, subject="person-a")["errors"][0]["extensions"]["reason"] == "NO_WORKER"
    )
    again = api.run(ERASE_UNSEEN, subject="person-a")
    assert (again["errors"][0]["path"], again["data"]["eraseSubject"]["receipt"]["changed"]) == (
        ["eraseSubject"],
        False,
    )
    with serve(contexts=CONTEXTS, wait_timeout=25, **parts) as complete:
        done = complete.ask(ERASE, subject="person-a")["eraseSubject"]
        assert (done["receipt"]["changed"], done["subject"]) == (False, {"subject": "person-a"})
        assert GONE not in str(complete.ask(MENTIONED))


async def test_b7_the_command_subscription_names_every_view_that_forgets(parts: Parts) -> None:
    with serve(contexts=CONTEXTS, **parts) as served:
        served.do("registerPerson", id="person-a", city="Graz", name=GONE)
        served.ask(ERASE, subject="person-a", command="c-1")
        async with served.client() as client:
            await client.subscribe("1", FOLLOW, id="c-1")
            views = [one["view"] for one in await command_messages(client) if "view" in one]
    assert sorted(views) == ["apiKeys", "mentions", "people", "revocations", "subjects", "webhooks"]


def test_b7_a_subject_without_data_is_not_erased_and_nothing_is_stored(parts: Parts) -> None:
    with serve(contexts=CONTEXTS, **parts) as served:
        served.do("registerPerson", id="person-b", city="Linz")
        before = served.stored()
        for subject in ("person-unknown", "person-b"):
            error = served.refused(ERASE, subject=subject)
            assert (error["path"], error["extensions"]) == (["eraseSubject"], {"code": "NOT_FOUND"})
            assert f"no personal data of '{subject}'" in error["message"]
        assert served.stored() == before
        served.do("renamePerson", id="person-b", name=GONE)
        assert served.ask(ERASE, subject="person-b")["eraseSubject"]["receipt"]["changed"] is True


def test_b7_nerve_erase_says_that_there_was_none_and_when_all_views_are_done(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "width", 200)
    environment = {f"NERVE_{name.upper()}": value for name, value in parts.items()}
    cli = CliRunner(env={**environment, "NERVE_CONTEXTS": ",".join(CONTEXTS)})
    with serve(contexts=CONTEXTS, **parts) as served:
        served.do("registerPerson", id="person-a", city="Graz", name=GONE)
        unknown = cli.invoke(CLI, ["erase", "person-unknown"])
        assert isinstance(unknown.exception, NotFound)
        assert "nothing was erased" in str(unknown.exception)
        first, again = (cli.invoke(CLI, ["erase", "person-a"]) for _ in range(2))
    assert first.output.splitlines() == [
        "person-a is erased; its key is destroyed",
        "no view contains its data any more",
    ]
    assert again.output.splitlines()[0] == "person-a was erased before; its key is destroyed"
