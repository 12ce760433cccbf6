"""The view of workflows with a row rule: a caller sees those whose status is among the values of a claim."""

from __future__ import annotations

from dataclasses import replace

from domain.kernel.access import claim
from projections.views import workflows

view = replace(workflows.view, access=claim("statuses", "status"))
