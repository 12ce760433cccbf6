"""Meters: what several processes count and measure of one thing, each for itself."""

from domain.kernel import Context
from domain.meters.aggregate import Reporter

context = Context("meters", Reporter)
