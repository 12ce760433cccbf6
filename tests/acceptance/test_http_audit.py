"""GraphQL over HTTP as others see it: the server audits of the npm package graphql-http."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.acceptance.clients.programs import PACKAGE, node_with_clients
from tests.helpers.served_api import Served

pytestmark = pytest.mark.node

AUDITS = 61
"""How many there are in the version that is locked."""


def test_every_audit_passes_and_none_with_a_warning(served: Served) -> None:
    command = [node_with_clients(), str(PACKAGE / "audit.mjs"), f"http://127.0.0.1:{served.port}/graphql"]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout
    audits = [json.loads(line) for line in printed.splitlines()]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == AUDITS
