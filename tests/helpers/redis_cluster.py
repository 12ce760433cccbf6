"""A Redis Cluster on loopback: three nodes that hold the slots between them, without replicas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redis import Connection

from api.devserver.embedded import LOOPBACK, RedisServer, free_port
from tests.helpers.servers import eventually

SLOTS = 16_384
NODES = 3
SECRET = "shared-by-all-nodes"


class ClusterNode(RedisServer):
    """A redis-server that is part of a cluster, and serves its slots also while others are down."""

    def __init__(self, folder: Path, secret: str) -> None:
        super().__init__(folder, secret=secret)
        self.bus_port = free_port()

    def _arguments(self) -> list[str]:
        options = {
            "--cluster-enabled": "yes",
            "--cluster-port": str(self.bus_port),
            "--cluster-require-full-coverage": "no",
        }
        return [*super()._arguments(), *(part for option in options.items() for part in option)]

    def ask(self, *command: str | int) -> Any:
        """The answer to one command, as it comes."""
        connection = Connection(port=self.port, password=self.secret, decode_responses=True)
        try:
            connection.send_command(*command)
            return connection.read_response()
        finally:
            connection.disconnect()


class RedisCluster:
    """Three nodes in one cluster."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [ClusterNode(folder / str(number), SECRET) for number in range(NODES)]

    @property
    def url(self) -> str:
        return self.nodes[0].url

    def start(self) -> None:
        """Start the nodes, and wait until each of them knows who holds which slots."""
        for node in self.nodes:
            node.start()
        bounds = [number * SLOTS // NODES for number in range(NODES + 1)]
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "MEET", LOOPBACK, self.nodes[0].port, self.nodes[0].bus_port)
        eventually(lambda: all(self._complete(node) for node in self.nodes))

    def kill(self) -> None:
        for node in self.nodes:
            if node.child is not None:
                node.kill()

    def listeners(self, channel: str) -> list[int]:
        """How many are subscribed to the channel at each node."""
        return [node.ask("PUBSUB", "SHARDNUMSUB", channel)[1] for node in self.nodes]

    def move(self, channel: str, to: ClusterNode) -> None:
        """Let another node hold the channel's slot."""
        slot, holder = to.ask("CLUSTER", "KEYSLOT", channel), to.ask("CLUSTER", "MYID")
        for node in [to, *(node for node in self.nodes if node is not to)]:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", holder)

    def _complete(self, node: ClusterNode) -> bool:
        said = node.ask("CLUSTER", "INFO")
        return "cluster_state:ok" in said and f"cluster_known_nodes:{NODES}" in said and f":{SLOTS}\r" in said
