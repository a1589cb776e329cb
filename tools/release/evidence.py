"""What a release says of itself, as in-toto statements about wheel and sdist, each by its digest.

    https://slsa.dev/provenance/v1                   from which commit, with which lock, by what it was built
    https://cyclonedx.org/bom                        the bill of materials
    https://in-toto.io/attestation/test-result/v0.1  built twice alike, contents, own scan

With a key each is a DSSE envelope in a Sigstore bundle, verified again before it is written. Without one the
statements are written as they are, and prove nothing: whoever publishes signs.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from weighbridge import __version__
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import TrustedKey, TrustPolicy, verify
from weighbridge.core.digests import digest_bytes
from weighbridge.core.evidence import SLSA_PROVENANCE_PREDICATE, TEST_RESULT_PREDICATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from weighbridge.attest.signers import LocalKey

BUILD_TYPE = "https://weighbridge.dev/release/v1"
BILL_PREDICATE = "https://cyclonedx.org/bom"
CHECKS = ("contents", "own-scan", "reproducible")


class Release(NamedTuple):
    """What is known of a release when everything was checked. `packages` are wheel and sdist by name."""

    packages: Mapping[str, bytes]
    source: str
    commit: str
    epoch: int
    builder: str
    bill: dict[str, Any]
    inputs: Mapping[str, bytes]
    """Files that decide what comes out, by their path: the lock, the project file, the explanations of the scan."""
    started: datetime
    finished: datetime


def statements(release: Release) -> Iterator[tuple[str, str, bytes]]:
    """Name of the file, predicate type and statement of each thing that is said."""
    subjects = tuple(Subject(name, digest_bytes(raw)) for name, raw in sorted(release.packages.items()))
    for name, kind, predicate in (
        ("provenance", SLSA_PROVENANCE_PREDICATE, provenance(release)),
        ("sbom", BILL_PREDICATE, release.bill),
        ("checks", TEST_RESULT_PREDICATE, checks(release)),
    ):
        yield name, kind, write_statement(subjects, kind, predicate)


def provenance(release: Release) -> dict[str, Any]:
    """SLSA provenance: what a second builder needs to come to the same bytes."""
    source = f"git+{release.source}" if release.source else "git"
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"source": release.source, "revision": release.commit},
            "internalParameters": {
                "SOURCE_DATE_EPOCH": release.epoch,
                "python": platform.python_version(),
                "hatchling": version("hatchling"),
            },
            "resolvedDependencies": [
                {"uri": source, "digest": {"gitCommit": release.commit}},
                *(
                    {"name": path, "digest": {"sha256": digest_bytes(raw).hex}}
                    for path, raw in sorted(release.inputs.items())
                ),
            ],
        },
        "runDetails": {
            "builder": {"id": release.builder, "version": {"weighbridge": __version__}},
            "metadata": {"startedOn": _time(release.started), "finishedOn": _time(release.finished)},
        },
    }


def checks(release: Release) -> dict[str, Any]:
    """What was checked. A release that fails a check has no evidence at all, so all of them passed."""
    configuration = [
        {"name": path, "digest": {"sha256": digest_bytes(raw).hex}} for path, raw in sorted(release.inputs.items())
    ]
    return {
        "result": "PASSED",
        "configuration": configuration,
        "passedTests": list(CHECKS),
        "warnedTests": [],
        "failedTests": [],
    }


def sealed(release: Release, key: LocalKey) -> dict[str, bytes]:
    """Every statement signed, by the name of its file. Raises Rejected if one does not verify."""
    trust = TrustPolicy((TrustedKey("release", key.public_pem(), frozenset({"*"})),))
    made = {}
    for name, kind, statement in statements(release):
        bundle = seal(statement, PAYLOAD_TYPE, key)
        for raw in release.packages.values():
            verify(bundle, trust, predicate_type=kind, subject=digest_bytes(raw))
        made[f"{name}.sigstore.json"] = bundle
    return made


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
