"""Tokens and places that all processes of a deployment share, kept in Redis."""

from __future__ import annotations

from typing import Any, NamedTuple

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from subscriptions.feed.redis_clients import open_redis, unavailable_if_down

TIMEOUT = 0.25
"""Seconds within which Redis must answer; requests wait for it."""

_TOKENS = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'time')
local tokens = burst
if state[1] then
  tokens = math.min(burst, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * rate)
end
local granted = math.min(wanted, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', tokens - granted, 'time', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
local delay = 0
if granted < 1 then delay = (1 - tokens) / rate end
return {granted, tostring(delay)}
"""
"""Takes as many of the wanted tokens as there are; returns them, and the seconds until there is one."""

_PLACES = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local process, wanted, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lifetime = tonumber(ARGV[4])
local others = 0
local fields = redis.call('HGETALL', KEYS[1])
for index = 1, #fields, 2 do
  local count, expiry = string.match(fields[index + 1], '(%d+) (%d+)')
  if tonumber(expiry) <= now then
    redis.call('HDEL', KEYS[1], fields[index])
  elseif fields[index] ~= process then
    others = others + tonumber(count)
  end
end
local granted = math.max(0, math.min(wanted, limit - others))
if granted > 0 then
  redis.call('HSET', KEYS[1], process, string.format('%d %d', granted, now + lifetime))
  redis.call('PEXPIRE', KEYS[1], lifetime)
else
  redis.call('HDEL', KEYS[1], process)
end
return granted
"""
"""Sets how many places the process has, as far as the others leave some; returns how many it has now."""


class TokenGrant(NamedTuple):
    """Tokens that were granted; where there was none, `delay` are the seconds until there is one."""

    tokens: int
    delay: float


class SharedCounts:
    """Counts in Redis. Its methods raise Unavailable where Redis does not answer in time."""

    def __init__(self, url: str, database: str, process: str, *, cluster: bool = False) -> None:
        kind = RedisCluster if cluster else Redis
        self._redis: Any = open_redis(kind, url, TIMEOUT, retry=Retry(NoBackoff(), 0))
        self._prefix = f"nerve:{database}:limits"
        self._process = process

    async def take_tokens(self, key: str, rate: float, burst: float, wanted: int) -> TokenGrant:
        """Take up to `wanted` tokens of the key, which come back at `rate` a second, up to `burst`."""
        with unavailable_if_down():
            granted, delay = await self._redis.eval(
                _TOKENS, 1, f"{self._prefix}:rate:{key}", rate, burst, wanted
            )
        return TokenGrant(int(granted), float(delay))

    async def set_places(self, key: str, wanted: int, limit: int, lifetime: float) -> int:
        """Hold `wanted` of the key's `limit` places for `lifetime` seconds; return how many are granted.

        What this process held before is replaced. The places of a process that was killed are free again
        when their lifetime ends.
        """
        milliseconds = int(lifetime * 1_000)
        with unavailable_if_down():
            granted = await self._redis.eval(
                _PLACES, 1, f"{self._prefix}:places:{key}", self._process, wanted, limit, milliseconds
            )
        return int(granted)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
