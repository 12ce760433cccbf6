"""Outside ports: typed requests to services that nerve does not run, and their replies. Pure.

    class Authorised(Reply):
        authorisation: str

    class Authorise(Request[Authorised], port="payments"):
        order_id: Identifier
        amount: int

An adapter for the port ``payments`` is configured in nerve.yaml; the domain knows only these classes.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from domain.kernel.errors import DeclarationError
from domain.kernel.personal import personal_inputs

PORT_PATTERN = r"[a-z][a-z0-9_-]*"


class Reply(BaseModel):
    """Base of the replies of outside ports."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


R = TypeVar("R", bound=Reply)


class Request(BaseModel, Generic[R]):
    """Base of the requests to outside ports. The type argument is the class of the reply.

    `port` names the port, whose adapter is configured; the name of the class is that of the operation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    port: ClassVar[str]

    def __init_subclass__(cls, *, port: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if port is not None:
            if not re.fullmatch(PORT_PATTERN, port):
                raise DeclarationError(
                    f"{cls.__name__}: the name of a port must be in lower case, as in "
                    f"port='payments', not {port!r}"
                )
            reply_class(cls)
            cls.port = port

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        if not hasattr(cls, "port"):
            return
        reply = reply_class(cls)
        # The fields of a class are unknown while one of their types is declared further below.
        if cls.__pydantic_complete__ and reply.__pydantic_complete__:
            personal_inputs(cls)
            personal_inputs(reply, cls)


def reply_class(request: type[Request[Any]]) -> type[Reply]:
    """Return the class of the reply that a request declares; raise DeclarationError if it declares none."""
    for base in request.__mro__:
        metadata = getattr(base, "__pydantic_generic_metadata__", None)
        if metadata and metadata["origin"] is Request and metadata["args"]:
            (declared,) = metadata["args"]
            if isinstance(declared, type) and issubclass(declared, Reply):
                return declared
    raise DeclarationError(
        f"{request.__name__} must derive from Request[its reply], as in "
        f'class {request.__name__}(Request[Authorised], port="payments")'
    )
