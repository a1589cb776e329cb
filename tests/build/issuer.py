"""A small issuer of OpenID Connect on this machine: discovery, keys, codes with PKCE, and ID tokens that tests can bend."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

CLIENT, SECRET = "weighbridge", "hush, this is long enough"


class Issuer:
    """`claims` go into every ID token; `bend` gets its claims and may change them, `key` and `headers` sign it."""

    def __init__(self) -> None:
        self.key: Any = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"}, private=True)
        self.headers = {"alg": "ES256", "kid": "one"}
        self.published = KeySet([self.key])
        self.claims: dict[str, Any] = {"preferred_username": "ada", "roles": ["guards"], "groups": ["team"]}
        self.bend: Any = lambda claims: claims
        self.discovered = 0
        self._codes: dict[str, dict[str, str]] = {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/.well-known/openid-configuration":
                    issuer.discovered += 1
                    self.answer(200, issuer.description())
                elif parts.path == "/keys":
                    self.answer(200, issuer.published.as_dict(private=False))
                elif parts.path == "/authorize":
                    self.send_response(302)
                    self.send_header("location", issuer.consent(parts.query))
                    self.end_headers()
                else:
                    self.answer(404, {})

            def do_POST(self) -> None:
                words = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self.answer(*issuer.redeem({key: one[0] for key, one in words.items()}, self.headers["authorization"]))

            def answer(self, status: int, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }

    def consent(self, query: str) -> str:
        """What a browser is sent back with, for whoever comes is signed in."""
        words = {key: one[0] for key, one in parse_qs(query).items()}
        assert words["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = words
        return f"{words['redirect_uri']}?{urlencode({'code': code, 'state': words['state'], 'iss': self.address})}"

    def redeem(self, words: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        asked = self._codes.pop(words.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{quote(SECRET, safe='')}".encode()).decode()
        if asked is None or authorization != f"Basic {basic}" or words["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(words["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        claims = {"iss": self.address, "aud": CLIENT, "sub": "s-1", "nonce": asked["nonce"], **times, **self.claims}
        token = jwt.encode(self.headers, self.bend(claims), self.key, algorithms=["ES256", "HS256"])
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}


def shared_key(text: str) -> OctKey:
    """A key that both sides would have to share: no ID token may be signed with one."""
    return OctKey.import_key(text)
