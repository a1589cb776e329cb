"""When a signature was made, as a timestamp authority says (RFC 3161).

The timestamp is over the bytes of the signature. It needs the library `rfc3161-client`, which comes with the extra
`sigstore`.
"""

from __future__ import annotations

from weighbridge.core.errors import KeyMissing, Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

    from weighbridge.attest.bundles import Bundle
    from weighbridge.attest.identities import TrustedAuthority


def proven_time(bundle: Bundle, authorities: Sequence[TrustedAuthority]) -> datetime | None:
    """The earliest time that a trusted timestamp authority says this signature existed at; None if none says so.

    Raises UsageError if there is a timestamp to check and the library is missing, Rejected (evidence-malformed) for a
    response that is none.
    """
    if not bundle.timestamps or not authorities:
        return None
    try:
        import rfc3161_client
    except ImportError as error:
        raise UsageError(
            "a timestamp cannot be checked without the library rfc3161-client", "pip install 'weighbridge[sigstore]'"
        ) from error
    times = []
    for raw in bundle.timestamps:
        try:
            response = rfc3161_client.decode_timestamp_response(raw)
        except ValueError as error:
            raise Rejected(
                "evidence-malformed", f"a timestamp that cannot be read ({plain(str(error), 120)})", "RFC 3161"
            ) from error
        times += [
            response.tst_info.gen_time for authority in authorities if _says(response, bundle.signature, authority)
        ]
    return min(times, default=None)


def _says(response: TimeStampResponse, message: bytes, authority: TrustedAuthority) -> bool:
    import rfc3161_client
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        certificates = x509.load_pem_x509_certificates(authority.pem)
    except ValueError as error:
        raise KeyMissing(
            f"the certificates of the authority {plain(authority.name, 80)!r} cannot be read", "give them as PEM"
        ) from error
    builder = rfc3161_client.VerifierBuilder()
    for certificate in certificates:
        usages = [entry.value for entry in certificate.extensions if isinstance(entry.value, x509.ExtendedKeyUsage)]
        if any(ExtendedKeyUsageOID.TIME_STAMPING in usage for usage in usages) and not _is_issuer(certificate):
            builder = builder.tsa_certificate(certificate)
        elif certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    # What the library and the one below it raise on hostile bytes.
    hostile = (
        *(rfc3161_client.VerificationError, ValueError, TypeError, LookupError, InvalidSignature, UnsupportedAlgorithm),
        *(x509.ExtensionNotFound, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
    )
    try:
        builder.build().verify_message(response, message)
    except hostile:
        return False
    return True


def _is_issuer(certificate: Certificate) -> bool:
    from cryptography import x509

    return any(isinstance(entry.value, x509.BasicConstraints) and entry.value.ca for entry in certificate.extensions)
