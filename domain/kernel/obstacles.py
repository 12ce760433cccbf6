"""Why a wait for a view may fail."""

from __future__ import annotations

from enum import Enum


class Obstacle(Enum):
    """What keeps a view from having a position, as far as this can be seen from outside its workers."""

    NO_WORKER = "no worker is keeping it up to date; start one with `nerve worker`"
    REBUILDING = "its rows stand still until new code has rebuilt them; `nerve views` says how far that is"
    HELD = "its rows stand still, and the rebuilt ones are held until `nerve views switch` approves of them"
    FAILING = "its worker cannot go on; `nerve views` says at what it fails"
    BEHIND = "its worker is behind; try again shortly"
