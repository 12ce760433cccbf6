"""Views that nerve itself adds, over the events that it defines for registered contexts. Pure folds.

They import `domain.process`, `domain.kernel` and `projections.kernel`; only `api` imports them.
"""
