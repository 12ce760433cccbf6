"""Dead letters: events that a view could not fold, and the record of their retries and drops."""

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.kernel import Context

context = Context("deadletters", DeadLetter)
