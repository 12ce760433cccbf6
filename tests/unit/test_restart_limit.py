"""`nerve dev` gives up on a server that ends too often, and counts each server by itself."""

from __future__ import annotations

from api.devserver.supervisor import MAX_RESTARTS, RESTART_PERIOD, RestartLimit


def test_the_restarts_of_one_server_do_not_count_for_another() -> None:
    limit = RestartLimit()
    for second in range(MAX_RESTARTS):
        assert limit.admit("mongod", second)
        assert limit.admit("redis-server", second)
    assert not limit.admit("mongod", MAX_RESTARTS)
    assert limit.admit("mongod", MAX_RESTARTS + 2 * RESTART_PERIOD)
