"""Everything known and verified about one model that asks to be deployed."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.core.digests import Digest

FileIdentity = tuple[str, int, str]
"""Escaped path, size in bytes, sha256 in hexadecimal."""


class Proof(NamedTuple):
    """One piece of evidence that was verified: who signed it, and what it says."""

    signer: str
    digest: Digest
    predicate: Mapping[str, Any]


class Problem(NamedTuple):
    """One piece of evidence that is there and was refused, or that could not be read."""

    predicate_type: str
    code: str
    why: str


class Case(NamedTuple):
    """What a gate judges. Only verified evidence is in it; what was refused is in `problems`.

    `result` is the test result that goes with the scan, `slsa` how the model came into the registry. `lists` say what
    was attached when the model was stored, `attached` is what is there now (sha256 of each bundle, in hexadecimal).
    `summaries` are decisions of gates, the oldest first. `damaged` says of each file whose bytes are not those of its
    digest what is wrong; None: the bytes were not read.
    """

    manifest: Digest
    files: frozenset[FileIdentity]
    annotations: Mapping[str, str]
    scan: Proof | None
    sbom: Proof | None
    signature: Proof | None
    problems: tuple[Problem, ...]
    provenance: Proof | None = None
    result: Proof | None = None
    slsa: Proof | None = None
    lists: tuple[Proof, ...] = ()
    attached: frozenset[str] = frozenset()
    summaries: tuple[Proof, ...] = ()
    damaged: tuple[str, ...] | None = None

    def proofs(self) -> tuple[Proof, ...]:
        """Every piece of evidence that a decision can rest on: all that is verified, but for earlier decisions."""
        found = (self.scan, self.sbom, self.signature, self.provenance, self.result, self.slsa, *self.lists)
        return tuple(proof for proof in found if proof is not None)
