"""The fields of classes that are stored as documents: models, dataclasses, TypedDicts, NamedTuples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, NamedTuple, NotRequired, get_args, get_origin, get_type_hints

from pydantic import BaseModel, PydanticUndefinedAnnotation, PydanticUserError, RootModel
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from domain.kernel.errors import DeclarationError
from domain.kernel.types.nodes import ABSENT
from domain.kernel.types.refusals import undefined


class DeclaredField(NamedTuple):
    """A field as its class declares it; `default` and `default_factory` as in `RecordField`."""

    name: str
    annotation: Any
    required: bool
    default: Any = ABSENT
    default_factory: Callable[..., Any] | None = None


def is_record(python: Any) -> bool:
    """Return whether values of the class are stored as documents."""
    return isinstance(python, type) and (
        issubclass(python, BaseModel)
        or dataclasses.is_dataclass(python)
        or is_typeddict(python)
        or is_named_tuple(python)
    )


def is_named_tuple(python: type) -> bool:
    """Return whether the class is a NamedTuple."""
    return issubclass(python, tuple) and hasattr(python, "_fields")


def declared_fields(python: Any) -> Iterator[DeclaredField]:
    """Yield the stored fields of a class, in order.

    Raises DeclarationError if the class cannot be stored as a document and read again.
    """
    if not is_record(python):
        name = getattr(python, "__name__", python)
        raise DeclarationError(f"{name} must be a pydantic model, dataclass, TypedDict or NamedTuple")
    if issubclass(python, BaseModel):
        yield from _of_model(python)
    elif dataclasses.is_dataclass(python):
        yield from _of_dataclass(python)
    elif is_typeddict(python):
        yield from _of_typed_dict(python)
    else:
        hints = _hints(python)
        for name in python._fields:
            default = python._field_defaults.get(name, ABSENT)
            yield DeclaredField(name, hints[name], default is ABSENT, default)


def _of_model(python: type[BaseModel]) -> Iterator[DeclaredField]:
    if issubclass(python, RootModel):
        raise DeclarationError(f"{python.__name__} is a RootModel; use its root type")
    if python.model_config.get("extra") == "allow":
        raise DeclarationError(
            f"{python.__name__} allows fields that it does not declare; use a dict for them"
        )
    try:
        python.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        raise undefined(python, error.name or str(error)) from None
    except PydanticUserError as error:
        raise DeclarationError(
            f"{python.__name__} has a field that cannot be stored: {error.message}"
        ) from None
    for name, field in python.model_fields.items():
        if field.alias or field.validation_alias or field.serialization_alias:
            raise DeclarationError(
                f"{python.__name__}.{name} has an alias; leave it out: a field is stored under its own name"
            )
        annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        default = ABSENT if field.is_required() or field.default_factory else field.default
        yield DeclaredField(name, annotation, field.is_required(), default, field.default_factory)


def _of_dataclass(python: Any) -> Iterator[DeclaredField]:
    if python.__eq__ is object.__eq__:
        raise DeclarationError(f"{python.__name__} is a dataclass with eq=False; leave that out")
    hints = _hints(python)
    for name, hint in hints.items():
        if isinstance(hint, dataclasses.InitVar):
            raise DeclarationError(
                f"{python.__name__}.{name} is an InitVar, which is not kept; make it a field"
            )
    for field in dataclasses.fields(python):
        if not field.init:
            raise DeclarationError(
                f"{python.__name__}.{field.name} is no argument of its class (init=False); make it one, or a "
                "property"
            )
        factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
        default = ABSENT if field.default is dataclasses.MISSING else field.default
        if isinstance(default, FieldInfo):
            default, factory = _of_field_info(default)
        required = default is ABSENT and factory is None
        yield DeclaredField(field.name, hints[field.name], required, default, factory)


def _of_field_info(field: FieldInfo) -> tuple[Any, Callable[..., Any] | None]:
    """Return default and factory of a field of a pydantic dataclass that is declared with `Field()`."""
    return (ABSENT if field.is_required() or field.default_factory else field.default), field.default_factory


def _of_typed_dict(python: Any) -> Iterator[DeclaredField]:
    required = python.__required_keys__
    for name, annotation in _hints(python).items():
        optional = name not in required or get_origin(annotation) is NotRequired
        yield DeclaredField(name, annotation, not optional)


def _hints(python: Any) -> dict[str, Any]:
    try:
        hints = get_type_hints(python, include_extras=True)
    except NameError as error:
        raise undefined(python, error.name or str(error)) from None
    return {name: hint for name, hint in hints.items() if not _is_class_variable(hint)}


def _is_class_variable(hint: Any) -> bool:
    return (
        get_origin(hint) is ClassVar
        or hint is ClassVar
        or (get_origin(hint) is Annotated and get_origin(get_args(hint)[0]) is ClassVar)
    )
