"""The rights of nerve's users in MongoDB: the roles, creating the users, and checking their rights at start.

`api.cli` and `api.lifecycle` import it.
"""
