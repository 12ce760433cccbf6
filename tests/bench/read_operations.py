"""The queries over HTTP, with the variables of one request after another."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.data import STEPS, WITH_TASKS, WORKFLOWS, workflow_id
from tests.bench.load import post

Variables = Mapping[str, Any]
Cursor = Callable[[str], str]
"""Returns the cursor of the workflow with an id. Each server has its own form of cursors."""

SIZE = 20
SEED = 9

ROW = "id name status progress startedAt steps { name agentId completedAt }"
LIST = f"""query ($first: Int!, $after: String) {{
  workflows(first: $first, after: $after) {{ edges {{ node {{ {ROW} }} }} pageInfo {{ hasNextPage }} }}
}}"""
NESTED = """query ($first: Int!, $after: String) {
  workflows(first: $first, after: $after) {
    edges { node { id name tasks(first: 10) { nodes { id title agent { id name } } } } }
  }
}"""
ONE = f"query ($id: ID!) {{ workflow(id: $id) {{ {ROW} }} }}"


@dataclass(frozen=True, slots=True)
class ReadOperation:
    """A query with the variables of its requests, which depend on the cursors of the server.

    Each response contains the text `mark` `count` times.
    """

    text: str
    variables: Callable[[Cursor], Sequence[Variables]]
    mark: bytes
    count: int

    def requests(self, cursor: Cursor, token: str | None = None) -> Sequence[bytes]:
        """Return the HTTP requests to a server with these cursors, with a token if one is given."""
        all_variables = self.variables(cursor)
        return [post({"query": self.text, "variables": variables}, token) for variables in all_variables]

    def is_complete(self, body: bytes) -> bool:
        """Return whether a response has all rows that were asked for."""
        return body.count(self.mark) == self.count and b'"errors"' not in body


def _first_page(_cursor: Cursor) -> Sequence[Variables]:
    return [{"first": SIZE}]


def _pages(workflows: int) -> Callable[[Cursor], Sequence[Variables]]:
    """Pages that begin after each of the first workflows, in a mixed order."""

    def variables(cursor: Cursor) -> Sequence[Variables]:
        return [{"first": SIZE, "after": cursor(workflow)} for workflow in _mixed_ids(workflows - SIZE)]

    return variables


def _hundred_ids(_cursor: Cursor) -> Sequence[Variables]:
    return [{"id": workflow_id(number)} for number in range(0, 1_000, 10)]


def _all_ids(_cursor: Cursor) -> Sequence[Variables]:
    return [{"id": workflow} for workflow in _mixed_ids(WORKFLOWS)]


def _mixed_ids(workflows: int) -> Sequence[str]:
    ids = [workflow_id(number) for number in range(workflows)]
    random.Random(SEED).shuffle(ids)
    return ids


_PAGE = (b'"startedAt"', SIZE)
_WORKFLOW = (b'"startedAt"', 1)

SAME_PAGE = ReadOperation(LIST, _first_page, *_PAGE)
OTHER_PAGES = ReadOperation(LIST, _pages(WORKFLOWS), *_PAGE)
HUNDRED_IDS = ReadOperation(ONE, _hundred_ids, *_WORKFLOW)
OTHER_IDS = ReadOperation(ONE, _all_ids, *_WORKFLOW)
OTHER_LINKS = ReadOperation(NESTED, _pages(WITH_TASKS), b'"agent"', SIZE * STEPS)
