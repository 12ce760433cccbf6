"""The fields of a root type, each with what declares it."""

from __future__ import annotations

from api.graphql.name_clashes import name_clash
from api.graphql.strawberry_internals import Field
from domain.kernel.names import client_name


class RootFields:
    """The fields of one root type, such as Query, by their names in the API."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._fields: dict[str, tuple[Field, object]] = {}

    @property
    def fields(self) -> list[Field]:
        """The fields, in the order in which they were added."""
        return [field for field, _ in self._fields.values()]

    def add(self, field: Field, source: object = None) -> None:
        """Add a field that a view or a command declares; without a `source` it is one that every API has.

        Raises DeclarationError if there is a field of this name.
        """
        name = field.graphql_name or client_name(field.python_name)
        first, declared = self._fields.setdefault(name, (field, source))
        if first is not field:
            raise name_clash(declared, source, f"the field {name} of {self._root}")
