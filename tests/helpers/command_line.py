"""The command line of nerve, to be invoked in the process of a test."""

from __future__ import annotations

from api.cli.app import build_app

CLI = build_app()
"""The application with all commands."""
