"""The names in the code of a new context, all made of the one that its author chose."""

from __future__ import annotations

import re
from keyword import iskeyword

from domain.kernel.errors import ConfigurationError

MAX_LENGTH = 28
"""So that no line of the code of a context is too long."""

IMPORTED = frozenset(
    (
        "Aggregate", "ChangeCommand", "Context", "CreateCommand", "Event", "Facts", "History", "Name",
        "RecordedEvent", "Row", "TypedDict", "View",
    )
)  # fmt: skip
"""Classes that the code of a context imports, and its row."""

_NAME = re.compile(r"[a-z]+(_[a-z]+)*")


class ContextNames:
    """Names of a context by its package's name, which may be singular or plural: ``ledger``, ``orders``.

    Raises ConfigurationError for a name that no package and no category can have.
    """

    def __init__(self, package: str) -> None:
        if iskeyword(package):
            raise ConfigurationError(f"{package} is a word of Python; choose another name for the context")
        if not _NAME.fullmatch(package) or len(package) > MAX_LENGTH:
            raise ConfigurationError(
                f"{package!r} cannot be the name of a context: write at most {MAX_LENGTH} lower-case "
                "letters, with '_' between words, as in purchase_order"
            )
        self.package = package
        self.singular = _singular(package)
        self.plural = package if package != self.singular else _plural(package)
        self.category = self.singular.replace("_", "")
        self.event_prefix = self.singular.replace("_", "-")
        self.words = self.singular.replace("_", " ")
        self.article = "an" if self.words[0] in "aeiou" else "a"
        self.plural_words = self.plural.replace("_", " ")
        self.class_name = "".join(word.capitalize() for word in self.singular.split("_"))
        if clashes := sorted(IMPORTED & set(self.classes)):
            raise ConfigurationError(
                f"{package!r} cannot be the name of a context: its code would have two classes of the name "
                f"{clashes[0]}; choose another name"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the context's code defines."""
        prefixed = (f"{prefix}{self.class_name}" for prefix in ("Create", "Rename", ""))
        suffixes = ("Created", "Renamed", "Command", "Event")
        return (*prefixed, *(f"{self.class_name}{suffix}" for suffix in suffixes))

    @property
    def mutations(self) -> tuple[str, str]:
        """The GraphQL mutations of the context."""
        return f"create{self.class_name}", f"rename{self.class_name}"

    @property
    def queries(self) -> tuple[str, str]:
        """The GraphQL queries of its view: of one row and of all."""
        return _camel(self.singular), _camel(self.plural)


def _singular(noun: str) -> str:
    """Return the singular of an English noun by its ending; the noun itself if it is no plural."""
    if noun.endswith("ies") and len(noun) > len("ties"):
        return noun.removesuffix("ies") + "y"
    if noun.endswith(("sses", "shes", "ches", "xes")):
        return noun.removesuffix("es")
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and len(noun) > 1:
        return noun.removesuffix("s")
    return noun


def _plural(noun: str) -> str:
    if noun.endswith(("s", "sh", "ch", "x")):
        return f"{noun}es"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return noun.removesuffix("y") + "ies"
    return f"{noun}s"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
