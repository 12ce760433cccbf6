"""How far consumers are behind the log, by the beats of workers. Times are in seconds on one clock.

A beat has the position of a consumer as a worker has just read it; see `subscriptions.feed.wakeups`. So no
process has to ask MongoDB for these figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CONSUMER_PREFIXES = ("view.", "process.", "policy.", "redis.")
"""What the names of consumers begin with whose lag is kept for each."""

WEBHOOK_PREFIX = "webhook."
"""What the names of the consumers of webhooks begin with."""

WEBHOOKS = "webhooks"
"""Stands for all webhooks together: there may be many, and the one that is most behind counts."""

REMOVED_AFTER = 3600.0
"""Seconds without a beat, while others beat, after which a consumer counts as removed."""

MAX_CONSUMERS = 1_000
"""Consumers of each kind that are kept. Anybody may write to the channel."""


@dataclass(slots=True)
class _Progress:
    """The position of a consumer, and its lag at the time of the beat."""

    position: int
    lag: int
    at: float


class ConsumerProgress:
    """The end of the log and the positions of consumers, as beats have announced them.

    `silence` is the number of seconds without a beat after which a consumer counts as one that nobody works
    on.
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._consumers: dict[str, _Progress] = {}
        self._webhooks: dict[str, _Progress] = {}
        self.head = 0
        """The highest position of the log that was announced; 0 if none was."""

    def reach(self, head: int) -> None:
        """Take a position that the log has reached."""
        self.head = max(head, self.head)

    def beat(self, consumer: str, position: int, at: float) -> None:
        """Take the position of a consumer; a name that is none of a consumer is ignored."""
        is_webhook = consumer.startswith(WEBHOOK_PREFIX)
        if not is_webhook and not consumer.startswith(CONSUMER_PREFIXES):
            return
        consumers = self._webhooks if is_webhook else self._consumers
        if consumer in consumers or len(consumers) < MAX_CONSUMERS:
            consumers[consumer] = _Progress(position, max(0, self.head - position), at)

    def lags(self, at: float, *, is_connected: bool) -> dict[str, int]:
        """Return the lag of each consumer, in positions, and of the webhook that is most behind.

        While Redis is connected, a consumer without beats has no worker: it stays where it was, and its lag
        grows with the log. While it is not, nothing is known of a consumer, which is left out. So is one that
        has been silent for `REMOVED_AFTER` while others were not: no worker has it any more.
        """
        self._forget_removed()
        lags = dict(self._consumer_lags(at, is_connected))
        for name in [name for name, webhook in self._webhooks.items() if self._is_silent(webhook, at)]:
            # It was paused or deleted, or has no worker, which the other consumers show.
            del self._webhooks[name]
        if self._webhooks:
            lags[WEBHOOKS] = max(webhook.lag for webhook in self._webhooks.values())
        return lags

    def _forget_removed(self) -> None:
        latest = max((consumer.at for consumer in self._consumers.values()), default=0.0)
        self._consumers = {
            name: consumer
            for name, consumer in self._consumers.items()
            if latest - consumer.at <= REMOVED_AFTER
        }

    def _consumer_lags(self, at: float, is_connected: bool) -> Iterator[tuple[str, int]]:
        for name, consumer in self._consumers.items():
            if not self._is_silent(consumer, at):
                yield name, consumer.lag
            elif is_connected:
                yield name, max(0, self.head - consumer.position)

    def _is_silent(self, progress: _Progress, at: float) -> bool:
        return at - progress.at > self._silence
