"""The trust store: one text file, kept under review like code, that says whose signatures count.

    [[trust]]                                    an entry; it stays for ever
    id = "ada-ssh"
    kind = "ssh"                                 attestation, gpg, ssh, certificate-authority, sigstore
    owner = "Ada <ada@example.org>"
    may_sign = ["commits", "tags"]               predicate types, or these two, or "*"
    sources = ["git+https://example.org/org/*"]  for gpg and ssh
    valid_until = 2027-01-01T00:00:00Z           valid_from, valid_until: if they are missing, there is no end
    role = "hub"                                 if it is a hub's own key
    key = '''…'''

    [[revoked]]                                  takes an entry its right
    id = "ada-ssh"
    at = 2026-11-29T21:00:00Z
    reason = "compromised"                       compromised, retired, superseded

Changes are only ever added at the end: what was believed before can be read off the file, and what people wrote into it
stays. The new text is checked, written beside the old one, brought to disk and put in its place in one step, by one
writer at a time: whoever is killed leaves the old file or the new one.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from weighbridge.attest.openssh import read_key
from weighbridge.attest.signers import key_id_of
from weighbridge.attest.trust import ANYTHING, COMMITS, TAGS, EntryKind, Reason, Role, TrustEntry, Validity
from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STORE = 16 * 1024 * 1024
HEADER = """\
# Whose signatures count. Change it with `weighbridge trust add` and `trust revoke`, which add at the end, or by hand;
# review it as you review code. Nothing is ever taken out: a key that no longer counts is revoked.
"""
_PATIENCE = 20.0
"""Seconds that a writer waits for another one."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TEXTS = ("id", "kind", "owner", "key", "role", "identity", "issuer", "note")
_FIELDS = (*_TEXTS, "may_sign", "sources", "valid_from", "valid_until")
_REVOKED = ("id", "at", "reason", "note")


def read_store(path: str) -> tuple[TrustEntry, ...]:
    """The entries of the file, revocations applied. Raises UsageError or KeyMissing for anything that is not clear."""
    return parse_store(_text_of(path), f"the trust store {plain(path)}")


def parse_store(text: str, where: str) -> tuple[TrustEntry, ...]:
    """As `read_store`, from the text of the file."""
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} cannot be read: {error}", "mend the file; nothing is trusted until then") from error
    _known(table, ("trust", "revoked"), where)
    entries: dict[str, TrustEntry] = {}
    for item in _tables(table, "trust", where):
        entry = _entry(item, where)
        if entry.id in entries:
            raise UsageError(f"{where} has two entries {entry.id!r}", "give one of them another id")
        entries[entry.id] = entry
    for item in _tables(table, "revoked", where):
        identity, validity = _revocation(item, where)
        if identity not in entries:
            raise UsageError(f"{where} revokes {identity!r}, which it does not have", "write the id of an entry")
        entry = entries[identity]
        entries[identity] = entry._replace(validity=_taken_back(entry.validity, validity))
    _check_distinct(entries.values(), where)
    return tuple(entries.values())


def add_entry(path: str, entry: TrustEntry) -> None:
    """Add an entry at the end; the file is made if it is not there. Raises UsageError if its id or key is there."""
    check_entry(entry, "the new entry")
    _append(path, _written(entry), entry)


def revoke_entry(path: str, identity: str, at: datetime, reason: Reason, note: str = "") -> TrustEntry:
    """Take an entry its right from a time on and give it back. Raises UsageError if there is none of that id."""
    lines = ["[[revoked]]", f"id = {_quoted(identity)}", f"at = {_moment(at)}", f'reason = "{reason}"']
    lines += [f"note = {_quoted(note)}"] if note else []
    after = _append(path, "\n".join(lines) + "\n", None)
    return next(entry for entry in after if entry.id == identity)


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
        raise KeyMissing(f"{here} holds a private key", "make a new one, since others may have read it; give its public half")
    if entry.kind == "sigstore":
        if not entry.identity or not entry.issuer.startswith("https://") or entry.key:
            raise UsageError(f"{here}: a sigstore entry has an identity and an https:// issuer, and no key", "give both")
        return
    if entry.identity or entry.issuer:
        raise UsageError(f"{here}: only a sigstore entry has an identity and an issuer", "leave them out")
    try:
        if entry.kind == "attestation":
            key_id_of(entry.key.encode())
        elif entry.kind == "ssh":
            read_key(entry.key)
        elif entry.kind == "certificate-authority":
            _check_certificate(entry.key)
        elif "BEGIN PGP PUBLIC KEY BLOCK" not in entry.key:
            raise KeyMissing("this is no OpenPGP public key", "give the output of gpg --armor --export KEY")
    except KeyMissing as error:
        raise KeyMissing(f"{here}: {error.cause}", error.mend) from error


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
                f"{where}: {seen[name]!r} and {entry.id!r} are the same key", "list it once, with everything it may sign"
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


