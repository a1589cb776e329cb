"""Cases that a team writes for its policy: a model as it might be, and what the gate has to say.

    [[case]]
    name = "a checkpoint never reaches production"
    stage = "production"
    expect = "deny"                        # or "allow"
    requirement = ["formats-allowed"]      # those that are not met, exactly; leave it out: any
    model = { formats = ["torch-zip"] }    # what differs from a model that is as good as can be
    reference = "digits:v1"                # instead of `model`: one that is in the registry now

Keys of `model`: see `Model`. The same as JSON: {"case": [{…}, …]}. Nothing is recorded.
"""

from __future__ import annotations

from datetime import timedelta

from weighbridge.core.digests import Digest
from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.findings import Evidence, Finding, Severity
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.case import BadDigest, Case, Proof, Today
from weighbridge.gate.decision import decide
from weighbridge.gate.exemption import Exemption, stamp
from weighbridge.gate.expressions import cel_reason
from weighbridge.gate.reason import Result
from weighbridge.gate.requirements import scan_result
from weighbridge.pipelines.frameworks import affected, parse_runtime
from weighbridge.provenance.knowledge import load_card_knowledge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.advisories import Advisories
    from weighbridge.core.settings import Settings
    from weighbridge.gate.decision import Decision

MANIFEST, MODEL = Digest("1" * 64), Digest("2" * 64)
MOST_CASES = 10_000


class Model(NamedTuple):
    """A model that a case describes. What it does not say is as good as can be.

    `findings` are {rule, severity, location, today}: with `today` only today's knowledge finds it. `claims` maps claims
    of the provenance report to their status, `flags` are those that a person has to confirm, `engines` maps other
    scanners to their verdicts, `signers` kinds of evidence to who signed them. `missing` are kinds of evidence that are
    not there. `exempt` are {rule, days}: an exemption of a rule for the model that counts for so many days from now.
    """

    verdict: str = "clean"
    findings: tuple[dict[str, Any], ...] = ()
    unread: int = 0
    formats: tuple[str, ...] = ("safetensors",)
    bytes: int = 1_000_000
    scanned_days_ago: int = 0
    source: str = "hf://example/model"
    publisher: str = ""
    lookalike: bool = False
    signer: str = "none"
    hub_scan: str = ""
    claims: dict[str, str] = {}  # noqa: RUF012 -- never changed
    flags: tuple[str, ...] = ()
    engines: dict[str, str] = {}  # noqa: RUF012
    signers: dict[str, str] = {}  # noqa: RUF012
    missing: tuple[str, ...] = ()
    sbom_completeness: int = 100
    registry: str = "internal"
    runtime: tuple[str, ...] = ()
    declared: dict[str, str] = {}  # noqa: RUF012
    exempt: tuple[dict[str, Any], ...] = ()
    known_bad: bool = False
    old_parser: bool = False
    moved: bool = False
    knowledge_days_ago: int = 0


class PolicyCase(NamedTuple):
    """One row of the table. `requirement` are what must not be met; None: whatever it is."""

    name: str
    stage: str
    allow: bool
    requirement: frozenset[str] | None
    model: Model
    reference: str


class Tried(NamedTuple):
    """What came of one case; `wrong` says what was expected, empty if it came."""

    name: str
    stage: str
    decision: str
    not_met: tuple[str, ...]
    wrong: str


def read_cases(path: str) -> tuple[PolicyCase, ...]:
    """The cases of a file, TOML or JSON. Raises UsageError for one that cannot be read or an unknown key."""
    import json
    import tomllib

    try:
        with open(path, "rb") as file:
            raw = file.read()
        table = json.loads(raw) if path.endswith(".json") else tomllib.loads(raw.decode())
    except (OSError, ValueError) as error:
        cause = f"the cases {plain(path)} cannot be read: {plain(str(error), 120)}"
        raise UsageError(cause, "name a table of cases; weighbridge policy --help shows one") from error
    rows = table.get("case") if isinstance(table, dict) else None
    if not isinstance(rows, list) or not rows or len(rows) > MOST_CASES:
        raise UsageError(f"{plain(path)} has no cases", "write [[case]] for each")
    return tuple(_case(row, f"{plain(path)}, case {number}") for number, row in enumerate(rows, 1))


def try_cases(
    cases: tuple[PolicyCase, ...],
    settings: Settings,
    now: datetime,
    advisories: Advisories,
    asked: Callable[[str, str], Decision],
) -> tuple[Tried, ...]:
    """Judge every case by the settings' policy; `asked` decides on one that is in the registry (reference, stage)."""
    return tuple(_try(case, settings, now, advisories, asked) for case in cases)


