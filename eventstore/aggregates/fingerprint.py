"""What code an aggregate's state is made by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pydantic

from domain.kernel import Aggregate, Context
from eventstore.fingerprint import code_fingerprint, modules_of


def fingerprint(aggregate: type[Aggregate[Any, Any]], contexts: Iterable[Context]) -> str:
    """The fingerprint of the aggregate and of the contexts of its category.

    pydantic counts by its version, since it reads the states.
    """
    own = [context for context in contexts if context.category == aggregate.category]
    made = f"{aggregate.__module__}.{aggregate.__qualname__} {pydantic.VERSION}"
    return code_fingerprint(made, modules_of(own, aggregate))
