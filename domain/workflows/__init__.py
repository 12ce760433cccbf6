"""Workflows, which advance step by step."""

from domain.kernel import Context
from domain.workflows.aggregate import Workflow

context = Context("workflows", Workflow)
