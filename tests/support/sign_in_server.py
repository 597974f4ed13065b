"""A sign-in on loopback: the OpenID Connect that a Space with ``hf_oauth`` talks to, for a user who always consents.

gradio's own code, authlib's checks of the signed token and the cookie are as in a Space; only the page
on which a person clicks "Authorize" is left out.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.support.hub_store import User

CLIENT, SECRET = "space-client", "space-secret-space-secret-space"
SCOPES: Final = "openid profile write-discussions"


class SignInServer:
    """The running server; use it as a context manager. ``user`` is whoever consents next."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.refused: list[str] = []
        """What a client did wrong: there must be none."""
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "k1"})
        self._codes: dict[str, tuple[User, dict[str, str]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What the Hub sets in a Space whose card says ``hf_oauth``."""
        return {
            "OAUTH_CLIENT_ID": CLIENT,
            "OAUTH_CLIENT_SECRET": SECRET,
            "OAUTH_SCOPES": SCOPES,
            "OPENID_PROVIDER_URL": self.address,
        }

    def _told(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/oauth/authorize",
            "token_endpoint": f"{self.address}/oauth/token",
            "jwks_uri": f"{self.address}/oauth/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _consent(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to, with a code that is good for one token."""
        code = secrets.token_urlsafe(12)
        self._codes[code] = self.user, asked
        joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
        return f"{asked['redirect_uri']}{joint}{urlencode({'code': code, 'state': asked['state']})}"

    def _token(self, sent: dict[str, str], authorization: str) -> dict[str, Any] | None:
        user, asked = self._codes.pop(sent.get("code", ""), (None, {}))
        client = b64decode(authorization.removeprefix("Basic ")).decode()
        if user is None or client != f"{CLIENT}:{SECRET}" or sent.get("redirect_uri") != asked["redirect_uri"]:
            self.refused.append(f"token for {sorted(sent)}")
            return None
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "sub": user.name,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 3600,
            "name": user.name.title(),
            "preferred_username": user.name,
            "profile": f"{self.address}/{user.name}",
            "picture": "",
        }
        signed = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self._key)
        return {
            "access_token": user.token,
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": asked["scope"],
            "id_token": signed,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                split = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(split.query).items()}
                if split.path == "/oauth/authorize":
                    self.send_response(302)
                    self.send_header("Location", told._consent(asked))
                    self.end_headers()
                elif split.path == "/oauth/jwks":
                    self._json(KeySet([told._key]).as_dict(private=False))
                elif split.path == "/.well-known/openid-configuration":
                    self._json(told._told())
                else:
                    self.send_error(404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                sent = {name: values[0] for name, values in parse_qs(body).items()}
                found = told._token(sent, self.headers.get("Authorization") or "")
                self._json(found or {"error": "invalid_grant"}, 200 if found else 400)

            def _json(self, value: dict[str, Any], status: int = 200) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler
