"""OpenPGP signatures, checked by gpg in a home of its own that knows the trusted keys and nothing else.

What gpg says on its status channel counts, never its exit status: that is 0 for a signature by a revoked key too.
No agent is started, no option file read, no key fetched, and the user's keys are out of reach.
Source: GnuPG, doc/DETAILS, "Format of the --status-fd output" and "Format of colon listings".
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager

from weighbridge.attest.trust import CLOCK_SKEW
from weighbridge.core.errors import KeyMissing, Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

MAX_KEY = 1024 * 1024
MAX_SIGNATURE = 64 * 1024
MAX_MESSAGE = 16 * 1024 * 1024
_SECONDS = 60
_WEAK = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
_PRIVATE = 16
"""The bit of IMPORT_OK that says that a private key came along."""


class GoodPgp(NamedTuple):
    """A signature that holds: by which key (fingerprint of its primary key), and when the signer says it was made."""

    fingerprint: str
    made: int


class Keyring(NamedTuple):
    """A home of gpg with some keys. `fingerprints` are those of the keys in the order they were given."""

    program: str
    home: str
    fingerprints: tuple[str, ...]

    def verify(self, signature: bytes, message: bytes, now: datetime) -> GoodPgp:
        """Check one detached, armored signature over `message` at the time `now`.

        Raises Rejected: evidence-malformed, signer-unknown for a key that is not here, signature-invalid for
        a signature that does not hold or a key that is revoked or expired by its own word.
        """
        if len(signature) > MAX_SIGNATURE or len(message) > MAX_MESSAGE:
            raise Rejected("evidence-malformed", "a signature or a message of many megabytes", "a commit's")
        path = os.path.join(self.home, "signature")
        with open(path, "wb") as file:
            file.write(signature)
        at = f"{now:%Y%m%dT%H%M%S}!"
        status = _gpg(self.program, self.home, message, "--faked-system-time", at, "--verify", path, "-")
        good = _judge(status)
        if good.made > now.timestamp() + CLOCK_SKEW.total_seconds():
            raise Rejected("signature-invalid", "an OpenPGP signature whose time is to come", "a valid signature")
        return good


@contextmanager
def keyring(keys: Iterable[str]) -> Iterator[Keyring]:
    """A home with these public keys (armored text, one key each), removed at the end.

    Raises UsageError if there is no gpg, KeyMissing for a key that it does not take.
    """
    program = shutil.which("gpg")
    if program is None:
        raise UsageError("gpg is not installed, and an OpenPGP key is trusted", "install gnupg")
    with tempfile.TemporaryDirectory(prefix="wb-gpg-") as home:
        fingerprints = tuple(_add(program, home, key) for key in keys)
        yield Keyring(program, home, fingerprints)


def fingerprint_of(key: str) -> str:
    """The fingerprint of one armored public key. Raises as `keyring` does."""
    with keyring((key,)) as made:
        return made.fingerprints[0]


def _add(program: str, home: str, key: str) -> str:
    mend = "give the output of gpg --armor --export KEY, one key at a time"
    if "PRIVATE KEY BLOCK" in key:
        raise KeyMissing("this is a private OpenPGP key", f"keep it to yourself and {mend}")
    if len(key) > MAX_KEY or "BEGIN PGP PUBLIC KEY BLOCK" not in key:
        raise KeyMissing("this is no OpenPGP public key", mend)
    lines = _gpg(program, home, key.encode(errors="replace"), "--import-options", "import-minimal", "--import")
    taken = [words for words in lines if words[0] == "IMPORT_OK" and len(words) == 3]
    if len({words[2] for words in taken}) != 1:
        raise KeyMissing(f"gpg takes {len(taken)} keys from this text, not one", mend)
    if any(int(words[1]) & _PRIVATE for words in taken):
        raise KeyMissing("this is a private OpenPGP key", f"keep it to yourself and {mend}")
    return taken[0][2]


def _judge(lines: list[list[str]]) -> GoodPgp:
    by_word: dict[str, list[list[str]]] = {}
    for words in lines:
        by_word.setdefault(words[0], []).append(words)
    if len(by_word.get("NEWSIG", ())) != 1:
        raise Rejected("evidence-malformed", f"{len(by_word.get('NEWSIG', ()))} OpenPGP signatures", "exactly one")
    for word, why in (
        ("REVKEYSIG", "by a key that its owner revoked"),
        ("EXPKEYSIG", "by a key that has expired by its own word"),
        ("EXPSIG", "that has expired by its own word"),
        ("BADSIG", "that its key did not make over these bytes"),
    ):
        if word in by_word:
            who = plain(" ".join(by_word[word][0][2:]), 80)
            raise Rejected("signature-invalid", f"an OpenPGP signature of {who!r} {why}", "a valid signature")
    if "NO_PUBKEY" in by_word:
        name = plain(by_word["NO_PUBKEY"][0][1], 40)
        raise Rejected("signer-unknown", f"an OpenPGP signature by the key {name}", "a signature by a trusted key")
    good, valid = by_word.get("GOODSIG", []), by_word.get("VALIDSIG", [])
    if len(good) != 1 or len(valid) != 1 or len(valid[0]) < 11:
        raise Rejected("signature-invalid", "an OpenPGP signature that gpg does not confirm", "a valid signature")
    words = valid[0]
    if words[8] in _WEAK:
        raise Rejected("signature-invalid", f"an OpenPGP signature over {_WEAK[words[8]]}", "one over SHA-256 or more")
    if words[9] not in ("00", "01"):
        raise Rejected("signature-invalid", "an OpenPGP signature that is not of a document", "one of a document")
    return GoodPgp(words[10], int(words[3]) if words[3].isdigit() else 0)


def _gpg(program: str, home: str, data: bytes, *arguments: str) -> list[list[str]]:
    """What gpg says on its status channel, in words."""
    command = [program, "--homedir", home, "--no-options", "--batch", "--no-tty", "--quiet", "--no-autostart"]
    command += ["--no-auto-check-trustdb", "--no-auto-key-retrieve", "--disable-dirmngr", "--trust-model", "always"]
    command += ["--no-auto-key-locate", "--status-fd", "1", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 -- a program that the administrator installed
            command,
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": home, "GNUPGHOME": home},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Rejected("signature-invalid", "no answer from gpg", "one within a minute") from error
    lines = done.stdout[: 1 << 20].decode("utf-8", "replace").splitlines()
    return [line.split()[1:] for line in lines if line.startswith("[GNUPG:] ") and len(line.split()) > 1]
