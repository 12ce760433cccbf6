"""Unique values: a command claims those that its events lead to, before the events are stored. Pure.

The log is the truth: a claim counts only while its stream has the value, or while an append that leads to the
value may still be stored. docs/unique-values.md has the protocol and the reasons why it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from domain.dispatch.digest import value_digest
from domain.dispatch.ports import AggregateStore, Claim, ClaimStore, IdSource
from domain.kernel.aggregate import Aggregate
from domain.kernel.catalog import Catalog
from domain.kernel.context import Context
from domain.kernel.context_calls import call_unique
from domain.kernel.errors import NerveError, Unavailable
from domain.kernel.unique_errors import ValueTaken


@dataclass(frozen=True, slots=True)
class ClaimedValues:
    """The claims of one decision under its `token`, and the claims on the values that it gives up."""

    token: str
    taken: tuple[Claim, ...]
    given_up: tuple[Claim, ...]


class UniqueValues:
    """Claims the unique values of the streams of one catalog's contexts."""

    def __init__(
        self,
        catalog: Catalog,
        aggregates: AggregateStore,
        claims: ClaimStore,
        ids: IdSource,
        digest_key: bytes,
    ) -> None:
        self._contexts = {context.category: context for context in catalog.contexts if context.unique}
        self._aggregates = aggregates
        self._claims = claims
        self._ids = ids
        self._digest_key = digest_key

    @property
    def contexts(self) -> Mapping[str, Context]:
        """The contexts with unique values, by category."""
        return self._contexts

    async def claim(
        self, tenant: str, stream: str, before: Aggregate[Any, Any], after: Aggregate[Any, Any]
    ) -> ClaimedValues | None:
        """Claim the unique values that `after` has and `before` has not; None where there is no change.

        Raises ValueTaken if another stream has such a value, and Unavailable.
        """
        if after.category not in self._contexts:
            return None
        token = self._ids("claim")
        old = self._wanted(tenant, stream, before, token)
        new = self._wanted(tenant, stream, after, token)
        taken = [claim for key, claim in new.items() if key not in old]
        given_up = [claim for key, claim in old.items() if key not in new]
        if not taken and not given_up:
            return None
        done: list[Claim] = []
        try:
            for claim in taken:
                await self._take(claim)
                done.append(claim)
        except NerveError:
            with suppress(Unavailable):
                await self._give_back(done)
            raise
        return ClaimedValues(token, tuple(taken), tuple(given_up))

    async def settle(self, claimed: ClaimedValues, *, stored: bool) -> None:
        """Release what a decision's claims do not need any more, once it is known whether it is `stored`.

        A claim that remains, because MongoDB did not answer, is replaced by the next command that wants it.
        """
        with suppress(Unavailable):
            if not stored:
                await self._give_back(claimed.taken)
                return
            for given_up in claimed.given_up:
                claim = await self._claims.find(given_up.key)
                if claim is not None and claim.stream == given_up.stream:
                    await self.release_if_unused(claim)

    async def release_if_unused(self, claim: Claim) -> bool:
        """Release a stored claim if its stream does not have the value and no append can lead to it."""
        is_settled = await self._claims.is_settled(claim)
        if not is_settled or await self._is_used(claim):
            return False
        return await self._claims.remove(claim)

    async def reclaim(self, tenant: str, stream: str, token: str) -> list[ValueTaken]:
        """Claim the values that a stored stream has; return an error for each that another stream has too."""
        context = self._contexts[stream.partition("-")[0]]
        loaded = await self._aggregates.load(tenant, stream, context.aggregate, fresh=True)
        taken = []
        for claim in self._wanted(tenant, stream, loaded.state, token).values():
            try:
                await self._take(claim)
            except ValueTaken as error:
                taken.append(error)
        return taken

    async def _take(self, wanted: Claim) -> None:
        while True:
            claim = await self._claims.take(wanted)
            if claim.stream == wanted.stream:
                return
            # In this order: a state that is read after all appends have an outcome is the last one.
            is_settled = await self._claims.is_settled(claim)
            if await self._is_used(claim):
                raise ValueTaken(claim.category, claim.field)
            if not is_settled:
                await self._claims.settle(claim)
            elif await self._claims.replace(claim, wanted):
                return

    async def _is_used(self, claim: Claim) -> bool:
        """Return whether the stream of a claim has the value."""
        kind = self._contexts[claim.category].aggregate
        loaded = await self._aggregates.load(claim.tenant, claim.stream, kind, fresh=True)
        return claim.key in self._wanted(claim.tenant, claim.stream, loaded.state, "")

    async def _give_back(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            await self._claims.give_back(claim)

    def _wanted(
        self, tenant: str, stream: str, state: Aggregate[Any, Any], token: str
    ) -> dict[tuple[str, ...], Claim]:
        """Return a claim on each unique value of a state, by key, in the order of their declaration."""
        claims = {}
        for unique in self._contexts[state.category].unique:
            value = call_unique(unique.of, unique.field, state)
            if value is not None:
                digest = value_digest(self._digest_key, tenant, state.category, unique.field, value)
                claim = Claim(tenant, state.category, unique.field, digest.hex(), stream, (token,))
                claims[claim.key] = claim
        return claims
