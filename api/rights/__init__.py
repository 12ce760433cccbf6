"""Rights of nerve's users in MongoDB: what each role may do, making the users, and checking them at start.

`api.cli` and `api.lifecycle` import it.
"""
