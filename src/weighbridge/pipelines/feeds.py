"""Feeds of digests that are known to be bad: files and folders, read again at every decision.

    sha256:<64 hex>  why                         a text, one digest a line; `#` begins a comment
    {"schema": "weighbridge.known-bad/1", "digests": [{"digest": "sha256:…", "reason": "…"}, …]}
    a bundle (DSSE) whose statement of the type KNOWN_BAD_PREDICATE has such an object as its predicate

A digest is that of a file, of a model, or of a manifest. What a feed says can only shut the gate. A feed that cannot be
read shuts it as well.
"""

from __future__ import annotations

import os

from weighbridge.attest.statement import strict_object
from weighbridge.attest.trust import open_statement
from weighbridge.core.errors import KeyMissing, Rejected
from weighbridge.core.evidence import KNOWN_BAD_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.case import BadDigest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy

SCHEMA = "weighbridge.known-bad/1"
MOST = 64 * 1024 * 1024
"""Bytes of one feed."""
MOST_FEEDS = 1000


class Feed(NamedTuple):
    """One file: how many digests it has, who signed it (empty: nobody), which of ours it names, why it is refused."""

    path: str
    digests: int = 0
    signer: str = ""
    bad: tuple[BadDigest, ...] = ()
    problem: str = ""


def read_feeds(
    paths: Sequence[str], wanted: Collection[str], trust: TrustPolicy, now: datetime, *, signed: bool
) -> tuple[Feed, ...]:
    """Every feed, with those of the wanted digests (`sha256:…`) that it names. `signed`: only signed ones count."""
    return tuple(_feed(path, wanted, trust, now, signed=signed) for path in _files(paths))


def _feed(path: str, wanted: Collection[str], trust: TrustPolicy, now: datetime, *, signed: bool) -> Feed:
    name = plain(os.path.basename(path), 80)
    try:
        rows, signer = _rows(_content(path), trust, now)
        if signed and not signer:
            return Feed(path, problem=f"the feed {name} cannot be used: nobody signed it")
        count, bad = 0, []
        for digest, reason in rows:
            count += 1
            if digest in wanted:
                bad.append(BadDigest(digest, reason or "no reason is given", name))
    except (OSError, ValueError, Rejected, KeyMissing) as error:
        return Feed(path, problem=f"the feed {name} cannot be used: {plain(str(error), 200)}")
    return Feed(path, count, signer, tuple(bad))


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        raw = file.read(MOST + 1)
    if len(raw) > MOST:
        raise ValueError(f"it has more than {MOST} bytes")
    return raw


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if not name.startswith("."))
            yield from (os.path.join(path, name) for name in names[:MOST_FEEDS])
        else:
            yield path


def _rows(raw: bytes, trust: TrustPolicy, now: datetime) -> tuple[Iterator[tuple[str, str]], str]:
    if raw.lstrip()[:1] != b"{":
        return _lines(raw.decode("utf-8")), ""
    table: Mapping[str, Any] = strict_object(raw, "the feed")
    if "dsseEnvelope" in table:
        verified = open_statement(raw, trust, predicate_type=KNOWN_BAD_PREDICATE, now=now)
        return _table(verified.statement.predicate), verified.signer_name
    return _table(table), ""


def _table(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    digests = table.get("digests")
    if table.get("schema") != SCHEMA or not isinstance(digests, list):
        raise ValueError(f"it is not of the schema {SCHEMA}")
    return ((_digest(str(row.get("digest"))), str(row.get("reason", ""))) for row in digests)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        bare = line.partition("#")[0].strip()
        if bare:
            digest, _, reason = bare.partition(" ")
            yield _digest(digest), reason.strip()


def _digest(text: str) -> str:
    bare = text.lower().removeprefix("sha256:")
    if len(bare) != 64 or not set(bare) <= set("0123456789abcdef"):
        raise ValueError(f"{plain(text, 80)} is no digest")
    return f"sha256:{bare}"
