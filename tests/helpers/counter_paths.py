"""The mark of tests that run with each way to take positions."""

from __future__ import annotations

import pytest

from tests.helpers.commits import HELD, RESERVED

BOTH_COUNTER_PATHS = pytest.mark.parametrize("counter", [RESERVED, HELD], ids=["reserved", "held"])
"""Runs tests of the log's contract with each way to take positions."""
