"""Which key may say what. A valid signature by the wrong key for a kind of statement is refused."""

from __future__ import annotations

from weighbridge.attest.dsse import open_bundle
from weighbridge.attest.signers import key_id_of
from weighbridge.attest.statement import Statement, read_statement
from weighbridge.core.digests import Digest
from weighbridge.core.errors import KeyMissing, Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import NamedTuple

ANYTHING = "*"
"""In `may_sign`: every predicate type."""


class TrustedKey(NamedTuple):
    """A public key (PEM) with the name that people know it by and the predicate types that it may sign."""

    name: str
    pem: bytes
    may_sign: frozenset[str]

    def allows(self, predicate_type: str) -> bool:
        """Whether this key may sign statements of this predicate type."""
        return predicate_type in self.may_sign or ANYTHING in self.may_sign


class TrustPolicy(NamedTuple):
    """All keys that are trusted for something."""

    keys: tuple[TrustedKey, ...]

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


class Verified(NamedTuple):
    """A statement, and the trusted key that signed it and may do so."""

    signer_name: str
    key_id: str
    statement: Statement


def verify(bundle: bytes, trust: TrustPolicy, *, predicate_type: str, subject: Digest) -> Verified:
    """Verify a bundle that must make a statement of this type about this digest.

    Raises Rejected: evidence-malformed, signer-unknown, signature-invalid (see `open_bundle`), digest-mismatch if
    `subject` is not among the statement's subjects. It does not judge the predicate, its age included.
    """
    verified = open_statement(bundle, trust, predicate_type=predicate_type)
    digests = [entry.digest for entry in verified.statement.subjects]
    if subject not in digests:
        shown = ", ".join(map(str, digests[:4])) + (" and more" if len(digests) > 4 else "")
        raise Rejected("digest-mismatch", f"a statement about {shown}", f"one about {subject}")
    return verified


def open_statement(bundle: bytes, trust: TrustPolicy, *, predicate_type: str, keyid_optional: bool = False) -> Verified:
    """As `verify`, but whatever the subject is: the caller must compare it with what it has in hand."""
    trusted = trust.by_id()
    opened = open_bundle(bundle, trusted, keyid_optional=keyid_optional)
    key = trusted[opened.key_id]
    if not key.allows(predicate_type):
        raise Rejected(
            "signer-unknown",
            f"a signature by {plain(key.name, 80)!r}, who may not sign {predicate_type}",
            "a key that is trusted for this predicate type",
        )
    statement = read_statement(opened.payload)
    if statement.predicate_type != predicate_type:
        raise Rejected(
            "evidence-malformed", f"a statement of type {plain(statement.predicate_type, 120)}", predicate_type
        )
    return Verified(key.name, opened.key_id, statement)
