"""Tasks: pieces of work, each done by one agent."""

from domain.kernel import Context
from domain.tasks.aggregate import Task

context = Context("tasks", Task)
