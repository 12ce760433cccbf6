"""Moves old commits to compressed segments outside the database, and reads them from there.

`eventstore.log` imports the reading side; `api` and `subscriptions` run the archiver.
"""
