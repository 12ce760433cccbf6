"""The fields of a document whose reads are recorded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Any

from graphql import FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, visit

from api.access.read_audit import ReadAudit
from api.graphql.execution.executor import PreparedOperation
from domain.kernel import Scope
from domain.kernel.personal import holds_personal_data
from eventstore.lru import LruCache
from projections.kernel.view import View

EVENT_TYPES = frozenset(("Event", "Why", "PastState", "Change"))
"""Types whose values are events, or come from the events of one stream."""

CACHED_DOCUMENTS = 1_000


class AuditedReads:
    """Notes the operations that read rows which may hold personal data, or events.

    One instance is for one schema. Fields are found once for each document, in all of its operations.
    """

    def __init__(self, schema: GraphQLSchema, types: Collection[str], audit: ReadAudit) -> None:
        self._schema = schema
        self._types = types
        self._audit = audit
        self._found: LruCache[str, tuple[str, Sequence[str]]] = LruCache(CACHED_DOCUMENTS)

    def note(self, prepared: PreparedOperation, scope: Scope) -> None:
        """Note the operation if it reads any of these fields."""
        found = self._found.get(prepared.text)
        if found is None:
            found = sha256(prepared.text.encode()).hexdigest(), self._fields(prepared)
            self._found.put(prepared.text, found)
        document, fields = found
        if fields:
            self._audit.note(scope, prepared.operation_name, document, fields)

    def _fields(self, prepared: PreparedOperation) -> Sequence[str]:
        types = TypeInfo(self._schema)
        reader = _FieldReader(types, self._types)
        visit(prepared.document.node, TypeInfoVisitor(types, reader))
        return sorted(reader.fields)


class _FieldReader(Visitor):
    """Collects the selected fields of some types, as in ``Document.title``."""

    def __init__(self, types: TypeInfo, wanted: Collection[str]) -> None:
        super().__init__()
        self.fields: set[str] = set()
        self._types = types
        self._wanted = wanted

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Collect the field that is entered."""
        parent = self._types.get_parent_type()
        if parent is not None and get_named_type(parent).name in self._wanted:
            self.fields.add(f"{parent.name}.{node.name.value}")


def audited_types(views: Collection[View[Any]]) -> frozenset[str]:
    """Return the types whose reads are recorded: rows that may hold personal data, and events."""
    return EVENT_TYPES | {view.type_name for view in views if _may_hold_personal_data(view)}


def _may_hold_personal_data(view: View[Any]) -> bool:
    """Return whether rows may have personal fields of events, or what events of processes carry."""
    if view.personal_fields:
        return True
    return any(holds_personal_data(context.aggregate) for context in (view.context, *view.also_reads))
