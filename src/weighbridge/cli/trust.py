"""Say whose signatures count: who signs evidence, whose commits and tags are believed, and for which sources.

The trust store is one text file (the setting trust_store; trust.toml beside weighbridge.toml), kept under review like
code. Entries are only ever added. A key that no longer counts is revoked, and the entry stays readable: `retired` and
`superseded` leave evidence that it signed before as it is, if a timestamp authority that is trusted here says when that
was ([signer] timestamp); `compromised` takes everything away, whatever its date.

Examples:
  weighbridge trust add --key ada.pub --owner "Ada <ada@example.org>" --source "git+https://github.com/org/*"
  weighbridge trust add --key web-flow.asc --owner GitHub --role hub --source "git+https://github.com/**"
  weighbridge trust add --key ci.pem --owner "build machine" --may-sign "*" --valid-until 2027-06-30
  weighbridge trust add --identity ci@org.example --issuer https://id.example --owner "Release job" --may-sign "*"
  weighbridge trust add --key root.pem --identity ci@org.example --source evidence --owner "CI" --may-sign "*"
  weighbridge trust add --key tsa.pem --owner "Timestamps" --may-sign timestamps
  weighbridge trust list
  weighbridge trust list --format json
  weighbridge trust revoke ada --reason compromised --note "laptop stolen"
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Any, get_args

from weighbridge.attest.trust import ANYTHING, COMMITS, TAGS, EntryKind, Reason, Role, TrustEntry, Validity
from weighbridge.attest.trust_store import read_store
from weighbridge.attest.trust_writing import add_entry, revoke_entry
from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import TRUST_STORE

if TYPE_CHECKING:
    import argparse

    from weighbridge.core.settings import Settings

SCHEMA = "weighbridge.trust/1"
_MOST = 1024 * 1024
_BEGINNINGS: tuple[tuple[str, EntryKind], ...] = (
    ("-----BEGIN PGP PUBLIC KEY", "gpg"),
    ("-----BEGIN PUBLIC KEY", "attestation"),
    ("-----BEGIN CERTIFICATE", "certificate-authority"),
    ("ssh-", "ssh"),
    ("ecdsa-", "ssh"),
    ("sk-", "ssh"),
)


class TrustRow(NamedTuple):
    """One entry of the trust store. `fingerprint` names its key as the programs of its kind do; times are UTC."""

    id: str
    kind: EntryKind
    owner: str
    role: Role
    fingerprint: str
    may_sign: tuple[str, ...]
    sources: tuple[str, ...]
    valid_from: str
    valid_until: str
    revoked_at: str
    reason: str
    counts: bool
    why: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `trust` takes."""
    actions = parser.add_subparsers(dest="action", metavar="add|list|revoke", required=True)
    add = actions.add_parser("add", help="trust a key, an authority or an identity", allow_abbrev=False)
    add.add_argument(
        "--key", metavar="FILE", help="the public key (PEM, OpenSSH, armored OpenPGP) or a PEM certificate"
    )
    add.add_argument(
        "--identity", help="whom a certificate names: with --issuer by Sigstore, with --key by that authority"
    )
    add.add_argument("--issuer", metavar="URL", help="who vouches for the identity")
    add.add_argument("--owner", required=True, help="whose it is, for people")
    add.add_argument("--id", metavar="NAME", help="what it is called here (default: made from the owner)")
    signs = 'commits, tags, a predicate type, or "*"; once for each (default for ssh and gpg: commits and tags)'
    add.add_argument("--may-sign", metavar="WHAT", action="append", default=[], help=signs)
    where = (
        'places that it counts for, as "git+https://HOST/OWNER/*"; ** goes through slashes; "evidence": what our own '
        "gates sign; once for each"
    )
    add.add_argument("--source", metavar="PATTERN", action="append", default=[], help=where)
    add.add_argument(
        "--role", choices=get_args(Role), default="author", help="hub: the hub's own key, which is nobody's"
    )
    add.add_argument("--valid-from", metavar="TIME", help="2026-01-31 or 2026-01-31T12:00:00Z")
    add.add_argument("--valid-until", metavar="TIME", help="the first moment that it no longer counts")
    add.add_argument("--note", default="", help="a sentence that is kept with it")
    common.add_general(add)
    listing = actions.add_parser("list", help="show every entry and whether it counts now", allow_abbrev=False)
    common.add_output(listing, ("text", "json"))
    revoke = actions.add_parser("revoke", help="take an entry its right", allow_abbrev=False)
    revoke.add_argument("id", metavar="NAME", help="what the entry is called")
    why = "compromised: nothing it ever signed counts; retired, superseded: what it signed before still does"
    revoke.add_argument("--reason", choices=get_args(Reason), required=True, help=why)
    revoke.add_argument("--at", metavar="TIME", help="from when on (default: now)")
    revoke.add_argument("--note", default="", help="a sentence that is kept with it")
    common.add_general(revoke)
    for action in (add, listing, revoke):
        action.add_argument("--store", metavar="FILE", help="this trust store instead of that of the settings")


def run(options: argparse.Namespace) -> int:
    """Add, list or revoke."""
    path = options.store or _store(common.settings_for(options))
    if options.action == "add":
        return _add(options, path)
    if options.action == "revoke":
        return _revoke(options, path)
    now = datetime.now(UTC)
    rows = [_row(entry, now) for entry in read_store(path)]
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(_document(rows)))
    else:
        common.write(options, "\n".join(_lines(rows)) or "nobody is trusted")
    return 0


