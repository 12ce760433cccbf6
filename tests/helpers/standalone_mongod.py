"""A mongod that is no replica set, as a foreign server may be."""

from __future__ import annotations

from api.devserver.embedded import LOOPBACK, Mongod


class StandaloneMongod(Mongod):
    """Runs without a replica set and without users."""

    @property
    def url(self) -> str:
        return f"mongodb://{self.address}/?directConnection=true"

    def _arguments(self) -> list[str]:
        options = {"--bind_ip": LOOPBACK, "--port": str(self.port), "--dbpath": str(self.folder)}
        arguments = [part for option in options.items() for part in option]
        return [*arguments, "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--quiet"]

    def _ready(self) -> bool:
        return self._listening()
