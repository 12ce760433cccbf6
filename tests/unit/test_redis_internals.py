"""The undocumented parts of redis-py that nerve uses are as it expects them."""

from __future__ import annotations

import inspect

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import NodesManager

from subscriptions.feed.redis_internals import ping_nodes


async def test_a_cluster_can_be_asked_again_for_its_slots() -> None:
    cluster = RedisCluster.from_url("redis://127.0.0.1:1/")
    assert isinstance(cluster.nodes_manager, NodesManager)
    assert inspect.iscoroutinefunction(NodesManager.initialize)
    assert not [
        name
        for name, parameter in inspect.signature(cluster.nodes_manager.initialize).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ], "no argument is required"


async def test_a_sharded_subscription_has_one_subscription_for_each_node() -> None:
    subscription = RedisCluster.from_url("redis://127.0.0.1:1/").pubsub()
    assert subscription.node_pubsub_mapping == {}
    await ping_nodes(subscription)