def case_of(model: Model, now: datetime, advisories: Advisories) -> Case:
    """The case that a gate would see of such a model."""
    made = stamp(now - timedelta(days=model.scanned_days_ago))
    digest = "3" * 64
    formats = frozenset(model.formats)
    sizes = [model.bytes, *([0] * (len(model.formats) - 1))]
    named = [f"file{number}.{form}" for number, form in enumerate(model.formats or ("none",))]
    files = frozenset((name, size, digest) for name, size in zip(named, sizes, strict=False))
    listed = [
        {"path": name, "size": size, "sha256": digest, "format": form}
        for name, size, form in zip(named, sizes, model.formats or ("none",), strict=False)
    ]
    found = [one for one in model.findings if not one.get("today")]
    scan = {
        "verdict": model.verdict,
        "artifact": {"files": listed},
        "findings": [{"rule": one["rule"], "severity": one["severity"], "location": _where(one)} for one in found],
        "coverage": {"unread": [{"location": named[0], "why": "opaque"}] * model.unread},
        "envelope": {"finished": made},
    }
    answers = [{"name": name, "status": "ran", "verdict": said} for name, said in model.engines.items()]
    sbom = {
        "components": [{"hashes": [{"alg": "SHA-256", "content": digest}]}],
        "metadata": {"properties": [{"name": "weighbridge:completeness", "value": str(model.sbom_completeness)}]},
    }
    proofs = {
        "scan": scan,
        "facts": {},
        "engines": {"engines": answers, "envelope": {"finished": made}},
        "provenance": _provenance(model),
        "sbom": sbom,
        "model-signature": {"resources": [{"name": name, "digest": digest} for name in named]},
    }
    kept = {
        kind: Proof(model.signers.get(kind, "this machine"), MANIFEST, said)
        for kind, said in proofs.items()
        if kind not in model.missing
    }
    runtime = parse_runtime("\n".join(model.runtime))
    annotations = {"security.scan.result": scan_result(model.verdict)}
    annotations |= {"security.provenance.source": model.source, "security.provenance.signer": model.signer}
    return Case(
        manifest=MANIFEST,
        files=files,
        annotations=annotations,
        scan=kept.get("scan"),
        sbom=kept.get("sbom"),
        signature=kept.get("model-signature"),
        problems=(),
        provenance=kept.get("provenance"),
        facts=kept.get("facts"),
        engines=kept.get("engines"),
        lists=(Proof("this machine", MANIFEST, {"references": [{"name": "scan", "digest": {"sha256": digest}}]}),),
        attached=frozenset((digest,)),
        place="registry.internal/model" if model.registry == "internal" else model.registry,
        internal="registry.internal",
        model=MODEL,
        today=_today(model, formats) if "facts" in kept else None,
        exemptions=tuple(_exemption(one, now) for one in model.exempt),
        bad=(BadDigest(str(MODEL), "as the case says", "case"),) if model.known_bad else (),
        affected=(
            *affected(runtime.packages, formats, advisories, "runtime"),
            *affected(tuple(model.declared.items()), formats, advisories, "declared"),
        ),
        runtime=bool(model.runtime),
        runtime_problems=runtime.problems,
        knowledge_date=(now - timedelta(days=model.knowledge_days_ago)).date(),
        moved="as the case says" if model.moved else "",
        countries=load_card_knowledge().countries,
    )


def _try(
    case: PolicyCase,
    settings: Settings,
    now: datetime,
    advisories: Advisories,
    asked: Callable[[str, str], Decision],
) -> Tried:
    if case.reference:
        decision = asked(case.reference, case.stage)
    else:
        policy = settings.stages[case.stage]
        judged = case_of(case.model, now, advisories)
        decision = decide(judged, case.stage, policy, now, more=cel_reason(judged, policy, now))
    refused = tuple(reason.requirement for reason in decision.reasons if reason.result is not Result.MET)
    wrong = ""
    if decision.allowed != case.allow:
        wrong = f"expected to be {'allowed' if case.allow else 'denied'}"
    elif case.requirement is not None and case.requirement != frozenset(refused):
        wrong = f"expected not to meet {', '.join(sorted(case.requirement))}"
    return Tried(case.name, case.stage, "allow" if decision.allowed else "deny", refused, wrong)


