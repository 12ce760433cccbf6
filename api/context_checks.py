"""Checks of registered contexts that need more than their classes: the source and the other classes."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from textwrap import dedent
from typing import Any, TypeVar

from domain.kernel import Aggregate, Catalog, Command, Context, Event
from domain.kernel.aggregate import command_classes
from domain.kernel.code_locations import definition_location
from domain.kernel.command import referred_categories
from domain.kernel.errors import DeclarationError
from domain.process import Policy
from domain.process.context import ProcessContext
from domain.process.process import own_event_classes, trigger_classes

T = TypeVar("T")


class DeclaredClasses:
    """The event and command classes that exist in this process, and the commands that aggregates handle.

    They are collected once for the checks of all contexts.
    """

    def __init__(self) -> None:
        base: Any = Aggregate
        self.events: dict[str, list[type[Event]]] = defaultdict(list)
        """By their type."""
        for event in _event_classes():
            self.events[event.type].append(event)
        self.commands: dict[str, list[type[Command]]] = defaultdict(list)
        """By their module."""
        for command in _in_modules(_subclasses(Command)):
            self.commands[command.__module__].append(command)
        self.handled = {command for kind in _subclasses(base) for command in _commands_of(kind)}


def check_event_types(context: Context, declared: DeclaredClasses) -> None:
    """Raise DeclarationError if another event class of the context's packages has the type of an event.

    Only one of the two is declared by the aggregate: stored events of the type would be read as that one,
    whichever of them was meant.
    """
    for event in context.events:
        package = _package(event.__module__)
        for other in declared.events.get(event.type, ()):
            if other is not event and _package(other.__module__) == package:
                raise DeclarationError(
                    f"{_full_name(event)} and {_full_name(other)} both are events of the type "
                    f"{event.type!r}; give one of them another type, or remove it"
                )


def check_cases(context: Context) -> None:
    """Raise DeclarationError if `decide`, `react` or `evolve` is a match statement that lacks a case.

    A function that decides in another way is not checked: what it returns is, when it is called.
    """
    owner: type[Any] = context.aggregate
    functions = ((owner.decide, context.commands), (owner.evolve, context.events))
    if isinstance(context, ProcessContext):
        owner = context.process
        functions = ((owner.react, trigger_classes(owner)), (owner.evolve, own_event_classes(owner)))
    for function, classes in functions:
        _check_cases(f"{owner.__name__}.{function.__name__}", function, classes)


def check_policy_cases(policy: Policy) -> None:
    """Raise DeclarationError if `react` of a policy is a match statement that lacks a case."""
    _check_cases(f"react of the policy {policy.name!r}", policy.react, policy.events)


def _check_cases(called: str, function: Callable[..., Any], classes: Sequence[type[Any]]) -> None:
    missing = _missing_cases(function, classes)
    if missing:
        names = " and ".join(each.__name__ for each in missing)
        raise DeclarationError(
            f"{called} has no case for {names} ({definition_location(function)}); add "
            f"`case {missing[0].__name__}():` to its match statement"
        )


def check_commands(context: Context, declared: DeclaredClasses) -> None:
    """Raise DeclarationError if a command class in the context's modules is one that no aggregate handles."""
    modules = {context.aggregate.__module__, *(command.__module__ for command in context.commands)}
    for command in chain.from_iterable(declared.commands.get(module, ()) for module in sorted(modules)):
        is_base = any(issubclass(each, command) for each in declared.handled)
        if not is_base and not command.__name__.startswith("_"):
            raise DeclarationError(
                f"{_full_name(command)} is a command that no aggregate handles, so the API has no mutation "
                f"for it; add it to the commands of {context.aggregate.__name__}, or remove it"
            )


def check_references(contexts: Sequence[Context]) -> None:
    """Raise DeclarationError if a field refers to a category that none of these contexts has."""
    categories = sorted(context.category for context in contexts)
    for context in contexts:
        for command in context.commands:
            for field, category in referred_categories(command):
                if category not in categories:
                    raise DeclarationError(
                        f"{_full_name(command)}.{field} refers to the category {category!r}, which no "
                        f"registered context has: add its module to `contexts`, or refer to one of "
                        f"{', '.join(categories)}"
                    )


