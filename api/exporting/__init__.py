"""Exporting the log: its events as CloudEvents, one a line."""

from api.exporting.runner import Exporter, Range, Report

__all__ = ["Exporter", "Range", "Report"]
