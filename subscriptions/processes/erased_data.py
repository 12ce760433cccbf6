"""Effects with personal data: they do not run after its erasure, and what is stored of them contains none."""

from __future__ import annotations

from domain.kernel.errors import NerveError
from domain.kernel.event import Event
from domain.kernel.personal import carried_subjects
from domain.process.events import PERSONAL_DATA_ERASED
from domain.process.personal_values import lost_subjects

WITHHELD = "the message is not kept, because the effect has personal data"
"""Stands for a message that may repeat personal data."""


class PersonalDataErased(NerveError):
    """Personal data that an effect needs was erased before the effect had an outcome."""

    code = PERSONAL_DATA_ERASED


def check_personal_data(event: Event) -> None:
    """Raise PersonalDataErased if personal data in the input of a requested effect was erased."""
    subjects = lost_subjects(event, "input")
    if subjects:
        raise PersonalDataErased(f"the personal data of {', '.join(subjects)} that it needs was erased")


def storable_message(event: Event, error: Exception) -> str:
    """Return the message of an error of a requested effect, as it may be stored outside its encrypted fields.

    Its text comes from the receiver of the effect, and may repeat what was sent.
    """
    if isinstance(error, PersonalDataErased) or not carried_subjects(event):
        return str(error)
    return WITHHELD
