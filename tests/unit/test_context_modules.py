"""Modules that the setting `contexts` names: what is loaded, and the one sentence for what cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from api.contexts import BUILTIN, load_contexts
from api.settings import Settings
from tests.helpers.user_package import CONTEXT, VIEW, Package, printed_api, refused


def loaded(*modules: str) -> tuple[Sequence[str], Sequence[str]]:
    """The names of the contexts and of the views that these modules register, without nerve's own."""
    declarations = load_contexts(Settings(contexts=modules))
    contexts = [context.name for context in declarations.catalog.contexts][: -len(BUILTIN)]
    *views, _, _, _ = [view.name for view in declarations.views]
    return contexts, views


def test_nerve_has_contexts_and_views_of_its_own(package: Package) -> None:
    """They come after what the modules declare."""
    declarations = load_contexts(Settings(contexts=(package.write("shop", CONTEXT),)))
    names = [context.name for context in declarations.catalog.contexts]
    assert names == ["shops", "deadletters", "apikeys", "revocations", "tenants", "webhooks"]
    assert [view.name for view in declarations.views] == ["api_keys", "revocations", "webhooks"]


def test_a_module_may_declare_a_context_a_view_or_both(package: Package) -> None:
    context, view = package.write("shop", CONTEXT), package.write("views", VIEW)
    both = package.write("both", "from {package}.shop import context\nfrom {package}.views import view\n")
    assert loaded(context) == (["shops"], [])
    assert loaded(view) == loaded(both) == loaded(context, view) == (["shops"], ["shops"])


def test_a_context_without_a_view_has_its_mutations(package: Package) -> None:
    schema = printed_api(package.write("shop", CONTEXT))
    assert "open(" in schema
    assert "type Shop " not in schema


LINKED = VIEW.replace("apply=apply)", "apply=apply, links=({links}))").replace(
    "import View, by_stream", "import View, by_stream\nfrom projections.kernel.links import ToOne"
)


def test_links_to_views_that_are_not_registered_are_refused_together_with_their_modules(
    package: Package,
) -> None:
    """A module beside the view is only named if it declares a view; it is not imported."""
    package.write("shop", CONTEXT)
    package.write("owners", "view: object = print('imported')")
    package.write("towns", "towns = 1")
    links = "ToOne('owner', 'owners', by='id'), ToOne('town', 'towns', by='id')"
    linked = package.write("linked", LINKED.replace("{links}", links))
    assert refused(linked) == (
        "contexts: the view 'shops' links to 'owners' and the view 'shops' links to 'towns', which no "
        f"registered module declares: add {package.name}.owners to `contexts`, or correct the links; the "
        "registered views are api_keys, revocations, shops, webhooks"
    )
    assert f"{package.name}.owners" not in sys.modules


def test_the_views_of_the_examples_name_what_must_be_registered_with_them() -> None:
    """All at once, so that a reader of the message is done after one change."""
    contexts = ("domain.agents", "domain.workflows", "projections.views.tasks")
    message = refused(*contexts)
    assert "add projections.views.agents and projections.views.workflows to `contexts`" in message


def test_a_submodule_named_as_a_declaration_is_not_one(package: Package) -> None:
    package.write("context", CONTEXT)
    name = package.write("__init__", "import {package}.context\n")
    assert refused(name) == (
        f"contexts: the module {name!r} ({name}/__init__.py) declares nothing; write in it "
        "`context = Context(...)`, `view = View(...)`, `policies = (Policy(...),)` or several of them; or "
        f"name a module of this package, such as {name}.context"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("context = 7", "`context` of the module '{}.shop' is of class int; it must be a Context, as in"),
        ("view = print", "`view` of the module '{}.shop' is of class builtin_function_or_method"),
        ("x = (1,\ny = 2", "{0}.shop cannot be imported: {0}/shop.py:1: '(' was never closed"),
        ("x = 1\n  y = 2", "{0}.shop cannot be imported: {0}/shop.py:2: unexpected indent"),
        (
            "import nowhere_at_all",
            "{0}.shop cannot be imported: there is no module 'nowhere_at_all', which it",
        ),
        (
            "from domain.kernel import Nothing",
            "{0}.shop cannot be imported: it raised ImportError at {0}/shop.py:1: cannot import name",
        ),
        ("\nx = 1 / 0", "it raised ZeroDivisionError at {0}/shop.py:2: division by zero"),
        ("raise SystemExit(3)", "it raised SystemExit at {0}/shop.py:1: 3"),
        (
            "from domain.kernel import Event\nclass Made(Event): pass",
            "contexts: {0}.shop: Made has no event type; write `class Made(Event, type=",
        ),
    ],
)
def test_a_module_that_cannot_be_used_is_named_with_what_to_write(
    package: Package, source: str, message: str
) -> None:
    text = refused(package.write("shop", source))
    assert text.startswith("contexts: ")
    assert message.format(package.name) in text


@pytest.mark.parametrize("name", ["shop/orders.py", "shop orders", ".shop", "shop.", "", "1shop"])
def test_what_names_no_module_is_refused(name: str) -> None:
    assert refused(name) == (
        f"contexts: {name!r} is not the name of a module; write it with dots, as in shop.orders"
    )


def test_a_syntax_error_in_a_module_that_is_imported_names_that_one(package: Package) -> None:
    package.write("broken", "def f(:\n")
    name = package.write("shop", "import {package}.broken\n")
    assert f"{name} cannot be imported: {package.name}/broken.py:1: " in refused(name)


