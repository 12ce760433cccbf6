"""Reasons for which a view does not reach a position. Pure."""

from __future__ import annotations

from enum import Enum


class Obstacle(Enum):
    """The reason for which a view does not reach a position, as far as its workers have reported it."""

    NO_WORKER = "no worker is keeping it up to date; start one with `nerve worker`"
    REBUILDING = "its rows stand still until new code has rebuilt them; `nerve views` shows the progress"
    HELD = "its rows stand still, and the rebuilt ones are held until `nerve views switch` approves of them"
    BLOCKED = "a call that does not return blocks its worker; `nerve views` shows which"
    FAILING = "its worker fails again and again; `nerve views` shows the error"
    BEHIND = "its worker is behind; try again shortly"
