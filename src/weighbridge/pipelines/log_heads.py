"""The signed end of a log, of decisions or of changes: what is signed, and what a head that was kept elsewhere says."""

from __future__ import annotations

from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import open_statement
from weighbridge.core.digests import Digest
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import DECISION_LOG_PREDICATE
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.log import Head

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.signers import Signer
    from weighbridge.attest.trust import TrustPolicy


def seal_head(head: Head, signer: Signer) -> bytes:
    """The signed statement of the end of the log: how many entries there are, and the hash of the last."""
    said = {"log": head.log, "sequence": head.sequence, "hash": head.hash}
    statement = write_statement([Subject("head", Digest(head.hash))], DECISION_LOG_PREDICATE, said)
    return seal(statement, PAYLOAD_TYPE, signer)


def sealing(signer: Signer | None) -> Callable[[Head], bytes] | None:
    """What signs the end of a log; None without a key."""
    return (lambda head: seal_head(head, signer)) if signer is not None else None


def open_head(bundle: bytes, trust: TrustPolicy, now: datetime) -> tuple[Head, str]:
    """What a signed head says, and who signed it. Raises Rejected."""
    verified = open_statement(bundle, trust, predicate_type=DECISION_LOG_PREDICATE, now=now)
    return head_of(verified.statement.predicate)._replace(bundle=bundle), verified.signer_name


def head_of(said: dict[str, Any]) -> Head:
    """A head from its three fields. Raises Rejected for anything else."""
    log, sequence, last = said.get("log"), said.get("sequence"), said.get("hash")
    if not isinstance(log, str) or type(sequence) is not int or not isinstance(last, str):
        raise Rejected("evidence-malformed", "a head without its log, sequence or hash", "all three")
    return Head(log, sequence, last)


def signer_of(head: Head, trust: TrustPolicy, now: datetime) -> str:
    """Who signed this very head. Raises Rejected."""
    said, signer = open_head(head.bundle, trust, now)
    if said[:3] != head[:3]:
        raise Rejected("digest-mismatch", f"a signature over entry {said.sequence}", f"one over entry {head.sequence}")
    return signer
