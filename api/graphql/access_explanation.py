"""Explains what of a document a caller is allowed: each field, with the rule and the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    parse,
    validate,
    visit,
)

from api.access.callers import Caller
from api.access.policy import (
    command_permission,
    deployment_permission,
    event_permissions,
    operation_permission,
    view_permission,
)
from api.access.rule_text import permission_text, rule_text
from api.access.visibility import Visibilities
from api.graphql.fields.view_status import rebuild_fields
from api.graphql.schema import build_schema
from api.process_operator import OPERABLE
from domain.kernel import Catalog
from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT, METRICS, OPERATOR, Permission, bind, role
from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from projections.kernel.view import View

FieldName = tuple[str, str]
"""The names of a type and of one of its fields."""


NO_RULE = "—"


class Verdict(StrEnum):
    """What a caller may see of a field.

    ALLOWED: all of it. FILTERED: what its rule allows. HIDDEN: nothing, as if the field did not exist.
    """

    ALLOWED = "allowed"
    FILTERED = "filtered"
    HIDDEN = "hidden"


class FieldExplanation(NamedTuple):
    """A field of a document, by its path, with the rule that decides about it."""

    path: str
    verdict: Verdict
    rule: str
    reason: str


class _Guard(NamedTuple):
    """The rule of a field as declared, and what it allows the caller."""

    rule: str
    permission: Permission


class AccessExplainer:
    """Explains documents for one caller."""

    def __init__(self, catalog: Catalog, views: Sequence[View[Any]], caller: Caller) -> None:
        visibilities = Visibilities(catalog, views)
        self._caller = caller
        self._full = build_schema(catalog, views)
        self._visible = build_schema(catalog, views, visibilities.of(caller))
        self._events = event_permissions(catalog.events.values(), caller)
        self._guards: Mapping[FieldName, _Guard] = {
            **dict(_view_guards(views, caller)),
            **dict(_command_guards(catalog, caller)),
            **dict(_operation_guards(caller)),
        }

    def explain(self, text: str) -> list[FieldExplanation]:
        """Return the explanation of each field; raises ValidationFailed for a document that is not valid."""
        try:
            document = parse(text)
        except Exception as error:
            raise ValidationFailed(f"the document cannot be read: {error}") from None
        if errors := validate(self._full, document):
            raise ValidationFailed(f"the document is not valid: {errors[0].message}")
        explanations: dict[str, FieldExplanation] = {}
        for path, owner, name in _fields(document, self._full):
            above = explanations.get(path.rpartition(".")[0])
            if above is not None and above.verdict is Verdict.HIDDEN:
                reason = "it is part of a field that is hidden"
                explanations[path] = FieldExplanation(path, Verdict.HIDDEN, NO_RULE, reason)
            else:
                explanations[path] = self._explain(path, owner, name)
        return list(explanations.values())

    def _explain(self, path: str, owner: str, name: str) -> FieldExplanation:
        guard = self._guards.get((owner, name))
        rule = guard.rule if guard else NO_RULE
        declared = self._visible.type_map.get(owner)
        if not name.startswith("__") and name not in getattr(declared, "fields", ()):
            return FieldExplanation(path, Verdict.HIDDEN, rule, self._hiding_reason(guard, owner))
        if ADMINISTRATOR in self._caller.roles:
            return FieldExplanation(path, Verdict.ALLOWED, rule, "administrators may see and do everything")
        if name in ("events", "node") and self._events is not None:
            count = len(self._events.types)
            reason = f"each event by the rule of its type; {count} types exist for the caller"
            return FieldExplanation(path, Verdict.FILTERED, rule, reason)
        if guard is None:
            return FieldExplanation(path, Verdict.ALLOWED, rule, "it has no rule besides those above it")
        verdict = Verdict.ALLOWED if guard.permission.is_unconditional else Verdict.FILTERED
        return FieldExplanation(path, verdict, rule, f"the rule allows {permission_text(guard.permission)}")

    def _hiding_reason(self, guard: _Guard | None, owner: str) -> str:
        if guard is None:
            return f"{owner} shows nothing else that the caller may see"
        if not guard.permission.is_denied:
            return f"{owner} is hidden"
        if self._caller.commands is not None and owner == "Mutation":
            return "the API key is for other commands"
        return "the rule allows this caller nothing"


def _fields(document: DocumentNode, schema: GraphQLSchema) -> Iterator[tuple[str, str, str]]:
    """Yield each field of the document: its path, the name of its type, and its own."""
    info = TypeInfo(schema)
    places: list[tuple[str, str, str]] = []
    path: list[str] = []

    class Fields(Visitor):
        def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
            path[:] = [f"...{node.name.value}"]

        def leave_fragment_definition(self, _node: FragmentDefinitionNode, *_: Any) -> None:
            path.clear()

        def enter_field(self, node: FieldNode, *_: Any) -> None:
            path.append(node.name.value)
            owner = info.get_parent_type()
            places.append((".".join(path), "" if owner is None else owner.name, node.name.value))

        def leave_field(self, _node: FieldNode, *_: Any) -> None:
            path.pop()

    visit(document, TypeInfoVisitor(info, Fields()))
    yield from places


def _view_guards(views: Sequence[View[Any]], caller: Caller) -> Iterator[tuple[FieldName, _Guard]]:
    guards = {view.name: _Guard(rule_text(view.access), view_permission(view, caller)) for view in views}
    for view in views:
        guard, singular = guards[view.name], client_name(view.singular)
        for name in (singular, client_name(view.name), f"{singular}History", f"{singular}Why"):
            yield ("Query", name), guard
            yield ("Subscription", name), guard
        for field, access in view.field_access.items():
            yield (view.type_name, client_name(field)), _Guard(rule_text(access), bind(access, caller))
        for link in view.links:
            yield (view.type_name, client_name(link.name)), guards[link.to]


def _command_guards(catalog: Catalog, caller: Caller) -> Iterator[tuple[FieldName, _Guard]]:
    for command in dict.fromkeys(command for context in catalog.contexts for command in context.commands):
        guard = _Guard(rule_text(command.access), command_permission(command, caller))
        name = command.__name__
        yield ("Mutation", name[0].lower() + name[1:]), guard
        if command in OPERABLE:
            yield ("Mutation", f"{name.removesuffix('Process').lower()}Processes"), guard


def _operation_guards(caller: Caller) -> Iterator[tuple[FieldName, _Guard]]:
    operation = _Guard(rule_text(role(OPERATOR)), operation_permission(caller))
    for field in (
        ("Query", "trace"),
        ("Subscription", "trace"),
        ("Query", "deadLetter"),
        ("Query", "deadLetters"),
    ):
        yield field, operation
    deployment = _Guard(rule_text(role(DEPLOYMENT)), deployment_permission(caller))
    yield ("Query", "deploymentStatus"), deployment
    for name, rule in (
        ("contexts", role(OPERATOR, DEPLOYMENT)),
        ("recentMetrics", role(METRICS, DEPLOYMENT)),
    ):
        yield ("Query", name), _Guard(rule_text(rule), bind(rule, caller))
    for root, rebuild in rebuild_fields():
        yield (root, client_name(rebuild.python_name)), deployment
