"""The query `costCurrency`: in which currency the costs of the runs of agents are."""

from __future__ import annotations

from api.graphql.declare import output_field
from api.graphql.execution.request_context import Info
from api.graphql.strawberry_internals import Field


def cost_currency_field() -> Field:
    """Return ``costCurrency``."""
    return output_field(
        "cost_currency",
        str | None,
        "The currency of the costs of runs, as its code of ISO 4217; null if the settings do not name it.",
        resolver=_resolve,
    )


def _resolve(_root: object, info: Info) -> str | None:
    settings = info.context.runtime.settings.agent_runs
    return None if settings is None else settings.currency
