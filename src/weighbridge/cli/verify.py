"""Verify that a model folder holds exactly the files that a trusted key signed (OpenSSF Model Signing).

Status 0: it does. Status 1: it does not, or the signer is not trusted; the message says which.

Examples:
  weighbridge verify ./model
  weighbridge verify ./model --signature model.sig --key publisher.pub
"""

from __future__ import annotations

import os
import sys

from weighbridge.attest.model_signing import SIGNATURE_FILE, verify_model
from weighbridge.attest.trust import TrustedKey, TrustPolicy
from weighbridge.cli import common
from weighbridge.core.errors import Rejected, SourceError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_MOST = 64 * 1024 * 1024


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `verify` takes."""
    parser.add_argument("path", metavar="PATH", help="the model folder")
    parser.add_argument("--signature", metavar="FILE", help=f"the signature (default: PATH/{SIGNATURE_FILE})")
    parser.add_argument("--key", metavar="FILE", help="trust this public key only (default: the keys of the settings)")
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Verify and say what was verified and how."""
    if not os.path.isdir(options.path):
        raise SourceError(f"{options.path!r} is no folder", "name the folder of the model")
    trust = _trust(options)
    signature = options.signature or os.path.join(options.path, SIGNATURE_FILE)
    bundle = _read(signature)
    try:
        model = verify_model(options.path, bundle, trust)
    except Rejected as error:
        if options.format == "json":
            _json(options, {"verified": False, "code": error.code, "got": error.got, "expected": error.expected})
        else:
            common.write(options, f"NOT VERIFIED  {plain(options.path)}\n  {error.code}: {plain(error.cause)}")
        return 1
    if options.format == "json":
        _json(
            options,
            {
                "verified": True,
                "name": model.name,
                "digest": str(model.digest),
                "signer": model.signer_name,
                "keyId": model.key_id,
                "files": [{"path": path, "sha256": digest.hex} for path, digest in model.files],
                "unsigned": list(model.unsigned),
            },
        )
        return 0
    lines = [f"VERIFIED  {plain(options.path)}  {len(model.files)} files, signed by {plain(model.signer_name)}"]
    lines.append(f"  key {model.key_id}")
    lines.extend(f"  not covered by the signature: {plain(path)}" for path in model.unsigned)
    common.write(options, "\n".join(lines))
    return 0


def _trust(options: argparse.Namespace) -> TrustPolicy:
    if not options.key:
        return common.trust_policy(common.settings_for(options, [options.path]))
    return TrustPolicy((TrustedKey(os.path.basename(options.key), _read(options.key), frozenset("*")),))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(_MOST + 1)
    except OSError as error:
        raise SourceError(f"{path!r} cannot be read: {error.strerror}", "name the file that holds it") from error
    if len(raw) > _MOST:
        raise UsageError(f"{path!r} is too large to be a signature or a key", "name another file")
    return raw


def _json(options: argparse.Namespace, document: dict[str, object]) -> None:
    from weighbridge.render.documents import document_json

    common.write(options, document_json({"schema": "weighbridge.verify/1", **document}))
    sys.stdout.flush()
