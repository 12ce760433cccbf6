"""How the requests of a process are authenticated, by its settings."""

from __future__ import annotations

from functools import partial

from api.access.callers import OPEN, Authenticator
from api.auth_settings import AuthSettings
from api.ids import now
from api.settings import Settings


def open_authenticator(settings: Settings) -> Authenticator:
    """Return the authenticator of the settings. Without `auth`, everybody may do everything."""
    return OPEN if settings.auth is None else _token_authenticator(settings.auth)


def _token_authenticator(settings: AuthSettings) -> Authenticator:
    # Imported where tokens are accepted only: the client that fetches keys takes long to import.
    from api.access.credential_authenticator import CredentialAuthenticator
    from api.access.token_keys import single_key
    from api.access.tokens import TokenVerifier

    if settings.keys_url is None:
        return CredentialAuthenticator(TokenVerifier(settings, single_key(settings), now), settings.cookie)
    from api.access.fetched_keys import FetchedKeys
    from api.access.issuer import fetch_keys

    keys = FetchedKeys(partial(fetch_keys, settings))
    tokens = TokenVerifier(settings, keys, now)
    return CredentialAuthenticator(tokens, settings.cookie, background=keys.refreshing)
