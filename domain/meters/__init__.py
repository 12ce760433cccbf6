"""Meters, which merge what several processes count and measure."""

from domain.kernel import Context
from domain.meters.aggregate import Reporter

context = Context("meters", Reporter)
