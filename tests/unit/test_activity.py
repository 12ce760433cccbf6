"""The rules of the activity of users, and the view of their sessions."""

from __future__ import annotations

from domain.activity.aggregate import MOST_SESSIONS, Activity
from domain.activity.commands import RecordAction, RecordFailedLogin, RecordLogin, RecordLogout
from domain.activity.events import ActionTaken, LoggedIn, LoggedOut, LoginFailed
from domain.testing import given
from domain.users.aggregate import User
from domain.users.events import UserCreated
from projections.testing import History
from projections.views.user_sessions import view

ADA = "user-1"
STREAM = "activity-user-1"
LOGGED_IN = LoggedIn(user_id=ADA, session="s1", address="192.0.2.1", user_agent="Firefox")
LOGGED_OUT = LoggedOut(user_id=ADA, session="s1")


def activity(*events):
    return given(Activity, *events).with_stream(ADA, User, UserCreated(email="ada@example.org", name="Ada"))


def test_a_login_opens_a_session_and_a_logout_ends_it_once():
    login = RecordLogin(user_id=ADA, session="s1", address="192.0.2.1", user_agent="Firefox")
    activity().when(login).then(LOGGED_IN)
    activity(LOGGED_IN).when(login).then_nothing()
    activity(LOGGED_IN).when(RecordLogout(user_id=ADA, session="s1")).then(LOGGED_OUT)
    activity(LOGGED_IN, LOGGED_OUT).when(RecordLogout(user_id=ADA, session="s1")).then_nothing()


def test_an_action_needs_an_open_session():
    action = RecordAction(user_id=ADA, session="s1", action="export")
    activity(LOGGED_IN).when(action).then(ActionTaken(user_id=ADA, session="s1", action="export"))
    for events in ((), (LOGGED_IN, LOGGED_OUT)):
        activity(*events).when(action).then_refused(containing="has no open session 's1'")


def test_a_failed_login_opens_no_session():
    failed = LoginFailed(user_id=ADA, address="192.0.2.9")
    activity().when(RecordFailedLogin(user_id=ADA, address="192.0.2.9")).then(failed)
    assert Activity().evolve(failed) == Activity()


def test_the_oldest_of_too_many_sessions_is_not_open_any_more():
    logins = [LoggedIn(user_id=ADA, session=f"s{number}") for number in range(MOST_SESSIONS + 1)]
    sessions = Activity().evolve_all(logins).sessions
    assert (len(sessions), sessions[0]) == (MOST_SESSIONS, "s1")


def test_the_view_has_a_row_for_each_session():
    done = ActionTaken(user_id=ADA, session="s1", action="export")
    history = History().add(STREAM, LOGGED_IN).add(STREAM, done).add(STREAM, done)
    history.add(STREAM, LoginFailed(user_id=ADA)).add(STREAM, LoggedIn(user_id=ADA, session="s2"))
    rows = history.add(STREAM, LOGGED_OUT).rows(view)
    assert {key: (row["actions"], row["ended_at"] is None) for key, row in rows.items()} == {
        "user-1/s1": (2, False),
        "user-1/s2": (0, True),
    }
    assert rows["user-1/s1"]["last_seen"] == rows["user-1/s1"]["ended_at"]
