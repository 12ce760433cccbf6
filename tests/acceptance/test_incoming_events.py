"""Events from outside, on a running API with the contexts of docs/incoming-events.md."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from standardwebhooks import Webhook

from api.access.callers import Caller
from api.ids import now
from api.incoming.event_formats import BATCH, STRUCTURED
from domain.kernel import Scope
from tests.helpers.documentation import ROOT, code_blocks
from tests.helpers.page_modules import page_modules
from tests.helpers.served_api import Served, serve
from tests.helpers.token_access import Tokens

CONTEXTS = ("kiosk.tickets", "kiosk.bank")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "A" * 40
BANK = "https://bank.example/payments"
SOURCES = {
    "bank": {"source": BANK, "secret": SECRET, "roles": ["bank"]},
    "shop": {"source": "/shop", "secret": OTHER_SECRET},
}
DATA = {"payment": "payment-17", "amount": 1250}
MAX_BODY = 20_000

Log = Collection[dict[str, Any]]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The modules of the page."""
    with page_modules("incoming-events.md", "kiosk", tmp_path_factory.mktemp("page")):
        yield


@pytest.fixture(scope="module")
def log(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[Log]:
    """The commits of the API."""
    database = f"test_{uuid4().hex}"
    yield mongo_client[database]["log"]
    mongo_client.drop_database(database)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def served(contexts: None, tokens: Tokens, log: Log, mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API for callers with tokens, and for signed sources."""
    with serve(
        tokens,
        worker=False,
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=log.database.name,
        **{"contexts": CONTEXTS, "event_sources": SOURCES, "max_body_bytes": MAX_BODY},
    ) as served:
        yield served


@pytest.fixture
def support(tokens: Tokens) -> dict[str, str]:
    """The headers of a caller with the role that opens tickets."""
    caller = Caller(Scope("default", "ada"), "ada", frozenset({"support"}))
    return {"authorization": tokens.grant("support", caller)}


def event(id: str | None = None, **attributes: Any) -> dict[str, Any]:
    """A settled payment; without an id, with a new one."""
    made = {"type": "com.bank.payment.settled", "source": BANK, "data": DATA}
    return {"specversion": "1.0", "id": id or uuid4().hex, **made, **attributes}


def ticket(id: str | None = None, **attributes: Any) -> dict[str, Any]:
    made = {"type": "nerve.command.OpenTicket", "source": "/mail", "data": {"title": "x"}}
    return event(id, **{**made, **attributes})


def post(served: Served, body: Any, content_type: str = STRUCTURED, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return served.http.post("/events", content=content, headers={"content-type": content_type, **headers})


def signed(
    served: Served, body: Any, content_type: str = STRUCTURED, /, secret: str = SECRET, **options: Any
) -> httpx.Response:
    """Post a body that is signed with a secret, under the webhook id `id`, `at` a time."""
    content = orjson.dumps(body)
    message, at = options.pop("id", "msg-1"), options.pop("at", now())
    signature = {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, content.decode()),
    }
    return post(served, content, content_type, **{**signature, **options})


def code(response: httpx.Response) -> tuple[int, str]:
    [error] = response.json()["errors"]
    return response.status_code, error["extensions"]["code"]


def test_a_signed_event_is_recorded_once_as_its_declared_class(served: Served, log: Log) -> None:
    """With its source and its time; its caller is the source of the settings."""
    sent = event(time="2026-01-31T12:00:00Z", subject="payment-17", partitionkey="p")
    first = signed(served, sent)
    assert first.status_code == 200, first.text
    receipt = first.json()["receipt"]
    assert (receipt["version"], receipt["replayed"], receipt["changed"]) == (1, False, True)
    [commit] = log.find({"command.id": receipt["commandId"]})
    assert [(each["type"], each["data"]) for each in commit["events"]] == [("bank.payment_settled", DATA)]
    assert (commit["actor"], commit["authentication"]) == ("source:bank", "webhook")
    assert (commit["source"], commit["occurred"]) == (sent["source"], datetime(2026, 1, 31, 12))
    assert commit["extensions"] == {"partitionkey": "p"}
    again = signed(served, sent)
    assert (again.status_code, again.json()["receipt"]) == (200, {**receipt, "replayed": True})
    other = signed(served, event(subject="payment-17")).json()["receipt"]
    assert (other["stream"], other["version"]) == (receipt["stream"], 2)


def test_an_event_that_is_sent_at_once_and_often_is_recorded_once(served: Served, log: Log) -> None:
    sent = event()
    with ThreadPoolExecutor(10) as pool:
        responses = list(pool.map(lambda _: signed(served, sent), range(20)))
    receipts = [response.json()["receipt"] for response in responses]
    assert len({receipt["position"] for receipt in receipts}) == 1
    assert [receipt["replayed"] for receipt in receipts].count(False) == 1
    assert log.count_documents({"command.id": receipts[0]["commandId"]}) == 1


def test_a_caller_with_a_token_sends_a_command(served: Served, support: dict[str, str]) -> None:
    sent = ticket(subject=f"ticket-{uuid4().hex}")
    receipt = post(served, sent, **support).json()["receipt"]
    assert receipt["stream"] == sent["subject"]
    exists = post(served, ticket(subject=sent["subject"]), **support)
    assert code(exists) == (409, "INVARIANT_VIOLATED")


def test_an_event_in_binary_mode_has_its_attributes_in_headers(served: Served) -> None:
    """A signature does not cover them, so its webhook id has to be that of the event."""
    name = uuid4().hex
    attributes = {
        "ce-specversion": "1.0",
        "ce-type": "com.bank.payment.settled",
        "ce-source": BANK,
        "ce-id": name,
    }
    assert code(signed(served, DATA, "application/json", **attributes)) == (403, "FORBIDDEN")
    accepted = signed(served, DATA, "application/json", id=name, **attributes)
    assert accepted.status_code == 200, accepted.text
    structured = signed(served, event(name)).json()["receipt"]
    assert structured == {**accepted.json()["receipt"], "replayed": True}


@pytest.mark.parametrize(
    "options",
    [
        {"secret": OTHER_SECRET[:-4] + "BBBB"},
        {"at": now() - timedelta(minutes=6)},
        {"webhook-signature": "v1"},
    ],
    ids=["another secret", "too old", "malformed"],
)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(
    served: Served, log: Log, support: dict[str, str], options: dict[str, Any]
) -> None:
    """Also where a token is sent too, and with one text for every reason."""
    before = log.count_documents({})
    refused = signed(served, event(), STRUCTURED, **options, **support)
    assert code(refused) == (401, "UNAUTHENTICATED")
    assert refused.json()["errors"][0]["message"] == "the signature is not accepted"
    assert log.count_documents({}) == before


def test_a_source_sends_its_own_events_alone(served: Served, log: Log) -> None:
    before = log.count_documents({})
    assert code(signed(served, event(), STRUCTURED, OTHER_SECRET)) == (403, "FORBIDDEN")
    assert log.count_documents({}) == before


def test_without_credentials_and_signature_nothing_is_accepted(served: Served, log: Log) -> None:
    before = log.count_documents({})
    assert code(post(served, event())) == (401, "UNAUTHENTICATED")
    assert log.count_documents({}) == before


def test_a_signature_admits_to_no_other_path(served: Served) -> None:
    headers = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    refused = served.post({"query": "{ __typename }"}, **headers)
    assert code(refused) == (401, "UNAUTHENTICATED")


def test_a_type_that_the_caller_may_not_send_is_one_that_does_not_exist(
    served: Served, log: Log, support: dict[str, str]
) -> None:
    """The message names no type."""
    before = log.count_documents({})
    responses = [
        post(served, event(type="com.bank.payment.lost"), **support),
        post(served, event(), **support),
        post(served, ticket(type="nerve.command.EraseTenant"), **support),
        signed(served, ticket(source=BANK)),
    ]
    assert {response.text for response in responses} == {responses[0].text}
    error = responses[0].json()["errors"][0]
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["type"]}
    assert (responses[0].status_code, "bank" in error["message"]) == (400, False)
    assert log.count_documents({}) == before


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", STRUCTURED, 400),
        (b"", STRUCTURED, 400),
        ([], STRUCTURED, 400),
        ({"specversion": "1.0"}, STRUCTURED, 400),
        (ticket(specversion="0.3"), STRUCTURED, 400),
        (ticket(data={"title": ""}), STRUCTURED, 400),
        (ticket(data={"title": "x", "colour": "red"}), STRUCTURED, 400),
        (ticket(data="x"), STRUCTURED, 400),
        (ticket(time="yesterday"), STRUCTURED, 400),
        (ticket(datacontenttype="text/plain"), STRUCTURED, 400),
        (ticket(), "application/json", 415),
        (ticket(), "text/plain", 415),
        (ticket(data={"title": "x" * MAX_BODY}), STRUCTURED, 413),
        ([], BATCH, 400),
        ([ticket()] * 101, BATCH, 400),
        (ticket(), BATCH, 400),
    ],
    ids=range(16),
)
def test_what_is_no_event_is_refused_and_nothing_is_stored(
    served: Served, log: Log, support: dict[str, str], body: Any, content_type: str, status: int
) -> None:
    before = log.count_documents({})
    assert code(post(served, body, content_type, **support)) == (status, "VALIDATION_FAILED")
    assert log.count_documents({}) == before


def test_a_batch_has_a_result_for_each_event(served: Served, support: dict[str, str]) -> None:
    """Its status is 200 where all are stored, also if some were stored before."""
    batch = [ticket(), ticket()]
    first = post(served, batch, BATCH, **support)
    assert first.status_code == 200
    assert [each["id"] for each in first.json()] == [each["id"] for each in batch]
    changed = {**batch[1], "data": {"title": "other"}}
    mixed = post(served, [batch[0], changed, ticket()], BATCH, **support)
    assert mixed.status_code == 409
    again, refused, new = mixed.json()
    assert (again["receipt"]["replayed"], new["receipt"]["replayed"]) == (True, False)
    assert refused["errors"][0]["extensions"]["code"] == "COMMAND_ID_REUSED"


def test_a_batch_with_an_event_that_is_not_accepted_is_refused_as_a_whole(
    served: Served, log: Log, support: dict[str, str]
) -> None:
    """The path has the number of the event."""
    before = log.count_documents({})
    refused = post(served, [ticket(), ticket(type="nerve.command.Unknown")], BATCH, **support)
    assert code(refused) == (400, "VALIDATION_FAILED")
    assert refused.json()["errors"][0]["extensions"]["path"] == [1, "type"]
    assert log.count_documents({}) == before


def test_the_commands_of_the_page_send_events(
    contexts: None, mongo_url: str, redis_url: str, target_database: str
) -> None:
    """Without authentication, as `nerve dev` runs."""
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": target_database}
    (script,) = code_blocks(ROOT / "docs" / "incoming-events.md", "sh")
    with serve(worker=False, contexts=CONTEXTS, **own) as open_api:
        script = script.replace("127.0.0.1:8321", f"127.0.0.1:{open_api.port}")
        done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    decoder, results, rest = json.JSONDecoder(), [], done.stdout
    while rest:
        result, end = decoder.raw_decode(rest)
        results.append(result)
        rest = rest[end:].strip()
    settled, opened, batch = results
    assert settled["receipt"]["stream"].startswith("bankevent-")
    assert opened["receipt"]["stream"].startswith("ticket-")
    assert [each["id"] for each in batch if each["receipt"]["changed"]] == ["4713", "4714"]
