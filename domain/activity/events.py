"""Events of the activity of users. Address and user agent are personal data of the user."""

from __future__ import annotations

from typing import Annotated

from domain.kernel import Event, Identifier, Personal
from domain.kernel.access import role


class LoggedIn(Event, type="activity.logged_in"):
    """A user signed in, and a session began."""

    access = role("user_manager")

    user_id: Identifier
    session: str
    address: Annotated[str | None, Personal("user_id")] = None
    user_agent: Annotated[str | None, Personal("user_id")] = None


class LoginFailed(Event, type="activity.login_failed"):
    """Somebody failed to sign in as a user."""

    access = role("user_manager")

    user_id: Identifier
    address: Annotated[str | None, Personal("user_id")] = None
    user_agent: Annotated[str | None, Personal("user_id")] = None


class ActionTaken(Event, type="activity.action_taken"):
    """A user did something in a session."""

    access = role("user_manager")

    user_id: Identifier
    session: str
    action: str


class LoggedOut(Event, type="activity.logged_out"):
    """A session ended."""

    access = role("user_manager")

    user_id: Identifier
    session: str
