"""The settings and the logging of commands that run until they are stopped."""

from __future__ import annotations

import logging

from api.devserver.folder import with_instance
from api.escaping import EscapingFormatter
from api.settings import Settings, load_settings


def service_settings() -> Settings:
    """Load the settings of a service, and start to log as they say."""
    settings = with_instance(load_settings())
    handler = logging.StreamHandler()
    handler.setFormatter(EscapingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    minimum_levels = {"pymongo": logging.INFO, "uvicorn": logging.INFO, "websockets": logging.WARNING}
    for library, minimum in minimum_levels.items():
        # At level debug they log whole documents and messages, which may contain personal data.
        logging.getLogger(library).setLevel(max(minimum, logging.getLogger().level))
    return settings
