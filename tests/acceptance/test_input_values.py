"""What clients send reaches MongoDB as values alone, shown by the commands that mongod profiled."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient

from tests.helpers.access_rig import AccessRig, access_rig
from tests.helpers.command_profile import CommandProfile, Occurrence
from tests.helpers.marked_requests import (
    COUNTS,
    MARK,
    MUTATIONS,
    QUERIES,
    SUBSCRIPTIONS,
    TEXTS,
    Request,
    Sender,
)
from tests.helpers.tokens import MANY_FAILURES, auth_settings

CONTEXTS = ["tests.helpers.papers.papers", "tests.helpers.papers.folders", "tests.helpers.memos",
            "tests.helpers.memo_books", "projections.views.documents"]  # fmt: skip

VALUE_OPERATORS = frozenset({"$eq", "$ne", "$in", "$lt", "$lte", "$gt", "$gte", "$regex", "$text", "$search",
                             "$elemMatch", "$not", "$and", "$or", "$nor", "$match", "$literal",
                             "$setOnInsert", "$set", "$max"})  # fmt: skip
"""Operators below which a text is a value, or part of a pattern."""


@dataclass(frozen=True)
class Outcome:
    """The requests, and what mongod received and stored meanwhile."""

    requests: Sequence[Request]
    """Those with texts."""
    objects: Sequence[Request]
    """Those with operators in place of texts."""
    numbers: Sequence[Request]
    """Those with numbers in place of texts and integers."""
    contents: Sequence[Any]
    """The content of the documents that were created with operators, and then with numbers."""
    occurrences: Mapping[str, Sequence[Occurrence]]
    """The keys and texts that contain a mark, by the mark."""


@pytest.fixture(scope="module")
def rig(mongo_url: str, redis_url: str) -> Iterator[AccessRig]:
    with access_rig(mongo_url, redis_url) as rig:
        yield rig


@pytest.fixture(scope="module")
def outcome(rig: AccessRig, mongo_client: MongoClient[dict[str, Any]]) -> Outcome:
    """All requests, sent once for all tests."""
    profile = CommandProfile(mongo_client[rig.database])
    settings = auth_settings(claims=("team", "shelf"))
    with rig.serve(contexts=CONTEXTS, worker=True, auth=settings, rates=MANY_FAILURES) as served:
        sender = Sender(served)
        sender.create_folder()
        with profile.recording():
            for name in TEXTS:
                sender.send_everywhere(name)
            requests, sender.requests = sender.requests, []
            # Looked at before operators are sent as the content of documents, where they may be keys.
            occurrences = [*profile.occurrences(), *profile.stored_texts()]
            sender.send_objects()
            objects, sender.requests = sender.requests, []
            sender.send_numbers()
        occurrences += [each for each in profile.occurrences() if not each.command.startswith("insert")]
    by_mark: dict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in occurrences:
        for mark in MARK.findall(occurrence.text):
            by_mark[mark].append(occurrence)
    return Outcome(requests, objects, sender.requests, sender.contents, by_mark)


REFUSALS = {"VALIDATION_FAILED", "NOT_FOUND", "UNAUTHENTICATED", "FORBIDDEN"}

UNREAD = {"dead letter", "claim roles"}
"""Places of texts that MongoDB never gets: sealed ids that do not open, and roles, which rules compare."""


@pytest.mark.parametrize("name", TEXTS)
def test_each_text_is_refused_or_arrives_whole(outcome: Outcome, name: str) -> None:
    """At each place, and no request fails inside. Of a search, the words arrive."""
    requests = [each for each in outcome.requests if each.name == name]
    assert len(requests) > len(QUERIES) + len(MUTATIONS)
    for request in requests:
        assert REFUSALS.issuperset(request.codes), request
        if not request.codes and request.place not in UNREAD:
            texts = [each.text for each in outcome.occurrences[request.mark]]
            is_whole = any(text in request.forms for text in texts)
            assert is_whole or (request.place == "search" and texts), (request, texts)


def test_texts_are_values_below_fields_and_operators_of_nerve(outcome: Outcome) -> None:
    """No key is made of a text, and no text is an expression; a pattern has it escaped."""
    by_mark = {request.mark: request for request in outcome.requests}
    for mark, occurrences in outcome.occurrences.items():
        if mark not in by_mark:
            continue
        request = by_mark[mark]
        for occurrence in occurrences:
            assert not occurrence.is_key, (request, occurrence)
            operators = {key for key in occurrence.path if key.startswith("$")}
            assert operators <= VALUE_OPERATORS, (request, occurrence)
            if "$search" not in occurrence.path:
                assert occurrence.text in request.forms, (request, occurrence)
            if "$regex" in occurrence.path:
                assert occurrence.text.removeprefix("^") == re.escape(request.text), (request, occurrence)


def test_most_places_reach_the_database(outcome: Outcome) -> None:
    """The requests show something: with a harmless text, nearly each place has a command of its own."""
    reached = {
        request.place
        for request in outcome.requests
        if request.name == "plain" and outcome.occurrences.get(request.mark)
    }
    missing = {*QUERIES, *MUTATIONS, *SUBSCRIPTIONS} - reached
    assert missing <= {"cursor", "position", "events after", "past state as of", "dead letters", *UNREAD}


def test_operators_in_place_of_texts_are_refused(outcome: Outcome) -> None:
    """Objects and lists instead of a text; the content of a document is data, and may be both."""
    for request in outcome.objects:
        if request.place != "content":
            assert request.codes
            assert REFUSALS.issuperset(request.codes), request
            assert request.mark not in outcome.occurrences, request


def test_operators_in_content_are_stored_as_data(outcome: Outcome) -> None:
    """They come back as they were sent."""
    sent = [request.sent for request in outcome.objects if request.place == "content"]
    assert outcome.contents[: len(sent)] == sent


def test_huge_numbers_are_refused_or_stored_as_numbers(outcome: Outcome) -> None:
    """Beyond what a JSON reader takes for an integer they are floats (RFC 8259, section 6)."""
    for request in outcome.numbers:
        assert REFUSALS.issuperset(request.codes), request
        if request.place in COUNTS or (request.place == "content" and request.name == "beyond 64 bits"):
            assert request.codes == ("VALIDATION_FAILED",), request
    stored = [each.sent for each in outcome.numbers if each.place == "content" and not each.codes]
    assert outcome.contents[-len(stored) :] == [float(number) for number in stored]
