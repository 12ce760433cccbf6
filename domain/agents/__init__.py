"""Agents, which work on tasks."""

from domain.agents.aggregate import Agent
from domain.kernel import Context

context = Context("agents", Agent)
