"""Publishing the log to other systems: by webhooks, and to Redis Streams that services read in groups.

It imports the consumers and what is below them; only `api` imports it.
"""
