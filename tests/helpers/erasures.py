"""Events with personal data of people, and the erasure of one of them."""

from __future__ import annotations

from domain.builtin.subjects.events import SubjectErased
from domain.kernel import Event
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from tests.helpers.note_rig import Rig
from tests.helpers.people import PersonRegistered, PersonRenamed, Remarked

MASTERS = MasterKeys(b"m" * 32)


def plain(subject: str) -> str:
    return f"<plain text of {subject}>"


async def erase(rig: Rig, subject: str, *, destroy: bool = True) -> int:
    """Record the erasure and return its position; without `destroy` the key is left."""
    receipt = await rig.append(f"subject-{subject}", SubjectErased(subject=subject))
    if destroy:
        await rig.log.keys.destroy([owner_of(rig.tenant, subject)])
    return receipt.position


def happened(kind: str, person: str, about: str) -> Event:
    match kind:
        case "registered":
            return PersonRegistered(city="Graz", name=plain(person))
        case "renamed":
            return PersonRenamed(name=plain(person))
        case "remarked":
            return Remarked(likes=1, own=plain(person), about_id=about, text=plain(about))
        case _:
            return Remarked(likes=1, about_id=about)
