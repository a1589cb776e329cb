"""Which key may say what. A valid signature by the wrong key for a kind of statement is refused.

Three things take a right away again: the ends of an entry's validity, a revocation, and a source that the entry is
not for. The time that a statement gives is a claim of whoever signs: who finds an old key sets the clock to suit
himself. So a key that was *compromised* counts for nothing, whatever the time. A key that was *retired* or
*superseded*, or whose time is over, counts for what it signed while it counted, if a timestamp authority of the trust
store (RFC 3161, see `attest.clock`) says when that was; without such a timestamp its evidence must be signed anew.

Whoever is known by a certificate or by Sigstore may sign our evidence only if the entry's sources say `evidence`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from weighbridge.attest.bundles import read_bundle
from weighbridge.attest.dsse import check_size, open_bundle
from weighbridge.attest.identities import EVIDENCE, TrustedAuthority, TrustedIdentity
from weighbridge.attest.signers import key_id_of
from weighbridge.attest.statement import Statement, read_statement, strict_object
from weighbridge.attest.timestamps import proven_time
from weighbridge.attest.vouching import voucher
from weighbridge.core.digests import Digest
from weighbridge.core.errors import KeyMissing, Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import NamedTuple

ANYTHING = "*"
"""In `may_sign`: every predicate type."""
COMMITS, TAGS = "commits", "tags"
"""In `may_sign` of a gpg or ssh key."""
EntryKind = Literal["attestation", "gpg", "ssh", "certificate-authority", "sigstore"]
Role = Literal["author", "hub"]
Reason = Literal["compromised", "retired", "superseded"]
CLOCK_SKEW = timedelta(minutes=10)
"""How far in the future the time of a statement may lie before it is not believed."""


class Validity(NamedTuple):
    """When a key counts; None is no end. All times are UTC."""

    since: datetime | None = None
    until: datetime | None = None
    revoked_at: datetime | None = None
    reason: Reason | None = None

    def refusal(self, at: datetime) -> str:
        """Why the key does not count for something made at this time; empty if it does."""
        if self.revoked_at is not None and self.reason not in ("retired", "superseded"):
            return f"it was revoked as {self.reason or 'compromised'} ({self.revoked_at:%Y-%m-%d}), which no time heals"
        if self.revoked_at is not None and at >= self.revoked_at:
            return f"it was revoked as {self.reason} on {self.revoked_at:%Y-%m-%d}"
        if self.since is not None and at < self.since:
            return f"it counts from {self.since:%Y-%m-%d} on"
        if self.until is not None and at >= self.until:
            return f"it expired on {self.until:%Y-%m-%d}"
        return ""


ALWAYS = Validity()


class TrustedKey(NamedTuple):
    """A public key (PEM) with the name that people know it by and the predicate types that it may sign."""

    name: str
    pem: bytes
    may_sign: frozenset[str]
    validity: Validity = ALWAYS

    def allows(self, predicate_type: str) -> bool:
        """Whether this key may sign statements of this predicate type."""
        return predicate_type in self.may_sign or ANYTHING in self.may_sign


class TrustEntry(NamedTuple):
    """One entry of the trust store.

    `key` is PEM, an armored OpenPGP key, a line of OpenSSH, or a PEM certificate; empty for a sigstore identity, which
    is `identity` (an address or a URI) as `issuer` vouches for it. `sources` are patterns of the places that the key
    counts for. A key with the role `hub` is a hub's own: it proves that the hub made a commit, never who wrote it.
    """

    id: str
    kind: EntryKind
    owner: str
    key: str = ""
    may_sign: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    role: Role = "author"
    validity: Validity = ALWAYS
    identity: str = ""
    issuer: str = ""
    note: str = ""

    def allows(self, what: str) -> bool:
        """Whether this entry may sign that kind of thing."""
        return what in self.may_sign or ANYTHING in self.may_sign

    def counts_for(self, place: str) -> bool:
        """Whether this entry counts for models of this place."""
        return any(matches(pattern, place) for pattern in self.sources)


def matches(pattern: str, place: str) -> bool:
    """Whether a place is one that a pattern means: `*` is anything without a slash, `**` anything at all."""
    parts = re.split(r"(\*\*|\*)", pattern.removesuffix("/").removesuffix(".git"))
    kinds = {"*": "[^/]*", "**": ".*"}
    return re.fullmatch("".join(kinds.get(part, re.escape(part)) for part in parts), place, re.DOTALL) is not None


class TrustPolicy(NamedTuple):
    """All keys that are trusted for something: those that sign evidence, every entry of the trust store, and who else
    may vouch for a model that comes from outside.

    `sigstore_root` is the trusted_root.json that Sigstore identities are checked with; empty: that of the public
    instance.
    """

    keys: tuple[TrustedKey, ...]
    entries: tuple[TrustEntry, ...] = ()
    identities: tuple[TrustedIdentity, ...] = ()
    authorities: tuple[TrustedAuthority, ...] = ()
    sigstore_root: bytes = b""

    def by_id(self) -> dict[str, TrustedKey]:
        """The keys by key id, which is derived from the PEM text and never taken from a setting.

        Raises KeyMissing for a key that cannot be read, UsageError if one key is listed twice (which of the two
        lists of predicate types would hold?).
        """
        result: dict[str, TrustedKey] = {}
        for key in self.keys:
            try:
                key_id = key_id_of(key.pem)
            except KeyMissing as error:
                raise KeyMissing(f"trusted key {plain(key.name, 80)!r}: {error.cause}", error.mend) from error
            if key_id in result:
                raise UsageError(
                    f"the trusted keys {plain(result[key_id].name, 80)!r} and {plain(key.name, 80)!r} are the same key",
                    "list it once, with everything it may sign",
                )
            result[key_id] = key
        return result

    def clocks(self) -> tuple[TrustedAuthority, ...]:
        """The authorities whose timestamps are believed today."""
        return tuple(entry for entry in self.authorities if entry.purpose == "timestamp" and not entry.refusal)

    def for_evidence(self) -> TrustPolicy:
        """As this one, with only those certificate holders and identities that may speak for our own gates."""
        return self._replace(
            identities=tuple(entry for entry in self.identities if EVIDENCE in entry.sources),
            authorities=tuple(
                entry for entry in self.authorities if entry.purpose == "timestamp" or EVIDENCE in entry.sources
            ),
        )

    def of_kind(self, *kinds: EntryKind) -> tuple[TrustEntry, ...]:
        """The entries of these kinds."""
        return tuple(entry for entry in self.entries if entry.kind in kinds)


def policy_of(keys: tuple[TrustedKey, ...], entries: tuple[TrustEntry, ...]) -> TrustPolicy:
    """A policy of keys from elsewhere and the entries of a trust store, whose attestation keys become such keys too."""
    stored = (
        TrustedKey(entry.owner, entry.key.encode(), frozenset(entry.may_sign), entry.validity)
        for entry in entries
        if entry.kind == "attestation"
    )
    return TrustPolicy((*keys, *stored), entries=entries)


class Verified(NamedTuple):
    """A statement, and the trusted key that signed it and may do so."""

    signer_name: str
    key_id: str
    statement: Statement


def verify(
    bundle: bytes, trust: TrustPolicy, *, predicate_type: str, subject: Digest, now: datetime | None = None
) -> Verified:
    """Verify a bundle that must make a statement of this type about this digest.

    Raises Rejected: evidence-malformed, signer-unknown, signature-invalid (see `open_bundle`), digest-mismatch if
    `subject` is not among the statement's subjects. It does not judge the predicate, its age included.
    """
    verified = open_statement(bundle, trust, predicate_type=predicate_type, now=now)
    digests = [entry.digest for entry in verified.statement.subjects]
    if subject not in digests:
        shown = ", ".join(map(str, digests[:4])) + (" and more" if len(digests) > 4 else "")
        raise Rejected("digest-mismatch", f"a statement about {shown}", f"one about {subject}")
    return verified


def open_statement(
    bundle: bytes,
    trust: TrustPolicy,
    *,
    predicate_type: str,
    keyid_optional: bool = False,
    now: datetime | None = None,
) -> Verified:
    """As `verify`, but whatever the subject is: the caller must compare it with what it has in hand.

    A key that does not count at `now` is believed only for a time that a trusted clock proves. Without `now` only a
    key that counts for ever, or such a time, will do, and nobody is known by a certificate.
    """
    if now is not None and is_certified(bundle):
        return _by_certificate(bundle, trust, predicate_type, now)
    trusted = trust.by_id()
    opened = open_bundle(bundle, trusted, keyid_optional=keyid_optional)
    key = trusted[opened.key_id]
    if not key.allows(predicate_type):
        raise Rejected(
            "signer-unknown",
            f"a signature by {plain(key.name, 80)!r}, who may not sign {predicate_type}",
            "a key that is trusted for this predicate type",
        )
    statement = _statement(opened.payload, predicate_type)
    why = _refusal(key.validity, made_at(statement.predicate), now)
    if why and key.validity.reason != "compromised":
        proven = proven_time(read_bundle(bundle), trust.clocks())
        why = key.validity.refusal(proven) if proven else f"{why}, and no trusted timestamp says that it signed before"
    if why:
        raise Rejected("signer-unknown", f"a signature by the key {plain(key.name, 80)!r}: {why}", "a key that counts")
    return Verified(key.name, opened.key_id, statement)


def is_certified(bundle: bytes) -> bool:
    """Whether a bundle's signer wants to be known by a certificate. Raises Rejected (evidence-malformed)."""
    check_size(bundle)
    material = strict_object(bundle, "a bundle").get("verificationMaterial")
    return isinstance(material, dict) and bool(material.keys() & {"certificate", "x509CertificateChain"})


