"""Loads the contexts, views and policies that the setting `contexts` registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, NamedTuple

from api.access.access_rule_checks import check_access_rules
from api.context_checks import (
    DeclaredClasses,
    check_cases,
    check_commands,
    check_event_types,
    check_policy_cases,
    check_references,
    check_triggers,
)
from api.port_requests import port_requests
from api.settings import Settings
from domain.builtin import apikeys, deadletters, revocations, tenants, webhooks
from domain.kernel import Catalog, Context
from domain.kernel.code_locations import user_location
from domain.kernel.errors import ConfigurationError, DeclarationError, NerveError
from domain.kernel.user_exceptions import FAULTS
from domain.process import Policy, policy_events
from domain.process.context import ProcessContext
from projections.builtin import api_keys
from projections.builtin import revocations as revocations_view
from projections.builtin import webhooks as webhooks_view
from projections.builtin.port_calls import port_call_view
from projections.builtin.processes import process_view
from projections.kernel import View
from projections.kernel.view_checks import check_defaults, check_row_id

BUILTIN = (
    deadletters.context,
    apikeys.context,
    revocations.context,
    tenants.context,
    webhooks.context,
)
"""nerve's own contexts, which are always registered."""

_CHECKOUT = Path(__file__).parents[1]

_FORMS = {
    "context": "a Context, as in `context = Context(...)`",
    "view": "a View, as in `view = View(...)`",
    "policies": "a tuple, as in `policies = (Policy(...),)`",
}
"""What the declarations of a module look like, by the names that they have there."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """What the registered modules declare, and nerve's own contexts."""

    catalog: Catalog
    views: Sequence[View[Any]]
    policies: Sequence[Policy]

    @property
    def processes(self) -> Sequence[ProcessContext]:
        """The contexts that are processes."""
        return processes_in(self.catalog)


def processes_in(catalog: Catalog) -> Sequence[ProcessContext]:
    """Return the contexts of a catalog that are processes."""
    return [context for context in catalog.contexts if isinstance(context, ProcessContext)]


class _Registration(NamedTuple):
    """What a module of the setting declares: a context, a view of one, policies."""

    module: str
    contexts: tuple[Context, ...]
    view: View[Any] | None
    policies: tuple[Policy, ...]


def load_contexts(settings: Settings) -> Declarations:
    """Return what the modules of the setting `contexts` declare.

    Raises ConfigurationError for a module that cannot be imported or declares nothing, and DeclarationError
    if two declarations clash or one of them cannot be used.
    """
    modules = [(name, _import(name)) for name in settings.contexts]
    declared = DeclaredClasses()
    registrations = [_register(name, module, declared) for name, module in modules]
    contexts = dict.fromkeys(context for each in registrations for context in each.contexts)
    policies = _policies(registrations)
    catalog = Catalog([*contexts, *BUILTIN, *([policy_events.context] if policies else [])])
    check_references(catalog.contexts)
    views = _with_builtin_views(catalog, _views(registrations))
    check_triggers(catalog, policies)
    return Declarations(catalog, views, policies)


def _register(name: str, module: ModuleType, declared: DeclaredClasses) -> _Registration:
    view, context = _declared(module, "view", View), _declared(module, "context", Context)
    policies = _declared_policies(module)
    if view is None and context is None and not policies:
        raise ConfigurationError(
            f"contexts: the module {name!r} ({_file(module.__file__)}) declares nothing; write in it "
            "`context = Context(...)`, `view = View(...)`, `policies = (Policy(...),)` or several of them"
            f"{_submodules(module)}"
        )
    contexts = () if context is None else (context,)
    if view is not None:
        contexts = (view.context, *view.also_reads, *contexts)
    try:
        if view is not None:
            check_row_id(view.row)
            check_defaults(view.name, view.row, view.defaults)
        for each in dict.fromkeys(contexts):
            check_event_types(each, declared)
            check_cases(each)
            check_commands(each, declared)
            check_access_rules(each)
        for policy in policies:
            check_policy_cases(policy)
    except DeclarationError as error:
        raise DeclarationError(f"contexts: {name}: {error}") from None
    return _Registration(name, contexts, view, policies)


def _declared(module: ModuleType, name: str, kind: type[Any]) -> Any:
    """Return what a module declares under the name, None for nothing and for a submodule of that name."""
    value = getattr(module, name, None)
    if value is None or isinstance(value, kind | ModuleType):
        return None if isinstance(value, ModuleType) else value
    raise ConfigurationError(
        f"contexts: `{name}` of the module {module.__name__!r} is of class {type(value).__name__}; it must "
        f"be {_FORMS[name]}"
    )


