"""Exemptions where they lie: signed bundles in a folder of ours, and as referrers of the model in its registry.

Both places count alike. A grant that is taken back is followed by a signed revocation, in both places: a registry may
lose one, or have it kept from us, and then the other still speaks.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import open_statement
from weighbridge.core.digests import Digest
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.evidence import EXEMPTION_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.case import Problem
from weighbridge.gate.exemption import Exemption, Revocation, read_exemption, with_revocations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.signers import Signer
    from weighbridge.attest.trust import TrustPolicy

MOST_FILES = 10_000
MOST_BYTES = 256 * 1024
"""Bytes of one exemption."""


def open_exemptions(
    bundles: Iterable[bytes], trust: TrustPolicy, now: datetime, digests: Collection[Digest] | None = None
) -> tuple[tuple[Exemption, ...], tuple[Problem, ...]]:
    """Verify bundles: the exemptions for one of these digests (None: for any), and what was refused."""
    found: list[Exemption | Revocation] = []
    problems: list[Problem] = []
    for bundle in bundles:
        try:
            verified = open_statement(bundle, trust, predicate_type=EXEMPTION_PREDICATE, now=now)
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
    grants = with_revocations(found)
    if digests is not None:
        grants = tuple(grant for grant in grants if grant.digest in digests)
    return grants, tuple(problems)


def seal_exemption(predicate: dict[str, Any], subjects: Collection[Digest], signer: Signer) -> bytes:
    """The signed bundle of a grant or a revocation."""
    named = [Subject("exempted", digest) for digest in sorted(subjects)]
    return seal(write_statement(named, EXEMPTION_PREDICATE, predicate), PAYLOAD_TYPE, signer)


def read_folder(folder: str) -> list[bytes]:
    """Every bundle of the folder; none if there is no folder. Raises UsageError if it cannot be read.

    A revocation that cannot be read must not bring a grant back, so nothing is passed over.
    """
    if not folder or not os.path.isdir(folder):
        return []
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith("."))
        if len(names) > MOST_FILES:
            raise UsageError(f"{plain(folder)} has more than {MOST_FILES} exemptions", "remove those that expired")
        found = []
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found.append(file.read(MOST_BYTES))
    except OSError as error:
        raise UsageError(f"the exemptions in {plain(folder)} cannot be read: {error.strerror}", "mend the folder") from error
    return found


def write_bundle(folder: str, name: str, bundle: bytes) -> str:
    """Put a bundle into the folder, whole or not at all, and give its path. Raises UsageError."""
    path = os.path.join(folder, f"{name}.json")
    try:
        os.makedirs(folder, exist_ok=True)
        fd, beside = tempfile.mkstemp(prefix=".writing-", dir=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(bundle)
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)
            raise
    except OSError as error:
        raise UsageError(f"{plain(path)} cannot be written: {error.strerror}", "choose a folder of yours") from error
    return path
