"""Sign a model folder: an OpenSSF model signature over every file, written as model.sig into the folder.

The folder is hashed, not inspected: a signature says who vouches for these bytes, not that they are harmless.

Examples:
  weighbridge sign ./model
  weighbridge sign ./model --key release.pem --signature model.sig
"""

from __future__ import annotations

import os

from weighbridge.attest.model_signing import SIGNATURE_FILE, sign_model
from weighbridge.cli import common
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.reader import FileSource, hash_file
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.walk import walk

if TYPE_CHECKING:
    import argparse

    from weighbridge.core.digests import Digest
    from weighbridge.scan.walk import Entry


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `sign` takes."""
    parser.add_argument("path", metavar="PATH", help="the model folder")
    parser.add_argument("--key", metavar="FILE", help="the private key (default: that of the settings)")
    parser.add_argument("--signature", metavar="FILE", help=f"where to write it (default: PATH/{SIGNATURE_FILE})")
    common.add_general(parser)


def run(options: argparse.Namespace) -> int:
    """Hash, sign, write."""
    settings = common.settings_for(options, [options.path])
    if options.key:
        settings = settings._replace(key=options.key)
    signer = common.signing_key(settings)
    if not os.path.isdir(options.path):
        raise UsageError(f"{options.path!r} is no folder", "name the folder of the model")
    target = options.signature or os.path.join(options.path, SIGNATURE_FILE)
    own = os.path.relpath(os.path.realpath(target), os.path.realpath(options.path))
    entries = walk(options.path, settings.limits.files)
    left_out = any(entry.kind == "left-out" for entry in entries)
    files = [(entry.path, _digest(entry)) for entry in entries if entry.path != own and entry.kind != "left-out"]
    bundle = sign_model(os.path.basename(os.path.abspath(options.path)), files, signer, leave_out_git=left_out)
    try:
        with open(target, "wb") as file:
            file.write(bundle)
    except OSError as error:
        raise UsageError(f"{target!r} cannot be written: {error.strerror}", "name another file") from error
    common.say(options, f"signed {len(files)} files with {signer.key_id[:16]}…, signature in {target}")
    return 0


def _digest(entry: Entry) -> Digest:
    if entry.kind != "file":
        raise SourceError(
            f"{plain(entry.path)} is no regular file and cannot be signed", "replace it by the file itself"
        )
    try:
        fd = os.open(entry.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(f"{plain(entry.path)} cannot be read: {error.strerror}", "check its rights") from error
    try:
        digest, whole = hash_file(FileSource(fd, os.fstat(fd).st_size))
    finally:
        os.close(fd)
    if not whole:
        raise SourceError(f"{plain(entry.path)} changed while it was hashed", "try again when nothing writes to it")
    return digest
