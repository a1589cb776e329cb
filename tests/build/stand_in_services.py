"""Stand-ins for services that sign, on this machine: a timestamp authority, a key vault, and a Sigstore.

Each one answers as its specification says, with real signatures, and breaks it where a test says so (`wrong`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID

from build.authorities import Entity, Sigstore, authority, issued, name, timestamp, usage
from build.keys import private_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = tuple[int, dict[str, str], bytes]


class Service:
    """What a stand-in saw, and what it is to do wrong."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[tuple[str, str, bytes]] = []
        self.wrong = ""


@contextmanager
def serving(
    respond: Callable[[Service, str, str, dict[str, str], bytes], Answer],
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Service]:
    service = Service("")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.seen.append((self.command, self.path, body))
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, extra, content = respond(service, self.command, self.path, headers, body)
            self.send_response(status)
            for key, value in {**extra, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 -- names of the standard library

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    service.url = f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# A timestamp authority


def stamping(of: Entity, at: datetime) -> Any:
    """A timestamp authority that says one time. `wrong`: refused, message, nonce, status, garbage."""

    def respond(service: Service, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        assert headers["content-type"] == "application/timestamp-query"
        asked = tsp.TimeStampReq.load(body).native
        assert asked["cert_req"]
        digest = (
            hashlib.sha256(b"else").digest()
            if service.wrong == "message"
            else asked["message_imprint"]["hashed_message"]
        )
        nonce = asked["nonce"] + (service.wrong == "nonce")
        raw = timestamp(of, b"", at, digest=digest, nonce=nonce)
        if service.wrong == "refused":
            raw = tsp.TimeStampResp({"status": {"status": "rejection"}}).dump()
        if service.wrong == "garbage":
            raw = b"\x30\x03no!"
        return 500 if service.wrong == "status" else 200, {"Content-Type": "application/timestamp-reply"}, raw

    return serving(respond)


# Azure Key Vault

VAULT_HOST = "weighbridge.vault.test"
TOKEN = "eyJ0b2tlbiI6InNlY3JldCJ9.c2VjcmV0"
VERSION = "a1b2c3d4e5f60718293a4b5c6d7e8f90"


@contextmanager
def vault(folder: Path, number: int = 1, curve: str = "P-256") -> Iterator[Service]:
    """A key vault with one key, `release`, over TLS with an authority of its own (`folder`/vault-ca.pem).

    It asks for a token as the real one does: a challenge that names the tenant and the resource.
    `wrong`: denied, signature, short, disabled, token.
    """
    root = authority(70, "Vault root")
    extensions = [
        (usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([x509.DNSName(VAULT_HOST)]), False),
    ]
    server = issued(71, name(VAULT_HOST), root, extensions)
    (folder / "vault-ca.pem").write_bytes(root.pem)
    (folder / "vault.pem").write_bytes(
        server.pem
        + server.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "vault.pem")
    key = private_key(number, curve)

    def respond(service: Service, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        resource = "https://vault.test" + service.url[service.url.rindex(":") :]
        if headers.get("authorization") != f"Bearer {TOKEN}" or service.wrong == "token":
            challenge = f'Bearer authorization="https://login.test/tenant", resource="{resource}"'
            return _json(401, {"error": {"code": "Unauthorized", "message": "a token is needed"}}, challenge)
        if service.wrong == "denied":
            return _json(403, {"error": {"code": "Forbidden", "message": "the caller may not sign"}})
        kid = f"{service.url}/keys/release/{VERSION}"
        found = re.fullmatch(rf"/keys/release/({VERSION})?(/sign)?\?api-version=[0-9.a-z-]+", path)
        if not found:
            return _json(404, {"error": {"code": "KeyNotFound", "message": "there is no such key"}})
        if not found[2]:
            numbers = key.public_key().public_numbers()
            size = (key.curve.key_size + 7) // 8
            point = {"x": _b64url(numbers.x.to_bytes(size, "big")), "y": _b64url(numbers.y.to_bytes(size, "big"))}
            jwk = {"kid": kid, "kty": "EC", "crv": curve, "key_ops": ["sign", "verify"], **point}
            return _json(200, {"key": jwk, "attributes": {"enabled": service.wrong != "disabled"}})
        asked = json.loads(body)
        assert asked["alg"] == "ES256"
        digest = base64.urlsafe_b64decode(asked["value"] + "==")
        assert len(digest) == 32, "only digests are sent"
        signature = key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        raw = b"".join(part.to_bytes(32, "big") for part in utils.decode_dss_signature(signature))
        if service.wrong == "signature":
            raw = raw[:-1] + bytes([raw[-1] ^ 1])
        return _json(200, {"kid": kid, "value": _b64url(raw[:-1] if service.wrong == "short" else raw)})

    with serving(respond, tls=tls, host=VAULT_HOST) as service:
        yield service


# Sigstore


@contextmanager
def keyless(ours: Sigstore, identity: str, issuer: str) -> Iterator[Service]:
    """The authority, the log and the clock of a Sigstore behind one address. `wrong`: authority, log, certificate."""

    def respond(service: Service, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        now = datetime.now(UTC).replace(microsecond=0)
        if path == "/api/v2/signingCert":
            if service.wrong == "authority":
                return _json(403, {"message": "the identity is not known"})
            assert headers["authorization"].startswith("Bearer ")
            request = x509.load_pem_x509_csr(base64.b64decode(json.loads(body)["certificateSigningRequest"]))
            assert request.is_signature_valid
            leaf = ours.certificate(
                identity,
                issuer,
                now,
                public=request.public_key(),
                logged_by=private_key(99) if service.wrong == "certificate" else None,
            )
            chain = [entity.pem.decode() for entity in (leaf, ours.below, ours.root)]
            return _json(201, {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})
        if path == "/api/v1/log/entries":
            if service.wrong == "log":
                return _json(500, {"message": "the log is full"})
            proposed = json.loads(body)["spec"]["proposedContent"]
            envelope = json.loads(proposed["envelope"])
            certificate = x509.load_pem_x509_certificate(base64.b64decode(proposed["verifiers"][0]))
            signature = base64.b64decode(envelope["signatures"][0]["sig"])
            entry = ours.entry(
                base64.b64decode(envelope["payload"]), signature, Entity(certificate, private_key(1)), now
            )
            return _json(201, {"24296fb24b8ad77a": _rekor(entry)})
        if path == "/api/v1/timestamp":
            asked = tsp.TimeStampReq.load(body).native
            raw = timestamp(
                ours.clock, b"", now, digest=asked["message_imprint"]["hashed_message"],
                nonce=asked["nonce"], algorithm=asked["message_imprint"]["hash_algorithm"]["algorithm"],
            )  # fmt: skip
            return 201, {"Content-Type": "application/timestamp-reply"}, raw
        return _json(404, {"message": "there is nothing"})

    with serving(respond) as service:
        yield service


def trust_configuration(ours: Sigstore, url: str) -> bytes:
    """The client trust configuration of a Sigstore behind one address."""

    def service(where: str) -> list[dict[str, Any]]:
        valid = {"start": "2026-01-01T00:00:00Z"}
        return [{"url": where, "majorApiVersion": 1, "validFor": valid, "operator": "example"}]

    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(ours.trusted_root()),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": service(url),
                "rekorTlogUrls": service(url),
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": service(f"{url}/api/v1/timestamp"),
                "tsaConfig": {"selector": "ANY"},
            },
        }
    ).encode()


def identity_token(identity: str, issuer: str) -> str:
    """An OIDC token as a build machine gets it; nobody here checks who signed it."""
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": issuer, "sub": identity, "aud": "sigstore", "iat": now, "nbf": now, "exp": now + 600}
    head = {"alg": "ES256", "typ": "JWT"}
    return ".".join(_b64url(part) for part in (json.dumps(head).encode(), json.dumps(claims).encode(), b"x" * 64))


def _rekor(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as the log's first API gives it."""
    proof = entry["inclusionProof"]
    return {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        "logIndex": int(entry["logIndex"]),
        "verification": {
            "inclusionProof": {
                "checkpoint": proof["checkpoint"]["envelope"],
                "hashes": [base64.b64decode(part).hex() for part in proof["hashes"]],
                "logIndex": int(proof["logIndex"]),
                "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                "treeSize": int(proof["treeSize"]),
            },
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        },
    }


def _json(status: int, document: dict[str, Any], challenge: str = "") -> Answer:
    headers = {"Content-Type": "application/json", **({"WWW-Authenticate": challenge} if challenge else {})}
    return status, headers, json.dumps(document).encode()


def _b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
