"""Alerts that nerve raises about itself, and resolves when their cause is gone.

`api.lifecycle` starts it in workers.
"""
