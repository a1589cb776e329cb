"""SLSA provenance and GitHub artifact attestations: which build made these files, from which source.

    predicateType   https://slsa.dev/provenance/v1 (or v0.2)
    subject         every file that the build made, with its sha256
    v1              buildDefinition.externalParameters.workflow {repository, ref, path}, .resolvedDependencies
                    [{uri: "git+https://…@ref", digest: {gitCommit}}], runDetails.builder.id
    v0.2            builder.id, invocation.configSource {uri, digest: {sha1}, entryPoint}

The statement counts only if a trusted identity or key signed it, and only for the files that it names by digest. What
a Sigstore certificate says of the build (its repository, commit and workflow) was checked by whoever issued it, so the
statement must not say otherwise. Sources: slsa.dev/spec/v1.0/provenance, slsa.dev/spec/v0.2; sigstore/fulcio,
docs/oid-info.md.
"""

from __future__ import annotations

from weighbridge.core.artifact import escape_name
from weighbridge.core.claims import Claim, Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance.signatures import signer_and_claim
from weighbridge.provenance.weighing import least, named, together

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.provenance.signature_files import Found, Signed

BUILD = "build-provenance"
SLSA_V1 = "https://slsa.dev/provenance/v1"
SLSA_V02 = "https://slsa.dev/provenance/v0.2"
LONGEST = 2000
"""Characters of an address. A longer one is no address and counts as missing."""
NO_EXTENSIONS: Mapping[str, str] = {}


class Build(NamedTuple):
    """What a statement says of a build. Empty: it does not say."""

    builder: str
    source: str
    commit: str
    workflow: str


class _Judged(NamedTuple):
    entry: Signed
    build: Build
    signer: Claim
    said: Mapping[str, str]
    wrong: str
    covered: frozenset[str]


def build_provenance(found: Found, files: Mapping[str, str], trust: TrustPolicy, *, place: str, now: datetime) -> Claim:
    """Which build made the files. `files` are escaped paths with their sha256 in hex."""
    judged = [
        _judge(entry, files, trust, place, now)
        for entry in found.signed
        if entry.statement is not None and entry.statement.predicate_type in (SLSA_V1, SLSA_V02)
    ]
    if not judged:
        given = [f"{entry.path}: {entry.why}" for entry in found.unusable if not entry.path.lower().endswith(".sig")]
        if given:
            return Claim(BUILD, Status.DECLARED, f"an attestation that cannot be read: {given[0]}")
        return Claim(BUILD, Status.ABSENT, "there is no attestation of the build that made the files")
    return least([_claim(one, judged, files, found.evidence) for one in judged])


def read_build(predicate: Mapping[str, Any], predicate_type: str) -> Build:
    """What the predicate says, leniently: a field that is missing or of another type is empty."""
    if predicate_type == SLSA_V02:
        source = _table(_table(predicate, "invocation"), "configSource")
        commit = _text(_table(source, "digest"), "sha1")
        return Build(
            _text(_table(predicate, "builder"), "id"), _repository(_text(source, "uri")), commit,
            _text(source, "entryPoint"),
        )  # fmt: skip
    definition = _table(predicate, "buildDefinition")
    workflow = _table(_table(definition, "externalParameters"), "workflow")
    dependencies = definition.get("resolvedDependencies")
    sources = [
        entry
        for entry in (dependencies if isinstance(dependencies, list) else ())
        if isinstance(entry, dict) and _text(entry, "uri").startswith("git+")
    ]
    repository = _text(workflow, "repository")
    meant = [entry for entry in sources if not repository or _repository(_text(entry, "uri")) == repository]
    commit = _text(_table(meant[0], "digest"), "gitCommit") if meant else ""
    return Build(
        _text(_table(_table(predicate, "runDetails"), "builder"), "id"),
        repository or (_repository(_text(meant[0], "uri")) if meant else ""),
        commit,
        "@".join(filter(None, (_text(workflow, "path"), _text(workflow, "ref")))),
    )


def _judge(entry: Signed, files: Mapping[str, str], trust: TrustPolicy, place: str, now: datetime) -> _Judged:
    assert entry.statement is not None  # noqa: S101 -- only statements come here
    statement = entry.statement
    signer, claim = signer_and_claim(f"{BUILD}/signer", entry, trust, statement.predicate_type, place, now)
    digests = {subject.digest.hex for subject in statement.subjects}
    covered = frozenset(path for path, sha256 in files.items() if sha256 in digests)
    named_there = {escape_name(subject.name) for subject in statement.subjects}
    named_there |= {name.rpartition("/")[2] for name in named_there}
    replaced = sorted((named_there & files.keys()) - covered)
    wrong = ""
    if replaced:
        wrong = f"{named(replaced)} is not what the build made"
    elif not covered and entry.given:
        wrong = "it is about none of these files"
    return _Judged(
        entry,
        read_build(statement.predicate, statement.predicate_type),
        claim,
        signer.extensions if signer else NO_EXTENSIONS,
        wrong,
        covered,
    )


def _claim(one: _Judged, judged: list[_Judged], files: Mapping[str, str], evidence: frozenset[str]) -> Claim:
    path, verified = one.entry.path, one.signer.status is Status.VERIFIED
    together_covered = frozenset[str]().union(
        *(
            other.covered
            for other in judged
            if other.build == one.build and not other.wrong and other.signer.value == one.signer.value
        )
    )
    model = files.keys() - evidence
    uncovered = model - together_covered
    count = f"{len(model & together_covered)} of {len(model)} files"
    name = f"{BUILD}/subjects"
    if one.wrong:
        subjects = Claim(name, Status.CONTRADICTED, f"{path}: {one.wrong}")
    elif not one.covered:
        subjects = Claim(name, Status.DECLARED, f"{path}: it is about none of these files")
    elif uncovered:
        subjects = Claim(name, Status.DECLARED, f"{path}: about {count}, not about {named(uncovered)}", count)
    else:
        status = Status.VERIFIED if verified else Status.DECLARED
        subjects = Claim(name, status, f"{path}: about {count}", count)
    parts = [one.signer, subjects]
    build, said = one.build, one.said
    for what, text, certain in (
        ("builder", build.builder, said.get("build-signer", "") if "/.github/workflows/" in build.builder else ""),
        ("source", build.source, said.get("source-repository", "")),
        ("commit", build.commit, said.get("source-digest", "")),
        ("workflow", build.workflow, _workflow(said)),
    ):
        if text or certain:
            parts.append(_said(f"{BUILD}/{what}", path, text, certain, verified=verified))
    if not build.builder:
        parts.append(Claim(f"{BUILD}/builder", Status.ABSENT, f"{path}: it names no builder"))
    return together(BUILD, path, tuple(parts), build.builder)


def _said(name: str, path: str, text: str, certain: str, *, verified: bool) -> Claim:
    if text and certain and text != certain:
        why = f"{path}: it says {plain(text, 200)}, the certificate {plain(certain, 200)}"
        return Claim(name, Status.CONTRADICTED, why, certain)
    value = text or certain
    return Claim(name, Status.VERIFIED if verified else Status.DECLARED, f"{path}: {plain(value, 200)}", value)


def _workflow(said: Mapping[str, str]) -> str:
    """The workflow that a certificate names, as a statement does: `path@ref`; whole, if of another repository."""
    return said.get("build-config", "").removeprefix(said.get("source-repository", "") + "/")


def _repository(uri: str) -> str:
    """`git+https://host/org/name@ref` → `https://host/org/name`."""
    return uri.removeprefix("git+").partition("@")[0].removesuffix(".git")


def _table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) and len(value) <= LONGEST else ""
