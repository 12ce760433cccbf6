"""Tests of aggregates, processes, sagas and policies, without a server: given, when, then. Pure.

It imports the kernel, the checks of the command bus and `domain.process`. Tests import it.
"""

from domain.testing.aggregates import Outcome, Scenario, given
from domain.testing.events import NOON, stored
from domain.testing.policies import PolicyResult, PolicyScenario, given_policy
from domain.testing.processes import ProcessScenario, TriggerResult, given_process

__all__ = [
    "given",
    "given_policy",
    "given_process",
    "NOON",
    "Outcome",
    "PolicyResult",
    "PolicyScenario",
    "ProcessScenario",
    "Scenario",
    "stored",
    "TriggerResult",
]
