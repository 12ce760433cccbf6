"""The rules of users, and their view."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from domain.testing import given
from domain.users.aggregate import User, normalised_email
from domain.users.commands import CreateUser, DeactivateUser, DeleteUser, ReactivateUser, UpdateUser
from domain.users.erasure import policies
from domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from projections.testing import History
from projections.views.users import view

ID = "user-1"
CREATED = UserCreated(email="Ada@example.org", name="Ada")


def test_a_user_is_created_and_changed_in_what_is_given():
    given(User).when(CreateUser(email="Ada@example.org", name="Ada")).then(CREATED)
    given(User, CREATED).when(UpdateUser(id=ID, name="Eve")).then(UserUpdated(name="Eve"))
    given(User, CREATED).when(UpdateUser(id=ID, email="Ada@example.org", name="Ada")).then_nothing()


def test_a_user_is_deactivated_and_reactivated_once():
    inactive = UserDeactivated(reason="left")
    given(User, CREATED).when(DeactivateUser(id=ID, reason="left")).then(inactive)
    given(User, CREATED, inactive).when(DeactivateUser(id=ID)).then_nothing()
    given(User, CREATED, inactive).when(ReactivateUser(id=ID)).then(UserReactivated())
    given(User, CREATED).when(ReactivateUser(id=ID)).then_nothing()


def test_a_deleted_user_is_final_and_has_no_address():
    given(User, CREATED).when(DeleteUser(id=ID)).then(UserDeleted())
    for command in (UpdateUser(id=ID, name="Eve"), ReactivateUser(id=ID), DeleteUser(id=ID)):
        given(User, CREATED, UserDeleted()).when(command).then_refused(containing="deleted for ever")
    assert normalised_email(User().evolve_all([CREATED])) == "ada@example.org"
    assert normalised_email(User().evolve_all([CREATED, UserDeactivated()])) == "ada@example.org"
    assert normalised_email(User().evolve_all([CREATED, UserDeleted()])) is None


@pytest.mark.parametrize("email", ["ada", "@example.org", "ada@", "a b@example.org", "a@b@c"])
def test_an_address_without_the_form_of_one_is_refused(email):
    with pytest.raises(ValidationError):
        CreateUser(email=email, name="Ada")


def test_the_view_has_the_state_of_each_user_that_is_not_deleted():
    changed = UserUpdated(email="eve@example.org")
    history = History().add(ID, CREATED).add(ID, changed).add(ID, UserDeactivated())
    history.add("user-2", CREATED).add("user-2", UserDeleted())
    [row] = history.rows(view).values()
    assert (row["id"], row["email"], row["name"]) == (ID, "eve@example.org", "Ada")
    assert row["status"] == "INACTIVE"


def test_the_personal_data_of_a_deleted_user_is_erased():
    assert [policy.events for policy in policies] == [(UserDeleted,)]
