"""How the requests of a process are authenticated, by its settings."""

from __future__ import annotations

from functools import partial

from api.access.access_follower import AccessFollower
from api.access.callers import ANONYMOUS, OPEN, Authenticator, Caller
from api.auth_settings import AuthSettings
from api.ids import now
from domain.kernel import Scope


def make_authenticator(settings: AuthSettings | None, follower: AccessFollower) -> Authenticator:
    """Return the authenticator of the setting `auth`. Without it, everybody may do everything."""
    return OPEN if settings is None else _credential_authenticator(settings, follower)


def _credential_authenticator(settings: AuthSettings, follower: AccessFollower) -> Authenticator:
    # Imported with authentication only: the client that fetches keys of tokens takes long to import.
    from api.access.credential_authenticator import CredentialAuthenticator, RefusingVerifier

    keys = follower.keys if settings.api_keys else RefusingVerifier("API keys are not accepted; send a token")
    anonymous = _anonymous(settings)
    if settings.issuer is None:
        tokens_refused = RefusingVerifier("tokens are not accepted; send an API key")
        return CredentialAuthenticator(follower, keys, tokens_refused, anonymous=anonymous)
    from api.access.token_keys import single_key
    from api.access.tokens import TokenVerifier

    if settings.keys_url is None:
        tokens = TokenVerifier(settings, single_key(settings), now)
        return CredentialAuthenticator(follower, keys, tokens, anonymous=anonymous, cookie=settings.cookie)
    from api.access.fetched_keys import FetchedKeys
    from api.access.issuer import fetch_keys

    fetched = FetchedKeys(partial(fetch_keys, settings))
    tokens = TokenVerifier(settings, fetched, now)
    return CredentialAuthenticator(
        follower, keys, tokens, anonymous=anonymous, cookie=settings.cookie, background=fetched.refreshing
    )


def _anonymous(settings: AuthSettings) -> Caller | None:
    """Return the caller of a request without credentials; None where its tenant would be a guess."""
    if settings.public_tenant is not None:
        return Caller(Scope(settings.public_tenant))
    return ANONYMOUS if settings.tenant_claim is None else None
