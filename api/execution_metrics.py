"""The metrics of the execution of operations, for Prometheus."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter


class CoreReason(StrEnum):
    """Why graphql-core executes an operation, which compiled code would execute faster.

    CONDITION: the variable of a ``@skip`` or ``@include`` is null. INTROSPECTION: the schema is read.
    RESOLVER: the resolver of a selected field is not compiled. SIZE: the fragments expand to too many fields
    for the size of the document. VALUE: an error occurred, or a value does not fit its type.
    """

    CONDITION = "condition"
    INTROSPECTION = "introspection"
    RESOLVER = "resolver"
    SIZE = "size"
    VALUE = "value"


class ExecutionMetrics:
    """Counts the queries and mutations that were executed, and those that graphql-core had to execute."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._all = Counter(
            "nerve_executions", "Queries and mutations that were executed.", registry=registry
        )
        by_core = Counter(
            "nerve_core_executions",
            "Queries and mutations that graphql-core executed, by the reason why compiled code did not.",
            ["reason"],
            registry=registry,
        )
        self._by_core = {reason: by_core.labels(reason.value) for reason in CoreReason}

    def count(self) -> None:
        """Count an execution."""
        self._all.inc()

    def count_core(self, reason: CoreReason) -> None:
        """Count an execution that graphql-core takes over."""
        self._by_core[reason].inc()
