"""What the fork server has done before it forks, so that no program does it again."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

from api.contexts import load_contexts
from api.settings import Settings
from domain.kernel.schemas import event_schema
from eventstore.aggregates.state_fingerprint import state_fingerprint
from projections.storage.view_fingerprint import view_fingerprint

MODULES = (
    "api.cli.app",
    "api.cli.cdc",
    "api.cli.serve",
    "api.cli.worker",
    "api.process_runtime",
    "api.publishing_runtime",
    "tests.faults.journal",
    "tests.helpers.note_rig",
)
"""What programs import. Those that are programs themselves are left out: each runs as ``__main__``."""


def preload() -> None:
    """Import the modules, and compute what each program computes from its code alone."""
    gc.disable()
    for module in MODULES:
        import_module(module)
    declared = load_contexts(Settings())
    for context in declared.catalog.contexts:
        state_fingerprint(context.aggregate, declared.catalog.contexts)
    for view in declared.views:
        view_fingerprint(view)
    for event in declared.catalog.events.values():
        event_schema(event)
    # A collection in a child would write to each object, and so copy the memory that it shares.
    gc.freeze()
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"the fork server has {threads} threads, but its children have only the one that forks")
