"""Patches of live queries: applied to the result before, they make the result."""

from __future__ import annotations

from typing import Any

import jsonpatch
import orjson
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.execution.live_query_messages import json_patch

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.text("ab/~", max_size=2)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~0", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)
ROWS = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 6), "title": st.text("ab", max_size=1)}), max_size=6
)


@given(st.tuples(JSON, JSON) | st.tuples(ROWS, ROWS))
def test_a_patch_applied_gives_the_same_as_the_full_result(values: tuple[Any, Any]) -> None:
    before, after = values
    patch = orjson.loads(orjson.dumps(json_patch(orjson.dumps(before), orjson.dumps(after))))
    patched, wanted = (
        orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        for value in (jsonpatch.apply_patch(before, patch), after)
    )
    assert patched == wanted
