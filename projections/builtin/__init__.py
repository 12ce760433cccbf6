"""Views of built-in contexts and of the instances of registered processes. Pure folds.

They import `domain` and `projections.kernel`; only `api` imports them.
"""
