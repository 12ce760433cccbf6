"""Dead letters: events that a view could not fold, and the record of what was done about them."""

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.kernel import Context

context = Context("deadletters", DeadLetter)
