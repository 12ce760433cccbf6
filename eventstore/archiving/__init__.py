"""Old commits in compressed segments, outside the database."""