def _case(row: object, where: str) -> PolicyCase:
    if not isinstance(row, dict):
        raise UsageError(f"{where} is no table", "write [[case]]")
    _known(row, ("name", "stage", "expect", "requirement", "model", "reference"), where)
    stage, expect, wanted = row.get("stage"), row.get("expect"), row.get("requirement")
    if stage not in ("sandbox", "staging", "production"):
        raise UsageError(f"{where}: stage is none", 'write stage = "production"')
    if expect not in ("allow", "deny"):
        raise UsageError(f"{where}: expect is neither allow nor deny", 'write expect = "deny"')
    if isinstance(wanted, str):
        wanted = [wanted]
    if wanted is not None and not (isinstance(wanted, list) and all(isinstance(name, str) for name in wanted)):
        raise UsageError(f"{where}: requirement is no name", 'write requirement = "scan-verdict"')
    if wanted is not None:
        _known(dict.fromkeys(wanted), _names(), where)
    model = row.get("model", {})
    if not isinstance(model, dict) or ("reference" in row and model):
        raise UsageError(f"{where}: it has no model, or two", "give a model, or the reference of one")
    return PolicyCase(
        name=str(row.get("name", "")) or where.rpartition(", ")[2],
        stage=str(stage),
        allow=expect == "allow",
        requirement=frozenset(wanted) if wanted is not None else None,
        model=_model(model, where),
        reference=str(row.get("reference", "")),
    )


def _names() -> tuple[str, ...]:
    from weighbridge.gate.requirements import REQUIREMENTS

    names = (function.__name__.replace("_", "-").removeprefix("no-") for function in REQUIREMENTS)
    return (*names, "expressions-hold")


def _model(values: Mapping[str, Any], where: str) -> Model:
    _known(values, Model._fields, f"{where}, model")
    default = Model()
    read: dict[str, Any] = {}
    for key, value in values.items():
        there = getattr(default, key)
        if isinstance(there, tuple):
            if not isinstance(value, list):
                raise UsageError(f"{where}: {key} is no list", f"write {key} = [ … ]")
            read[key] = tuple(value)
        elif type(value) is not type(there):
            raise UsageError(f"{where}: {key} is no {type(there).__name__}", f"write {key} as {there!r}")
        else:
            read[key] = value
    for one in read.get("findings", ()):
        try:
            Severity(one["severity"])
            _ = one["rule"] + ""
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{where}: a finding lacks its rule or severity", "give both") from error
    for one in read.get("exempt", ()):
        if not isinstance(one, dict) or not isinstance(one.get("rule"), str) or type(one.get("days")) is not int:
            raise UsageError(f"{where}: an exemption lacks its rule or days", "give both")
    return Model(**read)


def _known(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            mend = did_you_mean(str(key), known, f"known are {', '.join(known)}")
            raise UsageError(f"{where}: {plain(str(key), 60)!r} is not known", mend)


def _where(finding: Mapping[str, Any]) -> str:
    return str(finding.get("location", ""))


def _provenance(model: Model) -> dict[str, Any]:
    claims = [_claim("source", "verified"), *(_claim(name, status) for name, status in model.claims.items())]
    claims += [_claim(name, "declared", confirm=True) for name in model.flags]
    if model.publisher:
        claims.append(_claim("signal/publisher", "declared", value=model.publisher, confirm=model.lookalike))
    if model.signer != "none":
        claims.append(_claim("model-signature", "verified", value=model.signer))
    if model.hub_scan:
        claims.append(_claim("signal/hub-scan", "contradicted" if model.hub_scan == "bad" else "declared"))
    return {"source": {"place": model.source}, "signer": model.signer, "claims": claims}


def _claim(name: str, status: str, *, value: str = "", confirm: bool = False) -> dict[str, Any]:
    return {
        "claim": name,
        "status": status,
        "evidence": "as the case says",
        "value": value,
        "confirm": confirm,
        "parts": [],
    }


def _today(model: Model, formats: frozenset[str]) -> Today:
    findings = tuple(
        Finding(one["rule"], Severity(one["severity"]), "", _where(one), Evidence(""), "", "", ())
        for one in model.findings
    )
    outdated = ("safetensors (version 0, today 1)",) if model.old_parser else ()
    return Today(findings, formats, outdated, tuple(model.declared.items()))


def _exemption(one: Mapping[str, Any], now: datetime) -> Exemption:
    made, until = now - timedelta(days=1), now + timedelta(days=int(one["days"]))
    return Exemption("case", str(one["rule"]), MODEL, "as the case says", "case", min(made, until), until, "case")
