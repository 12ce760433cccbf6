"""The people of the tests with unique names, which are personal, as a module that settings can list."""

from __future__ import annotations

from domain.kernel import Context, Unique
from tests.helpers.people import Person


def name(person: Person) -> str | None:
    """Return the name in the form in which names are compared."""
    return person.name and person.name.casefold()


context = Context("people", Person, unique=(Unique("name", of=name),))
