"""Importing files: process logs (CSV, XES) and commands as CloudEvents."""

from api.importing.rows import Refused
from api.importing.runner import Importer, Report

__all__ = ["Importer", "Refused", "Report"]
