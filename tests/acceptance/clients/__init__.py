"""Clients from outside: a follower of a subscription for each, and a proxy that cuts them off."""
