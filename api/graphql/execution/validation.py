"""Validates documents in a way that other requests do not notice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, ValidationContext, validate

from api.limits.time_slices import give_way

MAX_ERRORS = 10
"""Errors of a document that are reported. The path of each is searched in the whole document."""

Rules = Sequence[type[ASTValidationRule]]


class _GiveWay(ASTValidationRule):
    """Checks nothing: it is called at each node, so that validation gives way to other requests."""

    def enter(self, *_: object) -> None:
        give_way()


def validate_in_slices(
    schema: GraphQLSchema, document: DocumentNode, rules: Rules, *, hide_suggestions: bool
) -> list[GraphQLError]:
    """Return what `validate` returns, and leave no cycles behind that refer to the document.

    The visitors of graphql-core refer to each other in cycles. Without their references to it, the memory of
    a document is free when the document is dropped, without a run of the collector, which takes long.
    """
    visitors: list[ASTValidationRule] = []
    every_rule: list[type[ASTValidationRule]] = [_GiveWay, *rules]

    def keep(rule: type[ASTValidationRule]) -> Any:
        def make(context: ValidationContext) -> ASTValidationRule:
            visitors.append(rule(context))
            return visitors[-1]

        return make

    try:
        return validate(
            schema,
            document,
            [keep(rule) for rule in every_rule],
            MAX_ERRORS,
            hide_suggestions=hide_suggestions,
        )
    finally:
        for visitor in visitors:
            vars(visitor).clear()
