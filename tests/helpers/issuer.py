"""An issuer of tokens on this machine: its discovery document and its key set, over HTTP."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import Key

from tests.helpers.tokens import make_token, private_key, public_jwk

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


class Issuer:
    """An issuer whose keys and answers a test changes. `requests` counts what was asked, by path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests = Counter[str]()
        self.status = 200
        self.discovery: dict[str, Any] = {"issuer": url, "jwks_uri": f"{url}{KEYS}"}
        self.key_set: Any = {"keys": []}
        self._keys: dict[str, tuple[Key, str]] = {}
        self.rotate("first")

    def rotate(self, key_id: str, algorithm: str = "RS256", *, keep: bool = False) -> None:
        """Sign with another key from now on; the older ones are withdrawn, or kept in the key set."""
        number = len(self._keys) if keep else hash(key_id)
        self._keys = {**(self._keys if keep else {}), key_id: (private_key(algorithm, number), algorithm)}
        self.key_set = {
            "keys": [
                public_jwk(key, name, use="sig", alg=algorithm)
                for name, (key, algorithm) in self._keys.items()
            ]
        }

    def sign(self, key_id: str, subject: str = "ada", *, has_id: bool = True, **claims: Any) -> str:
        """Return a token that is signed with this key, and has the key's id or not."""
        key, algorithm = self._keys[key_id]
        header = {"kid": key_id} if has_id else {}
        return make_token(subject, key=key, algorithm=algorithm, header=header, **{"iss": self.url, **claims})

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a request."""
        self.requests[path] += 1
        document = {DISCOVERY: self.discovery, KEYS: self.key_set}.get(path)
        if document is None:
            return 404, b"{}"
        return self.status, document if isinstance(document, bytes) else json.dumps(document).encode()


@contextmanager
def serve_issuer() -> Iterator[Issuer]:
    """Serve an issuer on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = issuer.answer(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            if status == 302:
                self.send_header("location", KEYS)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
