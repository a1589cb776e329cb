"""Dating signatures when they are made: an RFC 3161 timestamp authority signs that a signature existed at a time.

    TimeStampReq (DER, POST as application/timestamp-query) → TimeStampResp (application/timestamp-reply)

The answer is checked before it is kept: it must be granted, be about the digest of our signature and have our nonce.
Whether its authority is trusted is asked by whoever verifies (`attest.timestamps`): an authority in the trust store
that may sign `timestamps`. With a timestamp evidence outlives its key: see `attest.trust`. The address may be plain
http, as most authorities have it: the answer is signed, and whoever changes it breaks it.
Source: RFC 3161, sections 2.4 and 3.4. It needs `rfc3161-client`, which comes with the extra `sigstore`.
"""

from __future__ import annotations

import base64
import hashlib

from weighbridge.attest.signers import Vouched
from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.attest.signers import Signer

MAX_RESPONSE = 256 * 1024
SECONDS = 20.0
GRANTED = (0, 1)


class Dated:
    """A signer whose signatures carry the time that an authority says they were made at."""

    __slots__ = ("_ask", "_signer")

    def __init__(self, signer: Signer, ask: Callable[[bytes], bytes]) -> None:
        self._signer = signer
        self._ask = ask

    @property
    def key_id(self) -> str:
        return self._signer.key_id

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        made = self._signer.vouch(payload_type, payload)
        stamp = base64.b64encode(self._ask(made.signature)).decode()
        material = {**made.material, "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": stamp}]}}
        return made._replace(material=material)


def asks(address: str) -> Callable[[bytes], bytes]:
    """What gets a timestamp over bytes from the authority at this address. Raises UsageError without the library."""
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"{plain(address, 200)!r} is no timestamp authority", "write its https:// address")
    try:
        import rfc3161_client  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "no timestamp can be asked for without the library rfc3161-client", "pip install 'weighbridge[sigstore]'"
        ) from error
    return lambda message: stamped(address, message)


def stamped(address: str, message: bytes) -> bytes:
    """An RFC 3161 response over `message`, DER. Raises KeyMissing if the authority gives none that holds."""
    import rfc3161_client
    import urllib3

    request = (
        rfc3161_client.TimestampRequestBuilder()
        .data(message)
        .hash_algorithm(rfc3161_client.base.HashAlgorithm.SHA256)
        .build()
    )
    mend = "try again, or name another authority in [signer] timestamp"
    shown = plain(address, 200)
    try:
        with urllib3.PoolManager() as pool:
            answer = pool.request(
                "POST",
                address,
                body=request.as_bytes(),
                headers={"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"},
                timeout=SECONDS,
                redirect=False,
                retries=urllib3.Retry(2, redirect=False),
                preload_content=False,
            )
            try:
                raw = answer.read(MAX_RESPONSE + 1)
            finally:
                answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise KeyMissing(f"the timestamp authority {shown} cannot be asked: {plain(str(error), 200)}", mend) from error
    if answer.status != 200 or len(raw) > MAX_RESPONSE:
        raise KeyMissing(f"the timestamp authority {shown} answered {answer.status} with {len(raw)} bytes", mend)
    try:
        response = rfc3161_client.decode_timestamp_response(raw)
        granted = response.status in GRANTED
        ours = (
            granted
            and response.tst_info.message_imprint.message == hashlib.sha256(message).digest()
            and response.tst_info.nonce == request.nonce
        )
    except ValueError as error:
        raise KeyMissing(f"the timestamp authority {shown} gave no timestamp", mend) from error
    if not ours:
        what = "a timestamp of something else" if granted else "a refusal"
        raise KeyMissing(f"the timestamp authority {shown} gave {what}", mend)
    return bytes(raw)
