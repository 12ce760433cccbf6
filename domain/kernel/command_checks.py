"""Checks that the values of commands can be stored in events."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from domain.kernel.errors import UnfitValue
from domain.kernel.types.storable_checks import model_check


def check_command(command: BaseModel) -> None:
    """Check that every value of a validated command can be stored.

    Raises pydantic's ValidationError with the path of the value.
    """
    try:
        model_check(type(command))(command)
    except UnfitValue as error:
        wrong = InitErrorDetails(
            type=PydanticCustomError("unstorable", "{reason}", {"reason": error.reason}),
            loc=error.path,
            input=None,
        )
        title = type(command).__name__
        raise ValidationError.from_exception_data(title, [wrong], hide_input=True) from None
