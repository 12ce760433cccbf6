"""The fingerprint of the code that an aggregate's states are made by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pydantic

from domain.kernel import Aggregate, Context
from eventstore.fingerprint import code_fingerprint, modules_of


def state_fingerprint(aggregate: type[Aggregate[Any, Any]], contexts: Iterable[Context]) -> str:
    """Return the fingerprint of the aggregate and of those contexts that have its category.

    It includes the version of pydantic, which decodes the states of snapshots.
    """
    own = [context for context in contexts if context.category == aggregate.category]
    subject = f"{aggregate.__module__}.{aggregate.__qualname__} {pydantic.VERSION}"
    return code_fingerprint(subject, modules_of(own, aggregate))
