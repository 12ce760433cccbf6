"""The views of the example contexts and of erased subjects, one file for each. Pure folds.

A view file imports its context, `domain.kernel` and `projections.kernel`; nothing imports it but by settings.
"""
