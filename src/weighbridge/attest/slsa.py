"""SLSA provenance of what gate one stored: what went in, from where, and what was done to it.

    predicateType   https://slsa.dev/provenance/v1
    predicate       {"buildDefinition": {
                       "buildType": https://weighbridge.dev/import/v1 or https://weighbridge.dev/convert/v1,
                       "externalParameters": {"source", "asked"},
                       "internalParameters": {"pickle", "knowledge"},
                       "resolvedDependencies": [{"uri": <place at its revision>, "digest": {"gitCommit": …}},
                                                {"name": <path>, "digest": {"sha256": …}}, …]},
                     "runDetails": {"builder": {"id", "version"}, "metadata": {"startedOn", "finishedOn"},
                                    "byproducts": [{"name": "scan", "digest"}, …]}}

`resolvedDependencies` are the files as they came, so the ones before a conversion. The builder is whoever ran gate one:
what its key is worth is said in the trust store, not here. The claims about the origin, each with what stands behind
it, are the statement of type `core.evidence.PROVENANCE_PREDICATE`.
Source: slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

import re

from weighbridge.core.evidence import SLSA_PROVENANCE_PREDICATE, Tool
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.core.origin import Origin

IMPORT, CONVERT = "https://weighbridge.dev/import/v1", "https://weighbridge.dev/convert/v1"
BUILDER = "https://weighbridge.dev/gate/intake"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Byproduct(NamedTuple):
    """Evidence that was made on the way: its kind, and the digest of its predicate as canonical JSON."""

    name: str
    digest: Digest


class ImportProvenance(NamedTuple):
    """How a model came into the registry.

    `subject` is the model digest of what was stored; `files` (path as in reports, sha256 in hexadecimal) are those that
    came; times are RFC 3339 in UTC.
    """

    subject: Digest
    origin: Origin
    files: tuple[tuple[str, str], ...]
    converted: bool
    pickle: str
    knowledge: str
    started: str
    finished: str
    byproducts: tuple[Byproduct, ...] = ()
    tool: Tool = Tool()

    @property
    def kind(self) -> str:
        return "slsa-provenance"

    @property
    def predicate_type(self) -> str:
        return SLSA_PROVENANCE_PREDICATE

    def predicate(self) -> dict[str, Any]:
        """The predicate as SLSA has it."""
        asked = {"asked": self.origin.asked} if self.origin.asked else {}
        return {
            "buildDefinition": {
                "buildType": CONVERT if self.converted else IMPORT,
                "externalParameters": {"source": self.origin.place, **asked},
                "internalParameters": {"pickle": self.pickle, "knowledge": self.knowledge},
                "resolvedDependencies": [
                    _source(self.origin),
                    *({"name": path, "digest": {"sha256": digest}} for path, digest in sorted(self.files)),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {self.tool.name: self.tool.version}},
                "metadata": {"startedOn": self.started, "finishedOn": self.finished},
                "byproducts": [{"name": made.name, "digest": {"sha256": made.digest.hex}} for made in self.byproducts],
            },
        }


def _source(origin: Origin) -> dict[str, Any]:
    if not origin.revision:
        return {"name": "source", "uri": origin.place}
    found: dict[str, Any] = {"name": "source", "uri": f"{origin.place}@{origin.revision}"}
    if origin.kind in ("git", "hub") and _COMMIT.fullmatch(origin.revision):
        found["digest"] = {"gitCommit": origin.revision}
    elif origin.kind == "oci" and origin.revision.startswith("sha256:"):
        found["digest"] = {"sha256": origin.revision.removeprefix("sha256:")}
    return found