DECISION = """\
        match command:
            case Open():
                return [Opened()]
            case Shut():
                return [Closed()]
            case _:
                assert_never(command)
"""
SHUT = """\
            case Shut():
                return [Closed()]
"""
COMPLETE = {
    "without assert_never": DECISION.replace(
        "            case _:\n                assert_never(command)\n", ""
    ),
    "a guard": DECISION.replace("case Shut():", "case Shut() if self:"),
    "a base class": DECISION.replace("case Shut():", "case ChangeCommand():"),
    "a union": DECISION.replace("case Open():", "case Open() | Shut():").replace(SHUT, ""),
    "the rest in a wildcard": DECISION.replace(SHUT, "").replace("assert_never(command)", "return []"),
    "the rest after the match": DECISION.replace("case _:\n                assert_never(command)", "")
    .replace(SHUT, "")
    .rstrip()
    + "\n        return []\n",
    "isinstance before the match": "        if isinstance(command, Shut):\n            return []\n"
    + DECISION.replace(SHUT, ""),
}
INCOMPLETE = {
    "assert_never": DECISION.replace(SHUT, ""),
    "an error": DECISION.replace(SHUT, "").replace("assert_never(command)", "raise ValueError(command)"),
    "no wildcard": COMPLETE["without assert_never"].replace(SHUT, ""),
}


@pytest.mark.parametrize("decision", COMPLETE.values(), ids=COMPLETE)
def test_a_decision_that_handles_each_command_is_accepted(package: Package, decision: str) -> None:
    name = package.write("shop", CONTEXT.replace(DECISION, decision))
    assert loaded(name)[0] == ["shops"]


@pytest.mark.parametrize("decision", INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_decision_that_lacks_a_case_is_refused(package: Package, decision: str) -> None:
    name = package.write("shop", CONTEXT.replace(DECISION, decision))
    line = CONTEXT[: CONTEXT.index("    def decide")].count("\n") + 1
    assert refused(name) == (
        f"contexts: {name}: Shop.decide has no case for Shut ({package.name}/shop.py:{line}); add "
        "`case Shut():` to its match statement"
    )


def test_an_evolve_that_lacks_a_case_is_refused(package: Package) -> None:
    name = package.write("shop", CONTEXT.replace("case Opened() | Closed()", "case Closed()"))
    assert f"contexts: {name}: Shop.evolve has no case for Opened (" in refused(name)


def test_a_function_without_source_is_not_checked(package: Package) -> None:
    incomplete = CONTEXT.replace("case Opened() | Closed()", "case Opened()")
    name = package.write("shop", f"exec({incomplete!r})")
    assert loaded(name)[0] == ["shops"]


def test_two_event_classes_of_one_type_of_which_one_is_declared(package: Package) -> None:
    again = 'class WasOpened(Event, type="shop.opened"):\n    pass\n\n\nShopCommand'
    name = package.write("shop", CONTEXT.replace("ShopCommand", again, 1))
    assert refused(name) == (
        f"contexts: {name}: {name}.Opened and {name}.WasOpened both are events of the type 'shop.opened'; "
        "give one of them another type, or remove it"
    )


def test_a_command_of_two_contexts_is_refused(package: Package) -> None:
    name = package.write("shop", CONTEXT)
    twice = """
        from dataclasses import dataclass
        from domain.kernel import Aggregate, Context, Event
        from {package}.shop import Open

        class Begun(Event, type="mall.begun"):
            pass

        @dataclass(frozen=True)
        class Mall(Aggregate[Open, Begun]):
            category = "mall"
            def decide(self, command, facts):
                return [Begun()]
            def evolve(self, event):
                return self

        context = Context("malls", Mall)
    """
    mall = package.write("mall", twice)
    assert f"{name}.Open is a command of the contexts 'shops' and 'malls'" in refused(name, mall)
    other = package.write("other", CONTEXT.replace('"shop"', '"store"').replace("shop.", "store."))
    assert f"{name}.Open and {other}.Open both are commands of the name 'Open'" in refused(name, other)
    same = package.write("same", CONTEXT.replace('"shop.', '"same.'))
    assert f"{name}.Shop and {same}.Shop both have the category 'shop'" in refused(name, same)


def test_two_views_of_one_name_are_refused(package: Package) -> None:
    package.write("shop", CONTEXT)
    one, other = package.write("one", VIEW), package.write("other", VIEW)
    assert refused(one, other) == (
        f"contexts: {one} and {other} both declare a view 'shops'; give one of them another name"
    )


def test_a_member_of_a_union_with_only_its_literal_field_is_refused(package: Package) -> None:
    union = """
class Cash(BaseModel):
    kind: Literal["cash"] = "cash"

class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str

class Open(CreateCommand):
    payment: Cash | Card
"""
    name = package.write("shop", CONTEXT.replace("class Open(CreateCommand):\n    pass\n", union))
    assert refused(name) == (
        "Cash has no field besides its Literal 'kind', and an input type of GraphQL needs one; add a field, "
        "such as `note: Text | None = None`"
    )


def test_a_context_that_is_added_to_the_checkout_is_none_of_the_tests_own(tmp_path: Path) -> None:
    (tmp_path / "nerve.yaml").write_text("contexts: [domain.documents]\n")
    root = Path(__file__).parents[2]
    code = "from tests.helpers.own_contexts import OWN; print(*(view.name for view in OWN[1]))"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "tasks" in shown.stdout.split(), shown.stderr
