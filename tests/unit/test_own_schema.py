"""The schema of nerve's own contexts, as the repository has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from tests.helpers.own_contexts import OWN

API = Path(__file__).parents[2] / "api"


def test_nothing_in_the_api_is_written_for_one_context() -> None:
    contexts = ("agents", "tasks", "workflows")
    names = [f"{folder}.{context}" for folder in ("domain", "projections") for context in contexts]
    for source in [*API.glob("*.py"), *API.glob("graphql/*.py"), *API.glob("transports/*.py")]:
        imported = {line for line in source.read_text().splitlines() if line.startswith(("from ", "import "))}
        if source.name != "demo.py":
            assert not [line for line in imported for name in names if name in line], source


def test_the_printed_schema_is_the_one_in_the_repository() -> None:
    assert (API / "schema.graphql").read_text() == print_api(*OWN), (
        "the schema has changed: look at the difference, then run `nerve schema print > api/schema.graphql`"
    )


@pytest.mark.parametrize("module", ["projections.nowhere", "projections.kernel.view"])
def test_a_module_that_holds_no_view_is_named(module: str) -> None:
    with pytest.raises(ConfigurationError, match=module):
        load_contexts(Settings(contexts=(module,)))
