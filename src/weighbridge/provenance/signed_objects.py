"""Whose signature a commit or a tag has, and whether the trust store lets them say so about this place.

A signature counts if it holds, its key is in the trust store for this kind of object and this place, and the key is
good both now and at the time that the signer claims. Both, because the signer alone says when a commit was made:
whoever steals a key can write any date. Only a time that somebody else has proven (`proven`, for example that of an
earlier admission of the very same commit) takes the place of both; a compromised key fails even then.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Literal, Self

from weighbridge.attest.openpgp import keyring
from weighbridge.attest.openssh import read_key, read_signature, verify_ssh
from weighbridge.attest.trust import CLOCK_SKEW
from weighbridge.core.claims import Status
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType

    from weighbridge.attest.openpgp import Keyring
    from weighbridge.attest.trust import TrustEntry, TrustPolicy

What = Literal["commit", "tag"]
_MAY = {"commit": "commits", "tag": "tags"}
_PGP, _SSH = b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN SSH SIGNATURE-----"


class Judged(NamedTuple):
    """What a signature is worth: `who` is the owner of the key if it is one that is trusted for anything."""

    status: Status
    why: str
    who: str = ""
    hub: bool = False


class Signed(NamedTuple):
    """A signature, what it is over, and the time that its signer claims (seconds since 1970)."""

    what: What
    id: str
    signature: bytes
    payload: bytes
    claimed: int


class Signers:
    """The trusted keys, ready to check signatures about one place. Use it as a context: gpg needs a home."""

    def __init__(self, trust: TrustPolicy, place: str, now: datetime, proven: datetime | None = None) -> None:
        self._place = place
        self._now = now
        self._proven = proven
        self._ssh = {read_key(entry.key): entry for entry in trust.of_kind("ssh")}
        self._pgp_entries = trust.of_kind("gpg")
        self._pgp: tuple[Keyring, dict[str, TrustEntry]] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def judge(self, signed: Signed) -> Judged:
        """What the signature of one object is worth."""
        if not signed.signature:
            return Judged(Status.ABSENT, f"the {signed.what} {signed.id} is not signed")
        try:
            entry, made = self._check(signed)
        except Rejected as error:
            return self._refused(signed, error)
        return self._weigh(signed, entry, made)

    def _check(self, signed: Signed) -> tuple[TrustEntry, int]:
        """The entry whose key made the signature, and when that says it was made. Raises Rejected."""
        if signed.signature.startswith(_SSH):
            found = read_signature(signed.signature)
            verify_ssh(found, signed.payload)
            entry = self._ssh.get(found.blob)
            if entry is None:
                raise Rejected("signer-unknown", f"a signature that holds, by the SSH key {found.fingerprint}", "")
            return entry, signed.claimed
        if signed.signature.startswith(_PGP):
            if not self._pgp_entries:
                raise Rejected("signer-unknown", "an OpenPGP signature", "")
            ring, entries = self._keys()
            good = ring.verify(signed.signature, signed.payload, self._proven or self._now)
            return entries[good.fingerprint], good.made
        raise Rejected("signer-unknown", "a signature of another kind than OpenPGP and SSH", "")

    def _keys(self) -> tuple[Keyring, dict[str, TrustEntry]]:
        if self._pgp is None:
            ring = self._stack.enter_context(keyring(entry.key for entry in self._pgp_entries))
            if len(set(ring.fingerprints)) != len(ring.fingerprints):
                raise UsageError("the trust store has the same OpenPGP key twice", "revoke or mend one of the entries")
            self._pgp = ring, dict(zip(ring.fingerprints, self._pgp_entries, strict=True))
        return self._pgp

    def _refused(self, signed: Signed, error: Rejected) -> Judged:
        if error.code == "signer-unknown":
            why = f"the {signed.what} {signed.id} has {error.got}, which the trust store does not have"
            return Judged(Status.DECLARED, f"{why}: a signature of somebody unknown proves nothing")
        why = f"the link from signature to {signed.what} {signed.id} is broken: it has {error.got}"
        return Judged(Status.CONTRADICTED, why)

    def _weigh(self, signed: Signed, entry: TrustEntry, made: int) -> Judged:
        who = plain(entry.owner, 120)
        here = f"the {signed.what} {signed.id} is signed by {who} ({entry.id})"
        why = self._untimely(entry, signed.claimed, made)
        if why:
            broken = f"the link from key to trust store is broken: {here}, but {why}"
            return Judged(Status.CONTRADICTED, broken, who)
        if not entry.allows(_MAY[signed.what]):
            return Judged(Status.DECLARED, f"{here}, who may not sign {_MAY[signed.what]}", who)
        if not entry.counts_for(self._place):
            return Judged(Status.DECLARED, f"{here}, who is not trusted for {plain(self._place, 200)}", who)
        if entry.role == "hub":
            made_by = "which says that the hub made it, not who wrote it"
            return Judged(Status.DECLARED, f"{here}, the hub's own key, {made_by}", who, hub=True)
        return Judged(Status.VERIFIED, here, who)

    def _untimely(self, entry: TrustEntry, *claimed: int) -> str:
        if self._proven is not None:
            return entry.validity.refusal(self._proven)
        why = entry.validity.refusal(self._now)
        for seconds in claimed:
            try:
                moment = datetime.fromtimestamp(seconds, UTC)
            except (ValueError, OverflowError, OSError):
                return "the time that it claims is none"
            if moment > self._now + CLOCK_SKEW:
                return f"the time that it claims, {moment:%Y-%m-%d}, is to come"
            why = why or entry.validity.refusal(moment)
        return why
