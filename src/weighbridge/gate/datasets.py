"""What a stage demands of the data that a model was fine-tuned on: which version, how it was checked, how it was used.

    predicateType   https://weighbridge.dev/predicate/fine-tuning/v1
    predicate       {"schema": "weighbridge.fine-tuning/1", "digest": <model digest>,
                     "bases": [{"name", "digest"}], "parameters": [{"name", "value", "where"}],
                     "datasets": [{"name", "signer", "report": <sha256 of its signed bundle>,
                                   "fingerprint": {"rootDigest", "records", "source", "complete", …},
                                   "check": {"verdict", "findings", …} or null}],
                     "tool", "envelope"}

A model counts as fine-tuned if it names a base model, or if files of it are what trainers leave behind.
"""

from __future__ import annotations

from weighbridge.core.evidence import FINE_TUNING_PREDICATE
from weighbridge.core.findings import Verdict
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.claims import read_claims
from weighbridge.gate.reason import met, unknown, unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case
    from weighbridge.gate.reason import Reason

SCHEMA = "weighbridge.fine-tuning/1"
TRACES = frozenset(("adapter_config.json", "training_args.bin", "trainer_state.json"))
"""Files that a trainer leaves, wherever they lie."""
BASE = "lineage/base-model"
MEND = "weighbridge dataset check DATA --sign FILE, and weighbridge intake MODEL --dataset FILE"


def dataset_checked(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """For a model that is fine-tuned: a signed report says on which version of which data, that it was checked, and
    with what parameters.
    """
    del now
    name = "dataset-checked"
    if policy.dataset == "off":
        return met(name, "nothing")
    needs = f"fingerprint and check of the data that it was fine-tuned on, with the parameters of the training ({MEND})"
    why = "every model at this stage"
    if policy.dataset == "fine-tuned":
        claims = read_claims(case.provenance.predicate) if case.provenance else None
        named = [claim.value for claim in claims or () if claim.claim == BASE and claim.status != "contradicted"]
        why = fine_tuned((path for path, _, _ in case.files), named)
        if not why and claims is None:
            return unknown(name, "no signed provenance report says whether it is fine-tuned", needs)
        if not why:
            return met(name, "it names no base model, and no trainer left anything")
    if case.training is None:
        problems = [one for one in case.problems if one.predicate_type == FINE_TUNING_PREDICATE]
        found = f"{problems[0].code}: {problems[0].why}" if problems else "evidence-missing: none is attached"
        return unmet(name, f"{why}; {found}", needs)
    missing = lacking(case.training.predicate, policy)
    if missing:
        return unmet(name, f"{why}; {missing}", needs)
    count = len(case.training.predicate["datasets"])
    return met(name, f"{count} of {count} data sets, signed by {case.training.signer}", needs)


def fine_tuned(paths: Iterable[str], bases: Iterable[str]) -> str:
    """Why a model counts as fine-tuned; empty if it does not."""
    for base in bases:
        if base:
            return f"it is made of {plain(base.partition('@')[0], 100)}"
    left = sorted(path for path in paths if path.rpartition("/")[2].lower() in TRACES)
    return f"it has {plain(left[0], 100)} of a trainer" if left else ""


def lacking(predicate: Mapping[str, Any] | None, policy: StagePolicy) -> str:
    """What a statement about the fine-tuning lacks, or what it says that the stage does not take; empty if nothing."""
    if predicate is None:
        return "missing: the report on the data that it was fine-tuned on"
    data = predicate.get("datasets")
    if not isinstance(data, list) or not data or not all(isinstance(one, dict) for one in data):
        return "missing: the fingerprint and the check of the data"
    for one in data:
        name = plain(str(one.get("name")), 80)
        why = _of_fingerprint(one.get("fingerprint"), policy) or _of_check(one.get("check"), policy)
        if why:
            return f"{why} ({name})"
    parameters = predicate.get("parameters")
    if not isinstance(parameters, list) or not parameters:
        return "missing: the parameters of the training (training_args.bin, adapter_config.json, or --training FILE)"
    return ""


def _of_fingerprint(found: Any, policy: StagePolicy) -> str:
    if not isinstance(found, dict) or not str(found.get("rootDigest")).startswith("sha256:"):
        return "missing: the fingerprint of the data"
    if found.get("complete") is not True:
        why = found.get("incomplete")
        first = plain(str(why[0]), 200) if isinstance(why, list) and why else "it does not say why"
        return f"the fingerprint is of a part of the data: {first}"
    claims = found.get("claims")
    broken = [one for one in claims if one.get("status") == "contradicted"] if isinstance(claims, list) else []
    if broken and not policy.contradicted:
        return f"{plain(str(broken[0].get('claim')), 60)} is contradicted: {plain(str(broken[0].get('evidence')), 200)}"
    return ""


def _of_check(found: Any, policy: StagePolicy) -> str:
    if not isinstance(found, dict):
        return "missing: the check of the data"
    verdict = str(found.get("verdict"))
    if verdict in policy.verdicts and verdict in {one.value for one in Verdict} and verdict != "malicious":
        return ""
    findings = found.get("findings")
    listed = [str(one.get("rule")) for one in findings if isinstance(one, dict)] if isinstance(findings, list) else []
    said = f": {plain(', '.join(dict.fromkeys(listed[:3])), 200)}" if listed else ""
    return f"the verdict on the data is {plain(verdict, 40)}{said}"
