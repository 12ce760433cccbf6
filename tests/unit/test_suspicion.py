"""Suspicious activity of users: each rule at its boundary and just beyond it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.activity.aggregate import Activity
from domain.activity.alerting import policies
from domain.activity.commands import RecordFailedLogin, RecordLogin
from domain.activity.events import LoggedIn, LoggedOut, LoginFailed, SuspicionFound, SuspicionRule
from domain.activity.location import EARTH_RADIUS, Location, distance_km
from domain.activity.suspicion import (
    FAILED_LOGIN_WINDOW,
    FAILED_LOGINS,
    MAX_SESSIONS,
    MIN_LOGINS,
    REMEMBERED_LOGINS,
    is_impossible,
)
from domain.builtin.system.alerts.commands import RaiseAlert
from domain.kernel.severity import Severity
from domain.testing import NOON, given, given_policy
from domain.users.aggregate import User
from domain.users.events import UserCreated

ADA = "user-1"
BERLIN = Location(latitude=52.5, longitude=13.4)
NEW_YORK = Location(latitude=40.7, longitude=-74.0)
MS = timedelta(milliseconds=1)
FAILED = RecordFailedLogin(user_id=ADA)


def failures(*times: datetime) -> list[LoginFailed]:
    return [LoginFailed(user_id=ADA, at=time) for time in times]


def logins(count: int, at: datetime = NOON, location: Location | None = None) -> list[LoggedIn]:
    """Logins at one time, each in a session of its own."""
    return [LoggedIn(user_id=ADA, session=f"s{n}", at=at, location=location) for n in range(count)]


def login(session: str = "new", location: Location | None = None) -> RecordLogin:
    return RecordLogin(user_id=ADA, session=session, location=location)


def rules(events, command, at: datetime) -> list[SuspicionRule]:
    """Return the rules that find the command suspicious after these events."""
    scenario = given(Activity, *events).with_stream(ADA, User, UserCreated(name="Ada")).at(at)
    outcome = scenario.when(command)
    assert outcome.error is None
    return [event.rule for event in outcome.events if isinstance(event, SuspicionFound)]


@pytest.mark.parametrize(
    ("earlier", "after", "is_suspicious"),
    [
        (FAILED_LOGINS - 1, FAILED_LOGIN_WINDOW, True),
        (FAILED_LOGINS - 1, FAILED_LOGIN_WINDOW + MS, False),
        (FAILED_LOGINS - 2, MS, False),
    ],
)
def test_five_failed_logins_within_ten_minutes_are_suspicious(earlier, after, is_suspicious):
    before = failures(*[NOON] * earlier)
    expected = [SuspicionRule.FAILED_LOGINS] if is_suspicious else []
    assert rules(before, FAILED, NOON + after) == expected


def test_failed_logins_are_counted_anew_after_a_suspicion():
    found = SuspicionFound(user_id=ADA, rule=SuspicionRule.FAILED_LOGINS, reason="5 failed logins")
    before = [*failures(*[NOON] * FAILED_LOGINS), found, *failures(*[NOON] * (FAILED_LOGINS - 2))]
    assert rules(before, FAILED, NOON) == []
    assert rules([*before, *failures(NOON)], FAILED, NOON) == [SuspicionRule.FAILED_LOGINS]


def test_the_oldest_failures_leave_the_window():
    times = [NOON + timedelta(minutes=4 * n) for n in range(20)]
    assert rules(failures(*times), FAILED, times[-1] + timedelta(minutes=4)) == []
    close = [*times, *[times[-1] + timedelta(minutes=1)] * (FAILED_LOGINS - 2)]
    assert rules(failures(*close), FAILED, close[-1]) == [SuspicionRule.FAILED_LOGINS]


@pytest.mark.parametrize(
    ("kilometres", "duration", "expected"),
    [
        (1000.0, timedelta(hours=1), False),
        (1000.001, timedelta(hours=1), True),
        (1000.0, timedelta(hours=1) - MS, True),
        (100.0, timedelta(0), False),
        (100.001, timedelta(0), True),
    ],
)
def test_nobody_travels_faster_than_a_thousand_kilometres_an_hour(kilometres, duration, expected):
    assert is_impossible(kilometres, duration) is expected


def test_a_login_is_suspicious_where_the_user_cannot_be_yet():
    before = logins(1, location=BERLIN)
    hours = timedelta(hours=distance_km(BERLIN, NEW_YORK) / 1000)
    assert rules(before, login(location=NEW_YORK), NOON + hours + MS) == []
    assert rules(before, login(location=NEW_YORK), NOON + hours - MS) == [SuspicionRule.IMPOSSIBLE_TRAVEL]
    assert rules(before, login(location=BERLIN), NOON) == []


def test_a_login_without_a_location_does_not_end_the_journey():
    before = [*logins(1, location=BERLIN), LoggedIn(user_id=ADA, session="other", at=NOON)]
    assert rules(before, login(), NOON) == []
    assert rules(before, login(location=NEW_YORK), NOON) == [SuspicionRule.IMPOSSIBLE_TRAVEL]


def test_a_login_that_is_recorded_after_a_later_one_is_compared_too():
    before = logins(1, location=BERLIN)
    assert rules(before, login(location=NEW_YORK), NOON - MS) == [SuspicionRule.IMPOSSIBLE_TRAVEL]
    assert rules(before, login(location=NEW_YORK), NOON - timedelta(hours=24)) == []


@pytest.mark.parametrize(
    ("count", "hours_later", "is_suspicious"),
    [
        (MIN_LOGINS, 2, True),
        (MIN_LOGINS, 1, False),
        (MIN_LOGINS, -1, False),
        (MIN_LOGINS, -2, True),
        (MIN_LOGINS - 1, 12, False),
    ],
)
def test_an_hour_that_is_next_to_no_hour_of_an_earlier_login_is_suspicious(count, hours_later, is_suspicious):
    before = [*logins(count), *[LoggedOut(user_id=ADA, session=f"s{n}") for n in range(count)]]
    expected = [SuspicionRule.UNUSUAL_HOUR] if is_suspicious else []
    assert rules(before, login(), NOON + timedelta(hours=hours_later)) == expected


def test_the_hour_before_midnight_is_next_to_the_one_after_it():
    late = NOON + timedelta(hours=11, minutes=59)
    before = [*logins(MIN_LOGINS, at=late), *[LoggedOut(user_id=ADA, session=f"s{n}") for n in range(20)]]
    assert rules(before, login(), late + timedelta(minutes=2)) == []
    assert rules(before, login(), late + timedelta(hours=2)) == [SuspicionRule.UNUSUAL_HOUR]


@pytest.mark.parametrize(
    ("count", "is_suspicious"), [(REMEMBERED_LOGINS - 1, False), (REMEMBERED_LOGINS, True)]
)
def test_the_hours_of_the_latest_fifty_logins_are_usual(count, is_suspicious):
    night = NOON + timedelta(hours=12)
    before = [
        *logins(1, at=night),
        *logins(count),
        *[LoggedOut(user_id=ADA, session=f"s{n}") for n in range(count)],
    ]
    expected = [SuspicionRule.UNUSUAL_HOUR] if is_suspicious else []
    assert rules(before, login(), night) == expected


@pytest.mark.parametrize(
    ("open_before", "is_suspicious"),
    [(MAX_SESSIONS - 1, False), (MAX_SESSIONS, True), (MAX_SESSIONS + 1, False)],
)
def test_the_eleventh_open_session_is_suspicious(open_before, is_suspicious):
    """The twelfth raises no other suspicion, until sessions have ended and come again."""
    expected = [SuspicionRule.MANY_SESSIONS] if is_suspicious else []
    assert rules(logins(open_before), login(), NOON) == expected


def test_sessions_that_have_ended_do_not_count():
    before = [*logins(MAX_SESSIONS), LoggedOut(user_id=ADA, session="s0")]
    assert rules(before, login(), NOON) == []
    assert rules(before, login("s1"), NOON) == []


def test_a_location_is_kept_to_a_tenth_of_a_degree():
    scenario = given(Activity).with_stream(ADA, User, UserCreated(name="Ada"))
    place = Location(latitude=52.5163, longitude=-13.3777)
    logged_in, *_ = scenario.when(login(location=place)).events
    assert isinstance(logged_in, LoggedIn)
    assert logged_in.location == Location(latitude=52.5, longitude=-13.4)


def test_distances_are_those_of_great_circles():
    pole, equator = Location(latitude=90, longitude=0), Location(latitude=0, longitude=77)
    quarter = EARTH_RADIUS * 3.141592653589793 / 2
    assert distance_km(pole, equator) == pytest.approx(quarter)
    across = Location(latitude=0, longitude=-103)
    assert distance_km(equator, across) == pytest.approx(2 * quarter)
    assert distance_km(Location(latitude=0, longitude=179.5), Location(latitude=0, longitude=-179.5)) == (
        pytest.approx(quarter / 90)
    )
    assert distance_km(BERLIN, NEW_YORK) == pytest.approx(6385, abs=10)


PLACES = st.builds(
    Location,
    latitude=st.floats(-90, 90, allow_nan=False),
    longitude=st.floats(-180, 180, allow_nan=False),
)


@for_all(PLACES, PLACES, PLACES)
def test_a_detour_is_never_shorter(one, other, between):
    direct = distance_km(one, other)
    assert direct == pytest.approx(distance_km(other, one), abs=1e-6)
    assert direct <= distance_km(one, between) + distance_km(between, other) + 1e-3


def test_a_suspicion_raises_the_alert_of_its_user_and_rule():
    [policy] = policies
    found = SuspicionFound(user_id=ADA, rule=SuspicionRule.FAILED_LOGINS, reason="5 failed logins")
    given_policy(policy).when(found).then(
        RaiseAlert(
            key="failed_logins:user-1",
            severity=Severity.WARNING,
            category="security",
            message="user-1: 5 failed logins",
            details={"userId": ADA, "rule": "FAILED_LOGINS"},
        )
    )


@pytest.mark.parametrize("rule", SuspicionRule)
def test_the_longest_id_of_a_user_has_alerts_too(rule):
    [policy] = policies
    user = "user-" + "x" * 120
    [command] = given_policy(policy).when(SuspicionFound(user_id=user, rule=rule, reason="x")).commands
    assert isinstance(command, RaiseAlert)
    assert command.key.startswith(rule.lower())
