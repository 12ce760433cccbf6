"""Views that nerve itself adds: API keys, and the instances of registered processes. Pure folds.

They import `domain` and `projections.kernel`; only `api` imports them.
"""
