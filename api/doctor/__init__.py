"""Checks of a deployment behind `nerve doctor`: what is wrong or weak, and what to do about it.

`api.cli` imports it.
"""
