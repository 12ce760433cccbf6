"""What a view declares: one read collection, as a pure fold over events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from domain.kernel import Context, RecordedEvent
from domain.kernel.access import Access, nobody
from domain.kernel.personal import may_hold_personal_data
from domain.kernel.types.annotations import RecordOf, record_type
from projections.kernel.keys import by_stream
from projections.kernel.links import Link
from projections.kernel.view_checks import (
    check_access_rules,
    check_contexts,
    check_fields,
    check_functions,
    check_indexes,
    check_links,
    check_names,
    check_row,
)

R = TypeVar("R", bound=Mapping[str, Any])

Key = Callable[[RecordedEvent], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class View(Generic[R]):
    """One read collection, declared as a pure fold over events.

    `row` is a TypedDict whose fields are those of the GraphQL type; ``id`` is one of them. `apply` returns
    the row after an event, and None removes it. `key` returns the ids of the rows that an event concerns;
    without it there is one row for each stream. Both functions are pure and read the events of `context` and
    of the contexts in `also_reads`.
    `name` names the collection and the list query (``tasks``), `singular` the query of one row (``task``),
    in lower case with underscores; without them the view has the context's name and category. The GraphQL
    type is `singular` in capitals (``TaskDay`` for ``task_day``).
    `filters` and `orders` name the row fields that a query may filter and sort by, each with an index of its
    own. `indexes` are those over several of them, ``-`` before one that descends: first the fields that are
    compared for equality, then one that is sorted by or compared with a range. `search` names the fields in
    which a query may look for words. `links` are the rows of other views that belong to a row. `defaults`
    are values of fields that stored rows lack, as they lack a new field until a rebuild ends; a field without
    one cannot be read until then. `description` is the type's text in the API. `access` is the rule of who
    may read a row, by the caller and the row's fields; `field_access` has the rules of fields that fewer
    callers may read, by roles alone. `personal` names the fields that may have personal data of the events;
    without it, these are all fields except ``id`` if an event of the contexts has any or may carry any. A
    change of these alone starts no rebuild.
    Raises DeclarationError if they do not fit together.
    """

    context: Context
    row: type[R]
    apply: Callable[[str, R | None, RecordedEvent], R | None]
    key: Key = by_stream
    name: str = ""
    singular: str = ""
    also_reads: tuple[Context, ...] = ()
    filters: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    search: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    description: str = ""
    access: Access = nobody
    field_access: Mapping[str, Access] = field(default_factory=dict, hash=False)
    personal: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_contexts(self.name, self.context, self.also_reads)
        object.__setattr__(self, "name", self.name or self.context.name)
        object.__setattr__(self, "singular", self.singular or self.context.category)
        name, row = self.name, self.row
        check_names(name, self.singular)
        check_functions(name, self.key, self.apply)
        check_row(name, row)
        check_fields(
            name,
            row,
            filters=self.filters,
            orders=self.orders,
            search=self.search,
            defaults=self.defaults,
            personal=() if self.personal is None else self.personal,
        )
        check_indexes(name, self.indexes, (*self.filters, *self.orders))
        check_links(name, self.links)
        check_access_rules(name, row, self.access, self.field_access)

    @property
    def record(self) -> RecordOf:
        """The declared types of the row's fields. Raises DeclarationError for one that cannot be stored."""
        row: Any = self.row
        return record_type(row)

    @property
    def personal_fields(self) -> tuple[str, ...]:
        """The fields of the rows that may have personal data."""
        if self.personal is not None:
            return self.personal
        contexts = (self.context, *self.also_reads)
        if not any(may_hold_personal_data(context.aggregate) for context in contexts):
            return ()
        return tuple(name for name in self.row.__annotations__ if name != "id")

    @property
    def categories(self) -> frozenset[str]:
        """The categories whose events the fold sees."""
        return frozenset(context.category for context in (self.context, *self.also_reads))

    @property
    def is_entity(self) -> bool:
        """Whether its rows are the entities of its context, with the ids of their streams."""
        return self.singular.replace("_", "") == self.context.category

    @property
    def type_name(self) -> str:
        return _capitals(self.singular)

    @property
    def list_type_name(self) -> str:
        """What the GraphQL types about many rows begin with."""
        return _capitals(self.name)


def _capitals(name: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in name.split("_"))
