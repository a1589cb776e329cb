"""The trust store: one text file, kept under review like code, that says whose signatures count.

    [[trust]]                                    an entry; it stays for ever
    id = "ada-ssh"
    kind = "ssh"                                 attestation, gpg, ssh, certificate-authority, sigstore
    owner = "Ada <ada@example.org>"
    may_sign = ["commits", "tags"]               predicate types, or these two, or "*"
    sources = ["git+https://example.org/org/*"]  "evidence" is what our own gates sign: no pattern means it
    valid_until = 2027-01-01T00:00:00Z           valid_from, valid_until: if they are missing, there is no end
    role = "hub"                                 if it is a hub's own key
    identity = "ci@example.org"                  what a certificate names: of an authority, or of sigstore
    issuer = "https://id.example.org"            for sigstore: who vouches for the identity
    key = '''…'''

    [[revoked]]                                  takes an entry its right
    id = "ada-ssh"
    at = 2026-11-29T21:00:00Z
    reason = "compromised"                       compromised, retired, superseded

Here it is read; `trust_writing` adds to it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, get_args

from weighbridge.attest.identities import EVIDENCE
from weighbridge.attest.openssh import read_key
from weighbridge.attest.signers import key_id_of
from weighbridge.attest.trust import ANYTHING, COMMITS, TAGS, EntryKind, Reason, Role, TrustEntry, Validity
from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.setting_tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STORE = 16 * 1024 * 1024
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TEXTS = ("id", "kind", "owner", "key", "role", "identity", "issuer", "note")
_FIELDS = (*_TEXTS, "may_sign", "sources", "valid_from", "valid_until")
_REVOKED = ("id", "at", "reason", "note")


def read_store(path: str) -> tuple[TrustEntry, ...]:
    """The entries of the file, revocations applied. Raises UsageError or KeyMissing for anything that is not clear."""
    return parse_store(text_of(path), f"the trust store {plain(path)}")


def parse_store(text: str, where: str) -> tuple[TrustEntry, ...]:
    """As `read_store`, from the text of the file."""
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} cannot be read: {error}", "mend the file; nothing is trusted until then") from error
    _known(table, ("trust", "revoked"), where)
    entries: dict[str, TrustEntry] = {}
    for item in tables_of(table, "trust", where):
        entry = _entry(item, where)
        if entry.id in entries:
            raise UsageError(f"{where} has two entries {entry.id!r}", "give one of them another id")
        entries[entry.id] = entry
    for item in tables_of(table, "revoked", where):
        identity, validity = _revocation(item, where)
        if identity not in entries:
            raise UsageError(f"{where} revokes {identity!r}, which it does not have", "write the id of an entry")
        entry = entries[identity]
        entries[identity] = entry._replace(validity=_taken_back(entry.validity, validity))
    _check_distinct(entries.values(), where)
    return tuple(entries.values())


def check_entry(entry: TrustEntry, where: str) -> None:
    """Raises UsageError or KeyMissing for an entry whose limits could not be held, or whose key cannot be read."""
    here = f"{where}, {plain(entry.id, 64)!r}"
    if not _ID.fullmatch(entry.id):
        raise UsageError(f"{here}: an id is made of letters, digits, dots, dashes and underscores", "choose another id")
    if not entry.owner:
        raise UsageError(f"{here} has no owner", "say whose key it is")
    if not entry.may_sign:
        raise UsageError(f"{here} may sign nothing", 'write may_sign = ["commits", "tags"], or predicate types')
    if entry.kind in ("gpg", "ssh"):
        if not set(entry.may_sign) <= {COMMITS, TAGS, ANYTHING}:
            raise UsageError(f"{here}: a {entry.kind} key can sign commits and tags only", "use these two words")
        if not entry.sources:
            raise UsageError(f"{here} counts for no source", 'write sources = ["git+https://HOST/OWNER/*"]')
    elif entry.kind == "attestation" and entry.sources:
        raise UsageError(f"{here}: the statements of an attestation key name no source", "leave sources out")
    if entry.role == "hub" and entry.kind not in ("gpg", "ssh"):
        raise UsageError(f"{here}: only a gpg or ssh key can be a hub's", "leave the role out")
    since, until = entry.validity.since, entry.validity.until
    if since is not None and until is not None and until <= since:
        raise UsageError(f"{here} ends before it begins", "mend valid_from or valid_until")
    _check_key(entry, here)


def _check_key(entry: TrustEntry, here: str) -> None:
    if "PRIVATE KEY" in entry.key:
        raise KeyMissing(
            f"{here} holds a private key", "make a new one, since others may have read it; give its public half"
        )
    if entry.kind == "sigstore":
        if not entry.identity or not entry.issuer.startswith("https://") or entry.key:
            raise UsageError(
                f"{here}: a sigstore entry has an identity and an https:// issuer, and no key", "give both"
            )
        return
    if entry.issuer or (entry.identity and entry.kind != "certificate-authority"):
        raise UsageError(
            f"{here}: only a sigstore entry has an issuer, and only it and an authority an identity", "leave them out"
        )
    if entry.kind == "certificate-authority" and EVIDENCE in entry.sources and not entry.identity:
        raise UsageError(
            f"{here}: whoever holds a certificate of this authority could sign evidence",
            "say whose counts: identity, a pattern for what the certificate names",
        )
    try:
        if entry.kind == "attestation":
            key_id_of(entry.key.encode())
        elif entry.kind == "ssh":
            read_key(entry.key)
        elif entry.kind == "certificate-authority":
            _check_certificate(entry.key)
        else:
            _check_armor(entry.key)
    except KeyMissing as error:
        raise KeyMissing(f"{here}: {error.cause}", error.mend) from error


def _check_armor(text: str) -> None:
    if text.count("-----BEGIN PGP PUBLIC KEY BLOCK-----") != 1:
        raise KeyMissing("this is no OpenPGP public key", "give the output of gpg --armor --export KEY")


def _check_certificate(text: str) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise KeyMissing("this is no PEM certificate", "give the certificate of the authority") from error


def _check_distinct(entries: Any, where: str) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        name = _same_key(entry)
        if name in seen:
            raise UsageError(
                f"{where}: {seen[name]!r} and {entry.id!r} are the same key",
                "list it once, with everything it may sign",
            )
        seen[name] = entry.id


def _same_key(entry: TrustEntry) -> str:
    """A text that two entries share only if they are about the same key."""
    if entry.kind == "attestation":
        return key_id_of(entry.key.encode())
    if entry.kind == "ssh":
        return read_key(entry.key).hex()
    return f"{entry.kind} {''.join(entry.key.split())} {entry.identity} {entry.issuer}"


def _taken_back(old: Validity, new: Validity) -> Validity:
    """Of two revocations the harsher one holds: a compromise, else the earlier one."""
    if old.revoked_at is None or new.revoked_at is None:
        return old._replace(revoked_at=new.revoked_at, reason=new.reason)
    first = min(old.revoked_at, new.revoked_at)
    hard = "compromised" in (old.reason, new.reason)
    return old._replace(revoked_at=first, reason="compromised" if hard else old.reason)


def _entry(item: Mapping[str, Any], where: str) -> TrustEntry:
    here = f"{where}, [[trust]] {plain(str(item.get('id', '')), 64)!r}"
    _known(item, _FIELDS, here)
    texts = {name: item.get(name, "") for name in _TEXTS}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise UsageError(f"{here}: {name} is no text", f'write {name} = "…"')
    kind, role = texts.pop("kind"), texts.pop("role") or "author"
    if kind not in get_args(EntryKind):
        raise UsageError(
            f"{here}: {plain(kind, 40)!r} is no kind of key", f"known are {', '.join(get_args(EntryKind))}"
        )
    if role not in get_args(Role):
        raise UsageError(f"{here}: {plain(role, 40)!r} is no role", f"known are {', '.join(get_args(Role))}")
    lists = {}
    for name in ("may_sign", "sources"):
        value = item.get(name, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            raise UsageError(f"{here}: {name} is no list of texts", f'write {name} = ["…"]')
        lists[name] = tuple(value)
    validity = Validity(_time(item, "valid_from", here), _time(item, "valid_until", here))
    entry = TrustEntry(**{**texts, **lists, "kind": kind, "role": role, "validity": validity})
    check_entry(entry, where)
    return entry


def _revocation(item: Mapping[str, Any], where: str) -> tuple[str, Validity]:
    here = f"{where}, [[revoked]]"
    _known(item, _REVOKED, here)
    identity, reason, at = item.get("id"), item.get("reason", "compromised"), _time(item, "at", here)
    if not isinstance(identity, str) or at is None or reason not in get_args(Reason):
        raise UsageError(
            f"{here} lacks its id, its time, or a reason among {', '.join(get_args(Reason))}", "write all three"
        )
    return identity, Validity(revoked_at=at, reason=reason)


def _time(item: Mapping[str, Any], name: str, where: str) -> datetime | None:
    value = item.get(name)
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise UsageError(f"{where}: {name} is no time with a zone", f"write {name} = 2027-01-01T00:00:00Z")
    return value.astimezone(UTC)


def _known(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {plain(key, 40)!r} is not known here", f"known are {', '.join(known)}")


def text_of(path: str) -> str:
    """The text of a store. Raises UsageError if it cannot be read or is larger than stores are."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_STORE + 1)
        if len(raw) > MAX_STORE:
            raise UsageError(f"the trust store {plain(path)} has more than {MAX_STORE} bytes", "name another file")
        return raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"the trust store {plain(path)} cannot be read: {why}", "mend its path or the file") from error
