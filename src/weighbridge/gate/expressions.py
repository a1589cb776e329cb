"""Demands in CEL, for what the typed policy cannot say. Every expression is checked when the settings are read.

    verdict         string                      the verdict of the signed scan ("" if there is none)
    findings        list of {rule, severity, location}
    unread          int                         places that could not be inspected
    files           list of {path, size, format, sha256}
    size            int                         bytes of all files together
    formats         list of string              of files and of what is inside them
    source          string                      where it came from, as the provenance report says
    signer          string                      who signed the model, or "none"
    signers         map of string               kind of evidence → who signed it
    annotations     map of string               of the manifest: claims of whoever pushed
    place           string                      where it lies
    now             timestamp

Anything but `true` denies: a missing key, an error, a value of another type, the budget of iterations.
Source: github.com/google/cel-spec, doc/langdef.md; the library gives run-time errors as values, not as exceptions.
"""

from __future__ import annotations

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.reason import Reason, met, unknown, unmet
from weighbridge.gate.weighing import scanned

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case

NAME = "expressions-hold"


def check_expressions(stages: Mapping[str, StagePolicy]) -> None:
    """Raise UsageError for an expression that is none, names something unknown, or is neither true nor false."""
    for stage, policy in stages.items():
        for expression in policy.cel:
            _compiled(expression, f"[stage.{stage}] cel")


def cel_reason(case: Case, policy: StagePolicy, now: datetime) -> tuple[Reason, ...]:
    """One reason for all expressions of a stage; none if it has none."""
    if not policy.cel:
        return ()
    known = _known(case, now)
    for expression in policy.cel:
        program = _compiled(expression, "cel")
        cel = _library()
        try:
            value = program.eval(data=known)
        except RuntimeError as error:
            return (unknown(NAME, f"{plain(expression, 120)} cannot be asked: {plain(str(error), 120)}", "true"),)
        if value.type() != cel.Type.BOOL:
            return (
                unknown(NAME, f"{plain(expression, 120)} gives no answer: {plain(str(value.value()), 120)}", "true"),
            )
        if value.value() is not True:
            return (unmet(NAME, f"{plain(expression, 120)} is false", "true"),)
    return (met(NAME, f"{len(policy.cel)} of {len(policy.cel)} are true", "true"),)


def _compiled(expression: str, where: str) -> Any:
    cel = _library()
    text, many, anything = cel.Type.STRING, cel.Type.List, cel.Type.DYN
    record = cel.Type.Map(text, anything)
    environment = cel.NewEnv(
        variables={
            "verdict": text,
            "findings": many(record),
            "unread": cel.Type.INT,
            "files": many(record),
            "size": cel.Type.INT,
            "formats": many(text),
            "source": text,
            "signer": text,
            "signers": cel.Type.Map(text, text),
            "annotations": cel.Type.Map(text, text),
            "place": text,
            "now": cel.Type.TIMESTAMP,
        }
    )
    try:
        program = environment.compile(expression)
    except RuntimeError as error:
        cause = f"{where}: {plain(expression, 120)!r} is no expression: {plain(str(error), 200)}"
        raise UsageError(cause, "weighbridge policy show lists what expressions can name") from error
    if program.return_type() not in (cel.Type.BOOL, anything):
        raise UsageError(f"{where}: {plain(expression, 120)!r} is neither true nor false", "compare it with something")
    return program


def _known(case: Case, now: datetime) -> dict[str, Any]:
    scan = case.scan.predicate if case.scan else {}
    hits = scanned(scan)
    artifact = scan.get("artifact")
    files = artifact.get("files") if isinstance(artifact, dict) else None
    formats = {str(file.get("path")): str(file.get("format")) for file in files or () if isinstance(file, dict)}
    provenance = case.provenance.predicate if case.provenance else {}
    source = provenance.get("source")
    inside = case.today.formats if case.today else frozenset()
    return {
        "verdict": str(scan.get("verdict", "")),
        "findings": [
            {"rule": hit.rule, "severity": hit.severity.value, "location": hit.location}
            for hit in hits
            if not hit.unread
        ],
        "unread": sum(hit.unread for hit in hits),
        "files": [
            {"path": path, "size": size, "format": formats.get(path, ""), "sha256": digest}
            for path, size, digest in sorted(case.files)
        ],
        "size": case.size,
        "formats": sorted(inside | set(formats.values())),
        "source": str(source.get("place", "")) if isinstance(source, dict) else "",
        "signer": str(provenance.get("signer", "")),
        "signers": {kind: proof.signer for kind, proof in case.proofs()},
        "annotations": dict(case.annotations),
        "place": case.place,
        "now": now,
    }


def _library() -> Any:
    try:
        from cel_expr_python import cel
    except ImportError as error:
        raise UsageError(
            "the settings have expressions in CEL, and its library is not installed",
            "pip install 'weighbridge[cel]'",
        ) from error
    return cel
