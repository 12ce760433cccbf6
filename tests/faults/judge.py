"""The judgement: what writers were told and what readers saw, held against the log as it is in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from domain.kernel import Commit, CommitInfo
from tests.faults.journal import Entry, Sent
from tests.faults.reader import digest

WRONGS = ("lost", "doubled", "torn", "reordered", "holes", "changed")
"""All that must not happen, by the names of the fields that count it."""

TOLD = 20
"""Wrongs that are told one by one, at most; the rest is counted."""


@dataclass
class Verdict:
    """What came of a load: commands sent, acknowledged and refused, and the wrongs that were found.

    `lost`: acknowledged and not there. `doubled`: a command or a version that is there twice. `torn`: a
    commit that is not what was sent, or that nobody sent. `reordered`: versions of a stream, or what a reader
    saw, out of order, or a commit without the one that it builds on. `holes`: positions with nothing, in the
    log or in what a reader saw. `changed`: what a client received or saw is otherwise in the log. `receipts`:
    the moments at which commands were acknowledged, in order, in seconds of the monotonic clock.

    `backdated` counts commits whose record time lies before that of the one before. It is a wrong only where
    no failover took the counter of positions back.
    """

    commands: int = 0
    acknowledged: int = 0
    refused: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    reordered: int = 0
    holes: int = 0
    changed: int = 0
    backdated: int = 0
    receipts: list[float] = field(default_factory=list, repr=False)
    told: list[str] = field(default_factory=list)

    @property
    def outage(self) -> float:
        """Seconds without a receipt, at the longest."""
        return max((later - earlier for earlier, later in pairwise(self.receipts)), default=0.0)

    @property
    def wrongs(self) -> dict[str, int]:
        """Those that happened, and how often."""
        return {name: count for name in WRONGS if (count := getattr(self, name))}

    def blame(self, wrong: str, what: str, count: int = 1) -> None:
        setattr(self, wrong, getattr(self, wrong) + count)
        if len(self.told) < TOLD:
            self.told.append(f"{wrong}: {what}")


@dataclass(frozen=True)
class Landed:
    """Where a command's commit is."""

    position: int
    commit: Commit
    info: CommitInfo

    @property
    def receipt(self) -> tuple[str, int, int]:
        return self.info.stream, self.commit.events[-1].version, self.position


def judge(
    log: Sequence[Commit], head: int, writers: Iterable[Iterable[Entry]], readers: Iterable[Iterable[Entry]]
) -> Verdict:
    """Check the log, read whole by a new reader up to `head`, against the journals of writers and readers."""
    verdict = Verdict()
    landed = _landed(log, verdict)
    _check_log(log, head, verdict)
    told = sorted((entry for journal in writers for entry in journal), key=lambda entry: entry.at)
    _check_sent(landed, [Sent(*entry.what) for entry in told if entry.kind == "sent"], verdict)
    _check_told(landed, told, verdict)
    digests = {commit.position: digest(commit) for commit in log}
    for journal in readers:
        _check_seen(digests, journal, verdict)
    return verdict


def _landed(log: Sequence[Commit], verdict: Verdict) -> dict[str, Landed]:
    landed: dict[str, Landed] = {}
    for commit in log:
        if commit.info is not None:
            command = commit.info.command_id
            if command in landed:
                places = f"{landed[command].position} and {commit.position}"
                verdict.blame("doubled", f"command {command} at positions {places}")
            landed[command] = Landed(commit.position, commit, commit.info)
    return landed


def _check_log(log: Sequence[Commit], head: int, verdict: Verdict) -> None:
    """Positions without a hole, and each stream's versions from 1 on, each once and in order."""
    if missing := head - len({commit.position for commit in log}):
        verdict.blame("holes", f"{missing} of the {head} positions cannot be read", missing)
    times = [commit.info.at for commit in log if commit.info is not None]
    verdict.backdated = sum(later < earlier for earlier, later in pairwise(times))
    versions: dict[str, list[int]] = defaultdict(list)
    for commit in log:
        if commit.info is not None:
            versions[commit.info.stream] += (event.version for event in commit.events)
    for stream, found in versions.items():
        if repeated := len(found) - len(set(found)):
            verdict.blame("doubled", f"{repeated} versions of {stream}", repeated)
        elif found != list(range(1, len(found) + 1)):
            verdict.blame("reordered", f"the versions of {stream} are {found}")


def _check_sent(landed: Mapping[str, Landed], sent: Sequence[Sent], verdict: Verdict) -> None:
    """Each commit is whole and as it was sent, and behind the one that it builds on."""
    by_command = {one.command: one for one in sent}
    verdict.commands = len(by_command)
    for command, there in landed.items():
        one = by_command.get(command)
        if one is None:
            verdict.blame("torn", f"nobody sent the command {command} at position {there.position}")
            continue
        texts = [(event.version, event.data["text"]) for event in there.commit.events]
        whole = [(one.expected + 1 + place, f"{command} {place} {one.size}") for place in range(one.size)]
        if texts != whole or there.info.stream != one.stream:
            verdict.blame("torn", f"position {there.position} holds {texts}, and sent was {whole}")
        if one.follows is not None:
            base = landed.get(one.follows)
            if base is None or base.position >= there.position or base.receipt[1] != one.expected:
                verdict.blame("reordered", f"{command} landed, and not on {one.follows} that it builds on")


def _check_told(landed: Mapping[str, Landed], told: Sequence[Entry], verdict: Verdict) -> None:
    """Every receipt holds, the first and the repeated ones; what was refused is not there."""
    acknowledged: set[str] = set()
    refused: set[str] = set()
    moments: list[float] = []
    for entry in told:
        command, *what = entry.what
        if entry.kind == "stored":
            acknowledged.add(command)
            moments.append(entry.at)
            if command not in landed:
                verdict.blame("lost", f"command {command}, acknowledged at position {what[-1]}")
            elif landed[command].receipt != tuple(what):
                verdict.blame("changed", f"the receipt {what} of {command} is {landed[command].receipt}")
        elif entry.kind == "refused":
            refused.add(command)
            if command in landed:
                verdict.blame("changed", f"command {command} was refused, and landed")
    verdict.acknowledged, verdict.refused = len(acknowledged), len(refused)
    verdict.receipts = moments


def _check_seen(digests: Mapping[int, str], journal: Iterable[Entry], verdict: Verdict) -> None:
    """One reader saw each position after the one before, and what it saw there is there still."""
    before: int | None = None
    for entry in journal:
        position, seen = entry.what
        if before is not None and position <= before:
            verdict.blame("reordered", f"a reader saw position {position} after {before}")
        elif before is not None and position > before + 1:
            missed = position - before - 1
            verdict.blame("holes", f"a reader saw position {position} after {before}", missed)
        if digests.get(position) != seen:
            verdict.blame("changed", f"a reader saw something else at position {position}")
        before = position
