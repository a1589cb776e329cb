"""Everything known and verified about one model that asks to be deployed."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.core.findings import Finding
    from weighbridge.gate.exemption import Exemption

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


class Today(NamedTuple):
    """The stored facts, judged with today's knowledge and rules.

    `formats` are those of all files and of what is inside them, `outdated` the parsers that see more today,
    `declared` the versions of frameworks that the model names itself (package, version). `broken` says why the facts
    cannot be judged; empty: they were.
    """

    findings: tuple[Finding, ...] = ()
    formats: frozenset[str] = frozenset()
    outdated: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = ()
    broken: str = ""


class BadDigest(NamedTuple):
    """A digest of this model that a feed names."""

    digest: str
    reason: str
    feed: str


class Affected(NamedTuple):
    """A framework of a version with a known load-time vulnerability. `version` is empty if it is not known.

    `whose` says where the version stands: `runtime` or `declared`.
    """

    package: str
    version: str
    advisory: str
    fixed: str
    whose: str
    source: str


class Case(NamedTuple):
    """What a gate judges. Only verified evidence is in it; what was refused is in `problems`.

    `result` is the test result that goes with the scan, `slsa` how the model came into the registry. `lists` say what
    was attached when the model was stored, `attached` is what is there now (sha256 of each bundle, in hexadecimal).
    `summaries` are decisions of gates, the oldest first. `damaged` says of each file whose bytes are not those of its
    digest what is wrong; None: the bytes were not read.

    `place` is where the model lies (`HOST/NAME`, `oci:DIR:NAME`), `internal` how places of the internal registry
    begin (empty: there is none), `model` the digest of its files together. `newest` is the latest time that something
    trusted is known to have been written at, and `newest_of` what that was. `moved` says that the tag names something
    else by now. `runtime` says whether a serving image was named, `training` on which data the model was fine-tuned.
    `countries` are the seats of publishers as far as they are known today: names in lower case, and two letters each.
    """

    manifest: Digest
    files: frozenset[FileIdentity]
    annotations: Mapping[str, str]
    scan: Proof | None
    sbom: Proof | None
    signature: Proof | None
    problems: tuple[Problem, ...]
    provenance: Proof | None = None
    facts: Proof | None = None
    engines: Proof | None = None
    result: Proof | None = None
    slsa: Proof | None = None
    lists: tuple[Proof, ...] = ()
    attached: frozenset[str] = frozenset()
    summaries: tuple[Proof, ...] = ()
    damaged: tuple[str, ...] | None = None
    place: str = ""
    internal: str = ""
    model: Digest | None = None
    today: Today | None = None
    exemptions: tuple[Exemption, ...] = ()
    bad: tuple[BadDigest, ...] = ()
    feeds: int = 0
    feed_problems: tuple[str, ...] = ()
    affected: tuple[Affected, ...] = ()
    runtime: bool = False
    runtime_problems: tuple[str, ...] = ()
    newest: datetime | None = None
    newest_of: str = ""
    knowledge_date: date | None = None
    training: Proof | None = None
    moved: str = ""
    countries: Mapping[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(size for _, size, _ in self.files)

    def proofs(self) -> tuple[tuple[str, Proof], ...]:
        """Every piece of evidence that a decision can rest on, each with the short name of its kind: all that is
        verified, but for earlier decisions.
        """
        found = (
            ("scan", self.scan),
            ("facts", self.facts),
            ("engines", self.engines),
            ("provenance", self.provenance),
            ("sbom", self.sbom),
            ("model-signature", self.signature),
            ("test-result", self.result),
            ("slsa-provenance", self.slsa),
            ("fine-tuning", self.training),
            *(("evidence-list", one) for one in self.lists),
        )
        return tuple((kind, proof) for kind, proof in found if proof is not None)