def _store(settings: Settings) -> str:
    if settings.trust_store:
        return settings.trust_store
    if not settings.file:
        raise UsageError(
            "there are no settings, so there is no trust store", "run weighbridge init, or name one with --store"
        )
    return os.path.join(os.path.dirname(settings.file), TRUST_STORE)


def _add(options: argparse.Namespace, path: str) -> int:
    key = _read(options.key) if options.key else ""
    kind: EntryKind = _kind(key, options.key) if options.key else "sigstore"
    if not options.key and not options.identity:
        raise UsageError("there is nothing to trust", "give --key FILE, or --identity and --issuer")
    entry = TrustEntry(
        id=options.id or _name(options.owner),
        kind=kind,
        owner=options.owner,
        key=key,
        may_sign=tuple(options.may_sign) or ((COMMITS, TAGS) if kind in ("gpg", "ssh") else ()),
        sources=tuple(options.source),
        role=options.role,
        validity=Validity(_time(options.valid_from), _time(options.valid_until)),
        identity=options.identity or "",
        issuer=options.issuer or "",
        note=options.note,
    )
    if not entry.may_sign:
        raise UsageError("it is not said what the key may sign", f'give --may-sign: a predicate type, or "{ANYTHING}"')
    shown = _fingerprint(entry)
    add_entry(path, entry)
    common.say(options, f"{path}: {entry.id} is trusted ({entry.kind} {shown})")
    return 0


def _revoke(options: argparse.Namespace, path: str) -> int:
    at = _time(options.at) or datetime.now(UTC).replace(microsecond=0)
    entry = revoke_entry(path, options.id, at, options.reason, options.note)
    common.say(options, f"{path}: {entry.id} of {entry.owner} is revoked as {entry.validity.reason}")
    return 0


def _document(rows: list[TrustRow]) -> dict[str, Any]:
    return {"schema": SCHEMA, "entries": [row._asdict() for row in rows]}


def _lines(rows: list[TrustRow]) -> list[str]:
    lines = []
    for row in rows:
        state = "counts" if row.counts else f"DOES NOT COUNT: {row.why}"
        role = " (hub)" if row.role == "hub" else ""
        lines.append(f"{plain(row.id)}  {row.kind}{role}  {plain(row.owner)}  {state}")
        lines.append(f"  {plain(row.fingerprint)}")
        lines.append(f"  signs {', '.join(map(plain, row.may_sign))}")
        lines += [f"  for   {', '.join(map(plain, row.sources))}"] if row.sources else []
        times = [f"{word} {time}" for word, time in (("from", row.valid_from), ("until", row.valid_until)) if time]
        lines += [f"  {' '.join(times)}"] if times else []
    return lines


def _row(entry: TrustEntry, now: datetime) -> TrustRow:
    validity = entry.validity
    why = validity.refusal(now)
    return TrustRow(
        id=entry.id,
        kind=entry.kind,
        owner=entry.owner,
        role=entry.role,
        fingerprint=_fingerprint(entry),
        may_sign=entry.may_sign,
        sources=entry.sources,
        valid_from=_shown(validity.since),
        valid_until=_shown(validity.until),
        revoked_at=_shown(validity.revoked_at),
        reason=validity.reason or "",
        counts=not why,
        why=why,
    )


def _fingerprint(entry: TrustEntry) -> str:
    if entry.kind == "attestation":
        from weighbridge.attest.signers import key_id_of

        return key_id_of(entry.key.encode())
    if entry.kind == "ssh":
        from weighbridge.attest.openssh import fingerprint, read_key

        return fingerprint(read_key(entry.key))
    if entry.kind == "gpg":
        from weighbridge.attest.openpgp import fingerprint_of

        return fingerprint_of(entry.key)
    if entry.kind == "certificate-authority":
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.x509 import load_pem_x509_certificates

        own = "SHA256:" + load_pem_x509_certificates(entry.key.encode())[0].fingerprint(SHA256()).hex()
        return f"{own}, holders {entry.identity}" if entry.identity else own
    return f"{entry.identity} by {entry.issuer}"


def _kind(key: str, path: str) -> EntryKind:
    if "PRIVATE KEY" in key:
        raise UsageError(f"{plain(path)} is a private key", "name the public one")
    for beginning, kind in _BEGINNINGS:
        if key.startswith(beginning):
            return kind
    raise UsageError(
        f"{plain(path)} is no public key and no certificate",
        "name a .pub file of ssh, the output of gpg --armor --export, a PEM public key or a PEM certificate",
    )


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            raw = file.read(_MOST + 1)
    except OSError as error:
        raise UsageError(f"{plain(path)} cannot be read: {error.strerror}", "name the file with the key") from error
    if len(raw) > _MOST or not raw.isascii():
        raise UsageError(f"{plain(path)} is no public key and no certificate", "export it as text (--armor)")
    return "\n".join(line.rstrip() for line in raw.decode("ascii").strip().splitlines()) + "\n"


def _name(owner: str) -> str:
    made = re.sub(r"[^a-z0-9]+", "-", owner.partition("<")[0].lower()).strip("-")[:48]
    if not made:
        raise UsageError("no id can be made from the owner", "give --id NAME")
    return made


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{plain(text, 40)!r} is no time", "write 2026-01-31 or 2026-01-31T12:00:00Z") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0)


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
