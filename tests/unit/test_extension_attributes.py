"""Extension attributes of CloudEvents keep their names and values through an export and its import."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.extension_attributes import OWN_ATTRIBUTES, exported_extensions, written_extensions
from api.transfer.export_reader import ExportedCommit, read_commits
from api.transfer.export_writer import commit_lines
from api.transfer.received_cloud_events import CloudEvent
from api.webhooks.messages import make_message
from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel.event import Extensions
from domain.testing import NOON
from projections.testing import History
from tests.helpers.commits import CATALOG
from tests.helpers.notes import Scored, Written

NAMES = st.sampled_from(sorted(OWN_ATTRIBUTES)) | st.from_regex("[a-z0-9]{1,12}", fullmatch=True)
EXTENSIONS = st.dictionaries(
    st.builds(lambda prefixes, name: "ext" * prefixes + name, st.integers(0, 2), NAMES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.integers(-9, 9) | st.booleans(),
    max_size=6,
)


@given(EXTENSIONS)
def test_names_that_nerve_uses_itself_are_written_and_read_back(extensions: Extensions) -> None:
    written = written_extensions(extensions)
    assert not written.keys() & OWN_ATTRIBUTES
    assert exported_extensions({**dict.fromkeys(OWN_ATTRIBUTES, "own"), **written}) == (extensions or None)


@given(EXTENSIONS)
def test_a_commit_keeps_its_extensions_through_an_export(extensions: Extensions) -> None:
    history = History().add("note-1", Written(text="x"), Scored(by=2), extensions=extensions or None)
    lines = b"".join(commit_lines(commit, personal=True) for commit in history.commits)
    [row] = read_commits(io.BytesIO(lines), CATALOG, {})
    assert isinstance(row, ExportedCommit), row
    assert row.commit.extensions == (extensions or None)


def test_all_attributes_that_nerve_writes_are_known() -> None:
    """Otherwise one of them would be read back as an extension attribute."""
    [commit] = History().add("note-1", Written(text="x"), actor="ada").commits
    assert commit.info is not None
    info = commit.info._replace(
        occurred=NOON, recorded=NOON - timedelta(1), causation="c", source="s", authentication="cli"
    )
    [event] = commit.events
    whole = commit._replace(info=info, events=(event._replace(commit=info),))
    line = orjson.loads(commit_lines(whole, personal=True, client="192.0.2.1"))
    assert line.keys() == OWN_ATTRIBUTES - {"dataschema"}


@pytest.mark.parametrize("value", [0.5, [], {}, 2**31, -(2**31) - 1])
def test_a_value_that_cloudevents_does_not_have_is_refused(value: Any) -> None:
    event = {"specversion": "1.0", "type": "x", "source": "/x", "id": "1", "rank": value}
    with pytest.raises(ValidationError, match="must be a text, an integer of 32 bits") as refusal:
        CloudEvent.model_validate(event)
    assert refusal.value.errors()[0]["loc"][0] == "rank"


@pytest.mark.parametrize("name", ["Rank", "the_rank", "rank-1", "räng", "x" * 65, ""])
def test_a_name_that_cloudevents_does_not_have_is_refused(name: str) -> None:
    event = {"specversion": "1.0", "type": "x", "source": "/x", "id": "1", name: "1"}
    with pytest.raises(ValidationError) as refusal:
        CloudEvent.model_validate(event)
    assert refusal.value.errors()[0]["loc"][0] == name


def test_webhooks_send_extensions_with_personal_data_only() -> None:
    """Nobody knows what other systems put into them."""
    [event] = History().add("note-1", Written(text="x"), extensions={"partitionkey": "p"}).events
    for personal in (True, False):
        message = make_message(Webhook(personal=personal), [event], lambda event: "sealed")
        assert ("partitionkey" in orjson.loads(message.body)) is personal
