"""What happens to subjects."""

from __future__ import annotations

from domain.kernel import Event
from domain.kernel.fields import Identifier


class SubjectErased(Event, type="subject.erased"):
    """The key of all personal data of `subject` is destroyed: it reads null everywhere from here on."""

    subject: Identifier
    reason: str | None = None
