"""Signing without a key of ours: Sigstore certifies an identity for ten minutes, and a public log remembers.

The identity is that of the build machine (GitHub Actions, GitLab, Google Cloud, Buildkite …), or the OIDC token in
SIGSTORE_ID_TOKEN. Nobody is asked in a browser. Who the identity is, and what it signed, stands in a log for everybody
to read: the names of files and the whole statement do not, but their digests do.

The library `sigstore` (extra `sigstore`) speaks with the certificate authority, the log and the clock, and checks the
promise of the certificate log. The services are those of the public instance, as its signed repository names them, or
those of a client trust configuration: `sigstore_config` in [signer]. `attest.keyless` verifies what is made here.
Source: sigstore/protobuf-specs, sigstore_trustroot.proto, ClientTrustConfig.
"""

from __future__ import annotations

import base64
import json
import os

from weighbridge.attest.signers import Vouched
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer

TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105 -- the name of a variable, no secret
"""The environment variable with an OIDC token, where the platform gives none by itself; its value is never printed."""
MAX_CONFIG = 4 * 1024 * 1024


class KeylessSigner:
    """An identity. A certificate is asked for when it is needed: it lasts for minutes, an intake may take longer."""

    __slots__ = ("_config", "_signer", "key_id")

    def __init__(self, config: ClientTrustConfig) -> None:
        self._config = config
        self._signer: Signer | None = None
        self.key_id = plain(_token().identity, 200)

    def __repr__(self) -> str:
        return f"KeylessSigner({self.key_id})"

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        """As `signers.Signer` has it. Raises KeyMissing if the services or the identity do not do their part."""
        import requests
        from sigstore._internal.fulcio import ExpiredCertificate
        from sigstore._internal.fulcio.client import FulcioClientError
        from sigstore._internal.rekor import RekorClientError
        from sigstore.dsse import Statement
        from sigstore.errors import Error
        from sigstore.oidc import ExpiredIdentity

        if payload_type != PAYLOAD_TYPE:
            raise UsageError(f"Sigstore signs no {plain(payload_type, 80)}", "sign statements with it")
        try:
            try:
                bundle = self._current().sign_dsse(Statement(payload))
            except (ExpiredCertificate, ExpiredIdentity):
                self._signer = None
                bundle = self._current().sign_dsse(Statement(payload))
            made = json.loads(bundle.to_json())
            (signature,) = made["dsseEnvelope"]["signatures"]
            if base64.b64decode(made["dsseEnvelope"]["payload"]) != payload:
                raise KeyMissing("the library signed other bytes than it was given", "use another version of sigstore")
            return Vouched(base64.b64decode(signature["sig"]), made["verificationMaterial"], "")
        except (Error, FulcioClientError, RekorClientError, ExpiredCertificate, ExpiredIdentity) as error:
            raise _failed(error) from error
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            raise _failed(error) from error

    def _current(self) -> Signer:
        from sigstore.sign import Signer, SigningContext

        if self._signer is None:
            self._signer = Signer(_token(), SigningContext.from_trust_config(self._config))
        return self._signer


def open_keyless(config: str = "") -> KeylessSigner:
    """The identity of this machine. `config` is a file with a client trust configuration (empty: the public instance).

    Raises UsageError without the library, KeyMissing if there is no identity or the configuration cannot be used.
    """
    try:
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
    except ImportError as error:
        raise UsageError(
            "there is no signing with Sigstore without the library sigstore", "pip install 'weighbridge[sigstore]'"
        ) from error
    _token()
    try:
        if config:
            with open(config, "rb") as file:
                return KeylessSigner(ClientTrustConfig.from_json(file.read(MAX_CONFIG).decode()))
        return KeylessSigner(ClientTrustConfig.production())
    except OSError as error:
        raise KeyMissing(
            f"the configuration of Sigstore cannot be read: {plain(str(error), 200)}",
            "mend sigstore_config",
        ) from error
    except (Error, ValueError, TypeError) as error:
        raise KeyMissing(
            f"the configuration of Sigstore cannot be used: {plain(str(error), 200)}",
            "name a client trust configuration, or see whether its repository can be reached",
        ) from error


def _token() -> IdentityToken:
    """The identity token of this machine. Raises KeyMissing."""
    from sigstore.errors import Error
    from sigstore.oidc import IdentityToken, detect_credential

    mend = f"run in CI with the right to ask for tokens (GitHub: permissions id-token: write), or set {TOKEN}"
    try:
        raw = os.environ.get(TOKEN) or detect_credential()
        if not raw:
            raise KeyMissing("this machine has no identity that Sigstore could certify", mend)
        return IdentityToken(raw)
    except Error as error:
        raise KeyMissing(f"the identity of this machine cannot be used: {plain(str(error), 200)}", mend) from error


def _failed(error: Exception) -> KeyMissing:
    why = plain(str(error) or type(error).__name__, 300)
    return KeyMissing(f"nothing was signed with Sigstore: {why}", "try again; see whether its services can be reached")