def _by_certificate(bundle: bytes, trust: TrustPolicy, predicate_type: str, now: datetime) -> Verified:
    read = read_bundle(bundle)
    found = voucher(read, trust.for_evidence(), predicate_type=predicate_type, place=EVIDENCE, now=now)
    return Verified(found.name, found.identity, _statement(read.payload, predicate_type))


def _statement(payload: bytes, predicate_type: str) -> Statement:
    statement = read_statement(payload)
    if statement.predicate_type != predicate_type:
        raise Rejected(
            "evidence-malformed", f"a statement of type {plain(statement.predicate_type, 120)}", predicate_type
        )
    return statement


def made_at(predicate: dict[str, Any]) -> datetime | None:
    """When a statement says it was made: the end of a scan, the time of a bill of materials; None if it does not."""
    for holder, field in (("envelope", "finished"), ("envelope", "made"), ("metadata", "timestamp")):
        inner = predicate.get(holder)
        text = inner.get(field) if isinstance(inner, dict) else None
        if isinstance(text, str):
            try:
                made = datetime.fromisoformat(text)
            except ValueError:
                return None
            return made.astimezone(UTC) if made.tzinfo else None
    return None


def _refusal(validity: Validity, claimed: datetime | None, now: datetime | None) -> str:
    """Why a key does not count today for a statement that claims this time; empty if it does."""
    if validity == ALWAYS:
        return ""
    if now is None:
        return validity.refusal(datetime.max.replace(tzinfo=UTC)) or "it counts for a time, and none is known"
    if claimed is not None and claimed > now + CLOCK_SKEW:
        return f"the statement is dated {claimed:%Y-%m-%d}, which is to come"
    if claimed is not None and validity.since is not None and claimed < validity.since:
        return validity.refusal(claimed)
    return validity.refusal(now)
