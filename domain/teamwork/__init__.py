"""Team tasks: work that several agents must all do, each as a task of its own."""

from domain.kernel import Context
from domain.teamwork.aggregate import TeamTask

context = Context("team_tasks", TeamTask)
