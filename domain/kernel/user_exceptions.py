"""The exceptions of user code that nerve catches. Pure."""

from __future__ import annotations

FAULTS = (Exception, SystemExit)
"""Exceptions of user code that must not end the process. SystemExit is one: it is meant for programs."""

CALL_FAULTS = BaseException
"""Exceptions of a function of user code that nerve calls: any, for it is pure and does not wait.

A Ctrl-C does not come as a KeyboardInterrupt here: asyncio turns it into the end of the main task.
"""