def _declared_policies(module: ModuleType) -> tuple[Policy, ...]:
    policies = _declared(module, "policies", tuple) or ()
    for policy in policies:
        if not isinstance(policy, Policy):
            raise ConfigurationError(
                f"contexts: `policies` of the module {module.__name__!r} has a value of class "
                f"{type(policy).__name__}; each must be a Policy, as in `policies = (Policy(...),)`"
            )
    return policies


def _policies(registrations: Sequence[_Registration]) -> Sequence[Policy]:
    """Return the policies; raise ConfigurationError if two have one name."""
    policies: dict[str, tuple[str, Policy]] = {}
    for module, _, _, declared in registrations:
        for policy in declared:
            first, other = policies.setdefault(policy.name, (module, policy))
            if other is not policy:
                raise ConfigurationError(
                    f"contexts: {first} and {module} both declare a policy {policy.name!r}; give one of them "
                    "another name"
                )
    return [policy for _, policy in policies.values()]


def _views(registrations: Sequence[_Registration]) -> Sequence[View[Any]]:
    """Return the views; raise ConfigurationError if two modules declare views of one name."""
    views: dict[str, tuple[str, View[Any]]] = {}
    for module, _, view, _ in registrations:
        if view is not None:
            first, declared = views.setdefault(view.name, (module, view))
            if declared is not view:
                raise ConfigurationError(
                    f"contexts: {first} and {module} both declare a view {view.name!r}; give one of them "
                    "another name"
                )
    return [view for _, view in views.values()]


def _with_builtin_views(catalog: Catalog, views: Sequence[View[Any]]) -> Sequence[View[Any]]:
    """Return the views and those that nerve adds; raise ConfigurationError if one has the name of another."""
    builtin: dict[str, View[Any]] = {}
    if processes := processes_in(catalog):
        builtin[f"the process {processes[0].name!r}"] = process_view(processes)
    if any(request for process in processes for request in port_requests(process)):
        builtin["calls of outside ports"] = port_call_view(processes)
    builtin["API keys"] = api_keys.view
    builtin["the end of access"] = revocations_view.view
    builtin["webhooks"] = webhooks_view.view
    names = {view.name for view in views}
    for purpose, view in builtin.items():
        if view.name in names:
            raise ConfigurationError(
                f"contexts: a module declares a view {view.name!r}, which nerve adds for {purpose}; give the "
                "view another name"
            )
    return [*views, *builtin.values()]


def _import(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigurationError(
            f"contexts: {name!r} is not the name of a module; write it with dots, as in {_dotted(name)}"
        )
    try:
        return import_module(name)
    except NerveError as error:
        raise DeclarationError(f"contexts: {name}: {error}") from None
    except ModuleNotFoundError as error:
        raise ConfigurationError(_not_found(name, error)) from None
    except SyntaxError as error:
        raise ConfigurationError(
            f"contexts: {name} cannot be imported: {_file(error.filename)}:{error.lineno}: {error.msg}"
        ) from None
    except FAULTS as error:
        text = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"contexts: {name} cannot be imported: it raised {type(error).__name__} at {user_location(error)}"
            + (f": {text}" if text else "")
        ) from None


def _dotted(path: str) -> str:
    """Return the name of the module in a file, as shop.orders for shop/orders.py, else an example."""
    name = path.removesuffix(".py").replace("/", ".").replace("\\", ".").strip(".")
    is_path = name != path.strip(".") and all(part.isidentifier() for part in name.split("."))
    return name if is_path else "shop.orders"


def _submodules(module: ModuleType) -> str:
    """Return the advice to name a module of the package, empty if it is none or has no modules."""
    names = sorted(each.name for each in iter_modules(getattr(module, "__path__", ())))
    names = [name for name in names if not name.startswith("_")]
    return f"; or name a module of this package, such as {module.__name__}.{names[0]}" if names else ""


def _not_found(name: str, error: ModuleNotFoundError) -> str:
    missing = error.name or ""
    if f"{name}.".startswith(f"{missing}."):
        return (
            f"contexts: there is no module {missing!r}; nerve looks in its checkout, {_CHECKOUT}, in the "
            "folder where it is started and in those of PYTHONPATH; add one as in PYTHONPATH=/folder"
        )
    return (
        f"contexts: {name} cannot be imported: there is no module {missing!r}, which it imports at "
        f"{user_location(error)}; install it, or correct the name"
    )


def _file(path: str | None) -> str:
    """Return a path as seen from the working directory, if it is below it."""
    if path is None:
        return "a folder without __init__.py"
    file, folder = Path(path).absolute(), Path.cwd()
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)
