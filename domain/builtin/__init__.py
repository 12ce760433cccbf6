"""The contexts that nerve itself needs: subjects, whose personal data can be erased, and dead letters.

They import the kernel alone. `eventstore`, `projections` and `api` may import them.
"""
