"""A simple model of the log: the commits that were sent, their outcomes, and what must then be stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from domain.dispatch.ports import NewCommit
from domain.kernel import Commit, CommitInfo, Receipt
from domain.kernel.errors import ConcurrencyConflict


@dataclass(eq=False)
class Attempt:
    """One append and its outcome; None where the process was killed before."""

    commit: NewCommit
    outcome: Receipt | BaseException | None = None

    @property
    def version(self) -> int:
        """Where it leads."""
        return self.commit.expected + len(self.commit.events)


@dataclass
class Model:
    """Everything that was sent to one tenant's streams."""

    attempts: list[Attempt] = field(default_factory=list)

    def send(self, commit: NewCommit) -> Attempt:
        self.attempts.append(Attempt(commit))
        return self.attempts[-1]

    def version(self, stream: str) -> int:
        """The version of the stream by the receipts so far."""
        receipts = [one.outcome for one in self.attempts if isinstance(one.outcome, Receipt)]
        return max((receipt.version for receipt in receipts if receipt.stream == stream), default=0)

    def receipt(self, command_id: str) -> Receipt | None:
        """The first receipt of the command."""
        for one in self.attempts:
            if (
                isinstance(one.outcome, Receipt)
                and one.outcome.command_id == command_id
                and not one.outcome.replayed
            ):
                return one.outcome
        return None

    def check(self, log: Sequence[Commit]) -> None:
        """Hold all of it against the tenant's commits in the log, in order."""
        found = [(commit, commit.info) for commit in log if commit.info is not None]
        landed = {info.command_id: commit for commit, info in found}
        assert len(landed) == len(found), "a command is there twice"
        _check_versions(found)
        for commit, info in found:
            self._check_sent(commit, info, landed)
        for attempt in self.attempts:
            self._check_outcome(attempt, landed.get(attempt.commit.command_id))

    def _check_sent(self, commit: Commit, info: CommitInfo, landed: dict[str, Commit]) -> None:
        """It is what somebody sent, whole, and stands on what it was decided on."""
        runs = [one.commit for one in self.attempts if is_same(one.commit, commit)]
        assert runs, "nobody sent it"
        sent = runs[0]
        assert [event.id for event in commit.events] == [new.id for new in sent.events], "torn"
        assert (info.stream, info.command_id) == (sent.stream, sent.command_id)
        assert commit.events[0].version == sent.expected + 1
        if all(run.predecessor is not None for run in runs):
            assert sent.predecessor is not None
            base = landed.get(sent.predecessor)
            assert base is not None, "what it builds on is not there"
            assert base.events[-1].version == sent.expected
            assert base.position < commit.position

    def _check_outcome(self, attempt: Attempt, commit: Commit | None) -> None:
        """The outcome of the append agrees with the log."""
        outcome, stored = attempt.outcome, commit is not None and is_same(attempt.commit, commit)
        if isinstance(outcome, Receipt) and not outcome.changed:
            assert commit is None, "the receipt says that nothing changes, and a commit is stored"
            assert self._records(outcome) == {(outcome.stream, outcome.version, outcome.position)}, (
                "two records of one id"
            )
            assert outcome.replayed or not attempt.commit.events
        elif isinstance(outcome, Receipt):
            assert commit is not None, "acknowledged, and lost"
            assert commit.info is not None
            there = (commit.info.stream, commit.events[-1].version, commit.position)
            assert (outcome.stream, outcome.version, outcome.position) == there
            assert outcome.replayed != stored
        elif isinstance(outcome, ConcurrencyConflict):
            # Sent again, the same commit may find later what it missed at first.
            assert not stored or self._sent(attempt.commit) > 1, "refused, and stored"

    def _records(self, outcome: Receipt) -> set[tuple[str, int, int]]:
        """The stored records of a command that changed nothing, by its receipt."""
        receipts = [one.outcome for one in self.attempts if isinstance(one.outcome, Receipt)]
        return {
            (one.stream, one.version, one.position)
            for one in receipts
            if one.command_id == outcome.command_id
        }

    def _sent(self, commit: NewCommit) -> int:
        """How often this very commit was sent."""
        return sum(_first(one.commit) == _first(commit) for one in self.attempts)


def _first(commit: NewCommit) -> str | None:
    """What distinguishes it from other runs of its command."""
    return commit.events[0].id if commit.events else commit.run


def is_same(new: NewCommit, commit: Commit) -> bool:
    """Whether it is this very commit that is there, not another run of its command."""
    return commit.events[0].id == _first(new)


def _check_versions(found: Iterable[tuple[Commit, CommitInfo]]) -> None:
    """In the order of positions each stream's versions are 1, 2, 3, …"""
    versions: dict[str, int] = {}
    for commit, info in found:
        for event in commit.events:
            assert event.version == versions.get(info.stream, 0) + 1, (
                "a version is missing, doubled or too early"
            )
            versions[info.stream] = event.version
