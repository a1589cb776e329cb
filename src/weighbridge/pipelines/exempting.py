"""Exemptions where they lie: signed bundles in a folder of ours, and as referrers of the model in its registry.

Both places count alike. A grant that is taken back is followed by a signed revocation, in both places: a registry may
lose one, or have it kept from us, and then the other still speaks.
"""

from __future__ import annotations

import os

from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import matches, open_statement
from weighbridge.core.digests import Digest
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.evidence import EXEMPTION_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.whole_files import write_whole
from weighbridge.gate.case import Problem
from weighbridge.gate.exemption import Exemption, Revocation, read_exemption, with_revocations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.signers import Signer
    from weighbridge.attest.trust import TrustPolicy

REVOKED = ".revoked.json"
"""How the name of a revocation's file ends, behind the id."""
MOST_FILES = 10_000
MOST_BYTES = 256 * 1024
"""Bytes of one exemption."""


def open_exemptions(
    kept: Kept,
    stored: Iterable[bytes],
    trust: TrustPolicy,
    now: datetime,
    *,
    digests: Collection[Digest] | None = None,
    signers: Collection[str] = (),
) -> tuple[tuple[Exemption, ...], tuple[Problem, ...]]:
    """Verify bundles of our folder and of the registry: the exemptions for one of these digests (None: for any), and
    what was refused. `signers` are patterns of the names that may sign one; empty: whoever is trusted for it.
    """
    found: list[Exemption | Revocation] = []
    problems: list[Problem] = []
    for bundle in (*kept.bundles, *stored):
        try:
            verified = open_statement(bundle, trust, predicate_type=EXEMPTION_PREDICATE, now=now)
            check_signer(verified.signer_name, signers)
            item = read_exemption(verified.statement.predicate, verified.signer_name)
        except Rejected as error:
            problems.append(Problem(EXEMPTION_PREDICATE, error.code, error.cause))
            continue
        except ValueError as error:
            problems.append(Problem(EXEMPTION_PREDICATE, "evidence-malformed", str(error)))
            continue
        subjects = {subject.digest for subject in verified.statement.subjects}
        if isinstance(item, Exemption) and item.digest not in subjects:
            problems.append(Problem(EXEMPTION_PREDICATE, "digest-mismatch", "it is about another digest than it names"))
            continue
        found.append(item)
    grants = tuple(
        grant._replace(revoked=grant.revoked or "its revocation is kept here") if grant.id in kept.taken_back else grant
        for grant in with_revocations(found)
    )
    if digests is not None:
        grants = tuple(grant for grant in grants if grant.digest in digests)
    return grants, tuple(problems)


def check_signer(signer: str, wanted: Collection[str]) -> None:
    """Raise Rejected (signer-unknown) for a name that none of the patterns means; without patterns any is good."""
    if wanted and not any(matches(pattern, signer) for pattern in wanted):
        raise Rejected("signer-unknown", f"a signature by {plain(signer, 80)!r}", f"one by {', '.join(wanted)}")


def seal_exemption(predicate: dict[str, Any], subjects: Collection[Digest], signer: Signer) -> bytes:
    """The signed bundle of a grant or a revocation."""
    named = [Subject("exempted", digest) for digest in sorted(subjects)]
    return seal(write_statement(named, EXEMPTION_PREDICATE, predicate), PAYLOAD_TYPE, signer)


class Kept(NamedTuple):
    """The exemptions of a folder. `taken_back` are ids that a file there takes back by its very name: a revocation
    that cannot be verified any more must not bring a grant back.
    """

    bundles: tuple[bytes, ...] = ()
    taken_back: frozenset[str] = frozenset()


NOTHING_KEPT = Kept()


def read_folder(folder: str) -> Kept:
    """Every bundle of the folder; none if there is no folder. Raises UsageError if one cannot be read."""
    if not folder or not os.path.isdir(folder):
        return NOTHING_KEPT
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith("."))
        if len(names) > MOST_FILES:
            raise UsageError(f"{plain(folder)} has more than {MOST_FILES} exemptions", "remove those that expired")
        found = []
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found.append(file.read(MOST_BYTES))
    except OSError as error:
        cause = f"the exemptions in {plain(folder)} cannot be read: {error.strerror}"
        raise UsageError(cause, "mend the folder") from error
    return Kept(tuple(found), frozenset(name.removesuffix(REVOKED) for name in names if name.endswith(REVOKED)))


def write_bundle(folder: str, name: str, bundle: bytes) -> str:
    """Put a bundle into the folder, whole or not at all, and give its path. Raises UsageError."""
    path = os.path.join(folder, f"{name}.json")
    try:
        os.makedirs(folder, exist_ok=True)
        write_whole(path, bundle)
    except OSError as error:
        raise UsageError(f"{plain(path)} cannot be written: {error.strerror}", "choose a folder of yours") from error
    return path
