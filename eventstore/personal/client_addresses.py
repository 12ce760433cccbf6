"""The network addresses of clients, which are personal data of the actors of commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.dispatch.ports import NewCommit
from domain.kernel import CommitInfo
from domain.kernel.personal import actor_subject
from eventstore.personal.sealing import binding, seal, unseal
from eventstore.personal.subject_keys import SubjectKey, SubjectKeys, owner_of


def client_to_seal(commit: NewCommit) -> str | None:
    """Return the address to store with a commit; None without an actor, with whom it could be erased."""
    return None if commit.actor is None else commit.client


def client_owner(tenant: str, actor: str | None) -> str:
    """Return the owner of the key under which the addresses of an actor are sealed."""
    return owner_of(tenant, actor_subject(actor or ""))


def seal_client(commit: NewCommit, keys: Mapping[str, SubjectKey]) -> bytes | None:
    """Return the sealed address of a commit's client; None if there is none, or its actor was erased.

    Unlike an event, a commit is complete without it, so it is stored.
    """
    client, key = client_to_seal(commit), keys.get(client_owner(commit.tenant, commit.actor))
    if client is None or not isinstance(key, AESGCM):
        return None
    return seal(key, client.encode(), _about(commit.tenant, commit.command_id))


async def open_clients(keys: SubjectKeys, commits: Sequence[CommitInfo]) -> list[str | None]:
    """Return the client's address of each commit; None where it has none, or its actor was erased.

    Raises Unavailable where MongoDB does not answer.
    """
    owners = {client_owner(commit.tenant, commit.actor) for commit in commits if commit.client is not None}
    found = await keys.find(owners) if owners else {}
    return [_opened(commit, found) for commit in commits]


def _opened(commit: CommitInfo, keys: Mapping[str, SubjectKey]) -> str | None:
    key = keys.get(client_owner(commit.tenant, commit.actor))
    if commit.client is None or not isinstance(key, AESGCM):
        return None
    try:
        return unseal(key, commit.client, _about(commit.tenant, commit.command_id)).decode()
    except InvalidTag:
        return None


def _about(tenant: str, command_id: str) -> bytes:
    return binding("client", tenant, command_id)
