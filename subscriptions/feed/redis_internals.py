"""The parts of redis-py that its documentation does not promise, in this one module.

`tests/unit/test_redis_internals.py` fails if a release changes them.
"""

from __future__ import annotations

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterPubSub


async def refresh_slots(cluster: RedisCluster) -> None:
    """Ask the cluster which node holds which slots by now."""
    await cluster.initialize()
    await cluster.nodes_manager.initialize()


async def ping_nodes(subscription: ClusterPubSub) -> None:
    """Ping each node that a sharded subscription is connected to; `ClusterPubSub.ping` has no such form."""
    for node in list(subscription.node_pubsub_mapping.values()):
        await node.ping()
