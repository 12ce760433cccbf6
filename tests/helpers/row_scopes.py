"""Scopes of rows for tests that read rows of one tenant without a rule."""

from __future__ import annotations

from projections.querying.row_scope import RowScope

ALL_ROWS = RowScope("default")
"""All rows of the tenant of most tests."""
