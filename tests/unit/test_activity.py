"""The rules of the activity of users, and the views of it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from domain.activity.aggregate import MAX_KEPT_SESSIONS, Activity
from domain.activity.commands import RecordAction, RecordFailedLogin, RecordLogin, RecordLogout
from domain.activity.events import (
    ActionTaken,
    ActiveDayBegun,
    LoggedIn,
    LoggedOut,
    LoginFailed,
    SuspicionFound,
    SuspicionRule,
)
from domain.testing import NOON, given
from domain.users.aggregate import User
from domain.users.events import UserCreated
from projections.testing import History
from projections.views import activity_days, user_activities
from projections.views.user_activities import COUNTED_ACTIONS, RECENT_DAYS, counted
from projections.views.user_sessions import view

ADA, EVE = "user-1", "user-2"
STREAM, OTHER = "activity-user-1", "activity-user-2"
LOGGED_IN = LoggedIn(user_id=ADA, session="s1", address="192.0.2.1", user_agent="Firefox", at=NOON)
LOGGED_OUT = LoggedOut(user_id=ADA, session="s1")
EXPORTED = ActionTaken(user_id=ADA, session="s1", action="export")
TODAY = ActiveDayBegun(user_id=ADA, day="2024-05-17")


def activity(*events):
    return given(Activity, *events).with_stream(ADA, User, UserCreated(email="ada@example.org", name="Ada"))


def test_a_login_opens_a_session_and_a_logout_ends_it_once():
    login = RecordLogin(user_id=ADA, session="s1", address="192.0.2.1", user_agent="Firefox")
    activity().when(login).then(LOGGED_IN, TODAY)
    activity(LOGGED_IN).when(login).then_nothing()
    activity(LOGGED_IN).when(RecordLogout(user_id=ADA, session="s1")).then(LOGGED_OUT)
    activity(LOGGED_IN, LOGGED_OUT).when(RecordLogout(user_id=ADA, session="s1")).then_nothing()


def test_an_action_needs_an_open_session():
    action = RecordAction(user_id=ADA, session="s1", action="export")
    activity(LOGGED_IN, TODAY).when(action).then(EXPORTED)
    for events in ((), (LOGGED_IN, LOGGED_OUT)):
        activity(*events).when(action).then_refused(containing="has no open session 's1'")


def test_a_failed_login_opens_no_session():
    failed = LoginFailed(user_id=ADA, address="192.0.2.9", at=NOON)
    activity().when(RecordFailedLogin(user_id=ADA, address="192.0.2.9")).then(failed)
    assert Activity().evolve(failed).sessions == ()


def test_a_day_of_a_user_begins_with_the_first_login_or_action_in_utc():
    action = RecordAction(user_id=ADA, session="s1", action="export")
    midnight = NOON + timedelta(hours=12)
    before = activity(LOGGED_IN, TODAY)
    before.at(midnight - timedelta(milliseconds=1)).when(action).then(EXPORTED)
    tomorrow = ActiveDayBegun(user_id=ADA, day="2024-05-18")
    before.at(midnight).when(action).then(EXPORTED, tomorrow)
    activity(LOGGED_IN, TODAY, tomorrow).at(NOON).when(action).then(EXPORTED)


def test_events_of_earlier_releases_are_no_login_that_rules_compare_with():
    """They have no time."""
    old = (LoggedIn(user_id=ADA, session="s1"), LoginFailed(user_id=ADA))
    assert Activity().evolve_all(old) == Activity(sessions=("s1",))


def test_the_oldest_of_too_many_sessions_is_not_open_any_more():
    logins = [LoggedIn(user_id=ADA, session=f"s{number}") for number in range(MAX_KEPT_SESSIONS + 1)]
    sessions = Activity().evolve_all(logins).sessions
    assert (len(sessions), sessions[0]) == (MAX_KEPT_SESSIONS, "s1")


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


def test_the_view_shows_the_behaviour_of_a_user():
    later = NOON + timedelta(days=1, hours=1)
    viewed = ActionTaken(user_id=ADA, session="s1", action="view")
    history = History().add(STREAM, LOGGED_IN, TODAY).add(STREAM, viewed).add(STREAM, EXPORTED)
    history.add(
        STREAM,
        LoginFailed(user_id=ADA),
        SuspicionFound(user_id=ADA, rule=SuspicionRule.FAILED_LOGINS, reason="x"),
    )
    history.add(STREAM, EXPORTED, ActiveDayBegun(user_id=ADA, day="2024-05-18"), at=later)
    history.add(STREAM, LOGGED_OUT, at=later)
    [row] = history.rows(user_activities.view).values()
    assert (row["id"], row["user_id"], row["last_seen"]) == (ADA, ADA, later)
    assert (row["logins"], row["failed_logins"], row["suspicions"]) == (1, 1, 1)
    assert (row["actions"], row["active_days"], row["actions_a_day"]) == (3, 2, 1.5)
    assert row["recent_days"] == [
        {"day": "2024-05-17", "actions": 2},
        {"day": "2024-05-18", "actions": 1},
    ]
    assert row["most_used"] == [{"action": "export", "count": 2}, {"action": "view", "count": 1}]


def test_the_view_has_the_last_thirty_days_with_actions():
    history = History()
    for day in range(RECENT_DAYS + 1):
        history.add(STREAM, EXPORTED, at=NOON + timedelta(days=day))
    [row] = history.rows(user_activities.view).values()
    assert len(row["recent_days"]) == RECENT_DAYS
    assert (row["recent_days"][0]["day"], row["actions_a_day"]) == ("2024-05-18", None)


@settings(max_examples=25, deadline=None)
@for_all(st.lists(st.integers(0, COUNTED_ACTIONS * 2), max_size=COUNTED_ACTIONS))
def test_the_counts_of_actions_are_bounded_and_never_too_low(later):
    """And their total is that of all actions, so that a count is too high by the rarest at most."""
    counts: list[user_activities.ActionCount] = []
    actions = [*range(COUNTED_ACTIONS), *later]
    for action in actions:
        counts = counted(counts, str(action))
    totals = Counter(map(str, actions))
    assert len(counts) == min(len(totals), COUNTED_ACTIONS)
    assert sum(each["count"] for each in counts) == len(actions)
    excess = counts[-1]["count"] if len(totals) > COUNTED_ACTIONS else 0
    assert all(0 <= each["count"] - totals[each["action"]] <= excess for each in counts)


def test_the_view_has_the_totals_of_all_users_on_each_day():
    tomorrow = NOON + timedelta(days=1)
    history = History().add(STREAM, LOGGED_IN, TODAY).add(STREAM, EXPORTED).add(STREAM, LOGGED_OUT)
    history.add(OTHER, LoggedIn(user_id=EVE, session="s2"), ActiveDayBegun(user_id=EVE, day="2024-05-17"))
    found = SuspicionFound(user_id=EVE, rule=SuspicionRule.MANY_SESSIONS, reason="11 sessions are open")
    history.add(OTHER, LoginFailed(user_id=EVE), found, at=tomorrow)
    nothing = {"active_users": 0, "logins": 0, "failed_logins": 0, "actions": 0, "suspicions": 0}
    assert history.rows(activity_days.view) == {
        "2024-05-17": {
            "id": "2024-05-17", "day": "2024-05-17", **nothing, "active_users": 2, "logins": 2, "actions": 1,
        },
        "2024-05-18": {
            "id": "2024-05-18", "day": "2024-05-18", **nothing, "failed_logins": 1, "suspicions": 1,
        },
    }  # fmt: skip