def check_triggers(catalog: Catalog, policies: Sequence[Policy]) -> None:
    """Raise DeclarationError if a process or a policy reacts to an event that no registered context has."""
    reacting: list[tuple[str, Iterable[type[Any]]]] = [
        (_full_name(context.process), trigger_classes(context.process))
        for context in catalog.contexts
        if isinstance(context, ProcessContext)
    ]
    reacting += [(f"the policy {policy.name!r}", policy.events) for policy in policies]
    for name, triggers in reacting:
        for trigger in triggers:
            if issubclass(trigger, Event) and catalog.events.get(trigger.type) is not trigger:
                raise DeclarationError(
                    f"{name} reacts to {_full_name(trigger)}, an event that no registered context has: add "
                    "the module of its context to `contexts`, or do not react to it"
                )


def _commands_of(aggregate: type[Aggregate[Any, Any]]) -> Sequence[type[Command]]:
    try:
        return command_classes(aggregate)
    except DeclarationError:
        return ()  # A base class, or one whose context was refused.


def _missing_cases(function: Callable[..., Any], classes: Sequence[type[Any]]) -> list[type[Any]]:
    """Return the classes that the match statement at the end of a function does not handle.

    A class counts as handled if the function's body names it, or a base class, anywhere.
    """
    handled = _handled_classes(function)
    return [] if handled is None else [each for each in classes if not issubclass(each, handled)]


@cache
def _handled_classes(function: Callable[..., Any]) -> tuple[type[Any], ...] | None:
    """Return the classes that the match statement at the end of a function handles.

    None if the function does not end in a match statement, or if that handles whatever its other cases do
    not.
    """
    definition = _definition(function)
    if definition is None or not isinstance(definition.body[-1], ast.Match):
        return None
    if any(map(_handles_the_rest, definition.body[-1].cases)):
        return None
    return tuple(dict.fromkeys(_named_classes(definition.body, inspect.unwrap(function))))


def _definition(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return the syntax tree of a function, None if its source is not available."""
    try:
        module = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    definition = module.body[0]
    return definition if isinstance(definition, ast.FunctionDef) else None


def _handles_the_rest(case: ast.match_case) -> bool:
    """Whether a case matches everything and does more than raise an error."""
    is_wildcard = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
    if not is_wildcard or case.guard is not None:
        return False
    last = case.body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return getattr(last.value.func, "id", getattr(last.value.func, "attr", "")) != "assert_never"
    return not isinstance(last, ast.Raise)


def _named_classes(body: Iterable[ast.stmt], function: Any) -> Iterator[type[Any]]:
    """Yield the classes that the statements name, each also as part of a union or a tuple."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name | ast.Attribute):
                yield from _classes_of(_resolve(node, function))


def _resolve(node: ast.expr, function: Any) -> Any:
    """Return the module-level value that a name or an attribute of one stands for, None for others."""
    if isinstance(node, ast.Name):
        return function.__globals__.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_resolve(node.value, function), node.attr, None)
    return None


def _classes_of(value: Any) -> Iterator[type[Any]]:
    if isinstance(value, type):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _classes_of(each)
    else:
        yield from (each for each in getattr(value, "__args__", ()) if isinstance(each, type))


def _event_classes() -> Iterator[type[Event]]:
    """Yield all event classes; a class whose declaration was refused exists, but has no type."""
    return (event for event in _in_modules(_subclasses(Event)) if hasattr(event, "type"))


def _in_modules(classes: Iterable[type[T]]) -> Iterator[type[T]]:
    """Yield the classes that their modules contain: none of a function, and none of an earlier import."""
    for each in classes:
        if getattr(sys.modules.get(each.__module__), each.__qualname__, None) is each:
            yield each


def _subclasses(base: type[T]) -> Iterator[type[T]]:
    """Yield all classes that derive from the class, at any depth."""
    classes = list(base.__subclasses__())
    while classes:
        derived = classes.pop()
        classes += derived.__subclasses__()
        yield derived


def _package(module: str) -> str:
    """Return the package of a module; a module at the top is a package of its own."""
    return module.rpartition(".")[0] or module


def _full_name(declared: type[Any]) -> str:
    return f"{declared.__module__}.{declared.__qualname__}"
