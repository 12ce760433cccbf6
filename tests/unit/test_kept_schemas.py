"""The JSON Schemas that are kept of nerve's own events."""

from __future__ import annotations

import copy
import pkgutil
from datetime import UTC
from importlib import import_module
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given, settings
from hypothesis import strategies as st

import domain
from domain.kernel import Catalog, Context
from eventstore.integrity.event_schemas import (
    EventSchemas,
    SchemaKey,
    kept_schemas,
    schema_problems,
)
from tests.helpers import letters
from tests.helpers.event_data import stored_data
from tests.helpers.own_contexts import OWN

PRODUCT = OWN[0]


CATALOG = Catalog([*PRODUCT.contexts, letters.context])


KEPT = kept_schemas(CATALOG)
CHECKED = EventSchemas(CATALOG)


IN_UTC: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)


def test_the_schemas_that_are_kept_say_what_the_events_are():
    assert schema_problems(CATALOG) == []


def test_the_schemas_of_contexts_that_are_not_served_by_default_are_kept_too():
    modules = [import_module(each.name) for each in pkgutil.walk_packages(domain.__path__, "domain.")]
    contexts = {value for module in modules for value in vars(module).values() if isinstance(value, Context)}
    assert len(contexts) > len(PRODUCT.contexts)
    assert schema_problems(Catalog(sorted(contexts, key=lambda context: context.name))) == []


@settings(max_examples=30, deadline=None)
@given(st.data())
@pytest.mark.parametrize("shape", KEPT, ids=str)
def test_all_that_a_schema_of_any_revision_allows_is_read_at_the_newest(
    shape: SchemaKey, data: st.DataObject
):
    stored = bson.decode(bson.encode(data.draw(stored_data(KEPT[shape]))), IN_UTC)
    before = copy.deepcopy(stored)
    assert CHECKED.violation(shape.type, shape.revision, stored) is None
    revision, newest, payload, unreadable = CATALOG.read(shape.type, shape.revision, stored)
    assert unreadable is None
    assert payload is not None
    assert (revision, stored) == (type(payload).revision, before)
    assert CHECKED.violation(shape.type, revision, newest) is None
    assert CATALOG.read(shape.type, shape.revision, stored)[:3] == (revision, newest, payload)