# Reading


def _entry(item: dict[str, Any], where: str) -> TrustEntry:
    here = f"{where}, [[trust]] {plain(str(item.get('id', '')), 64)!r}"
    _known(item, _FIELDS, here)
    texts = {name: item.get(name, "") for name in _TEXTS}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise UsageError(f"{here}: {name} is no text", f'write {name} = "…"')
    kind, role = texts.pop("kind"), texts.pop("role") or "author"
    if kind not in get_args(EntryKind):
        raise UsageError(f"{here}: {plain(kind, 40)!r} is no kind of key", f"known are {', '.join(get_args(EntryKind))}")
    if role not in get_args(Role):
        raise UsageError(f"{here}: {plain(role, 40)!r} is no role", f"known are {', '.join(get_args(Role))}")
    lists = {}
    for name in ("may_sign", "sources"):
        value = item.get(name, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            raise UsageError(f"{here}: {name} is no list of texts", f'write {name} = ["…"]')
        lists[name] = tuple(value)
    validity = Validity(_time(item, "valid_from", here), _time(item, "valid_until", here))
    entry = TrustEntry(kind=kind, role=role, validity=validity, **texts, **lists)
    check_entry(entry, where)
    return entry


def _revocation(item: dict[str, Any], where: str) -> tuple[str, Validity]:
    here = f"{where}, [[revoked]]"
    _known(item, _REVOKED, here)
    identity, reason, at = item.get("id"), item.get("reason", "compromised"), _time(item, "at", here)
    if not isinstance(identity, str) or at is None or reason not in get_args(Reason):
        raise UsageError(
            f"{here} lacks its id, its time, or a reason among {', '.join(get_args(Reason))}", "write all three"
        )
    return identity, Validity(revoked_at=at, reason=reason)


def _time(item: dict[str, Any], name: str, where: str) -> datetime | None:
    value = item.get(name)
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise UsageError(f"{where}: {name} is no time with a zone", f"write {name} = 2027-01-01T00:00:00Z")
    return value.astimezone(UTC)


def _known(table: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {plain(key, 40)!r} is not known here", f"known are {', '.join(known)}")


def _tables(table: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UsageError(f"{where}: {key} is no list of tables", f"write [[{key}]]")
    return value


def _text_of(path: str) -> str:
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_STORE + 1)
        if len(raw) > MAX_STORE:
            raise UsageError(f"the trust store {plain(path)} has more than {MAX_STORE} bytes", "name another file")
        return raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"the trust store {plain(path)} cannot be read: {why}", "mend its path or the file") from error


# Writing


def _append(path: str, block: str, entry: TrustEntry | None) -> tuple[TrustEntry, ...]:
    real = os.path.realpath(path)
    where = f"the trust store {plain(path)}"
    try:
        with _alone(os.path.dirname(real)):
            old = _text_of(real) if os.path.lexists(real) else HEADER
            before = parse_store(old, where)
            text = f"{old}{'' if old.endswith(chr(10)) else chr(10)}\n{block}"
            after = parse_store(text, where)
            kept = {item.id for item in before} | ({entry.id} if entry else set())
            if {item.id for item in after} != kept or (entry is not None and after[-1] != entry):
                raise UsageError(f"{where} would not read as what was to be written", "write the entry by hand")
            _replace(real, text)
    except OSError as error:
        raise UsageError(f"{where} cannot be written: {error.strerror}", "choose a folder of yours") from error
    return after


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """One writer in this folder at a time; the lock goes with the process, whatever ends it."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise UsageError("somebody else is writing the trust store", "try again") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _replace(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    fd, beside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _written(entry: TrustEntry) -> str:
    lines = ["[[trust]]", f"id = {_quoted(entry.id)}", f"kind = {_quoted(entry.kind)}", f"owner = {_quoted(entry.owner)}"]
    lines += [f"role = {_quoted(entry.role)}"] if entry.role != "author" else []
    lines.append(f"may_sign = [{', '.join(map(_quoted, entry.may_sign))}]")
    lines += [f"sources = [{', '.join(map(_quoted, entry.sources))}]"] if entry.sources else []
    for name, moment in (("valid_from", entry.validity.since), ("valid_until", entry.validity.until)):
        lines += [f"{name} = {_moment(moment)}"] if moment else []
    for name in ("identity", "issuer", "note"):
        value = getattr(entry, name)
        lines += [f"{name} = {_quoted(value)}"] if value else []
    if entry.key:
        simple = "'''" not in entry.key and entry.key.isascii() and entry.key.replace("\n", "").isprintable()
        lines.append(f"key = '''\n{entry.key}'''" if simple else f"key = {_quoted(entry.key)}")
    return "\n".join(lines) + "\n"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
