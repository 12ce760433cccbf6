"""Seals personal data under a key for each subject; erasing a subject destroys its key.

`eventstore` uses it to append and read. `api` uses the keys, and the others `erased_subjects`.
"""
