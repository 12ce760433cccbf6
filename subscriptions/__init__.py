"""Who listens to the log: the feed, the wake-ups, durable consumers, the live hub."""
