"""What decides, and what came of it: rules, policies, exemptions, trust, decisions, sweeps."""

from __future__ import annotations

from typing import Any, Literal

from tools.schemas.shapes import ListOf, Shape, fields_of, top

from weighbridge.cli.decisions import LoggedDecision
from weighbridge.cli.exemption import ListedExemption
from weighbridge.cli.policy import Demand, ReadFeed
from weighbridge.cli.trust import TrustRow
from weighbridge.core.digests import Digest
from weighbridge.core.settings import STAGES
from weighbridge.gate.decision import Recorded, ShownExemption, UsedEvidence
from weighbridge.gate.reason import Reason
from weighbridge.index.check import Checked
from weighbridge.index.sheets import Change
from weighbridge.pipelines.policy_cases import Tried
from weighbridge.pipelines.sweeping import ORDER
from weighbridge.rules.base import Rule


def shapes() -> dict[str, Shape]:
    """Every document about what decides and what was decided, by the name of its schema."""
    return {"decision": decision_shape(), "rules": rules_shape(), "trust": trust_shape(), **gate_shapes()}


def decision_shape() -> Shape:
    """The answer of gate two, as `gate.decision.Decision.document` writes it."""
    fields = {
        "decision": Literal["allow", "deny"],
        "digest": Digest,
        "stage": Literal[STAGES],
        "madeAt": str,
        "reference": str,
        "reasons": tuple[Reason, ...],
        "warnings": tuple[str, ...],
        "exemptions": tuple[ShownExemption, ...],
        "evidence": tuple[UsedEvidence, ...],
        "policy": str,
        "knowledge": str,
        "recorded": Recorded,
    }
    return top("Decision", "The answer of gate two, with every reason.", "weighbridge.decision/1", fields)._replace(
        optional=("recorded",)
    )


def gate_shapes() -> dict[str, Shape]:
    """What `weighbridge policy`, `exemption` and `decisions` say."""
    bodies: dict[str, tuple[str, str, dict[str, Any]]] = {
        "policy": (
            "What each stage demands.",
            "policy",
            {"demands": tuple[Demand, ...], "feeds": tuple[str, ...], "feeds_signed": bool},
        ),
        "policy-test": ("What came of a table of cases.", "policy-test", {"passed": bool, "cases": tuple[Tried, ...]}),
        "feeds": ("The feeds of bad digests.", "feeds", {"feeds": tuple[ReadFeed, ...]}),
        "exemptions": ("Exemptions.", "exemptions", {"exemptions": tuple[ListedExemption, ...]}),
        "decisions": ("The last decisions.", "decisions", {"decisions": tuple[LoggedDecision, ...]}),
        "decisions-verify": (
            "Whether the log of decisions is whole, and that of changes over the server.",
            "decisions-verify",
            {**fields_of(Checked), "changes": Checked | None},
        ),
        "sweep": (
            "Every indexed model, judged with the knowledge of today.",
            "sweep",
            {
                "sweep": int,
                "knowledge": str,
                "models": int,
                "judged": int,
                "verdicts": Shape("Models", "How many models have which verdict.", dict.fromkeys(ORDER, int)),
                **dict.fromkeys(("worse", "changed", "outdated"), tuple[Change, ...]),
            },
        ),
    }
    return {
        name: top(name.title().replace("-", ""), about, f"weighbridge.{schema}/1", fields)
        for name, (about, schema, fields) in bodies.items()
    }


def rules_shape() -> Shape:
    """The list of rules, as `cli/rules.py` writes it."""
    fields = fields_of(Rule)
    row = {
        "id": fields["id"],
        "severity": fields["severity"],
        "title": str,
        "since": fields["since"],
        "references": fields["references"],
    }
    rows = ListOf(Shape("Rule", "One rule; `weighbridge explain` says the rest.", row))
    return top("Rules", "Every rule, by id.", "weighbridge.rules/1", {"rules": rows})


def trust_shape() -> Shape:
    """The entries of the trust store, as `cli/trust.py` writes them."""
    return top("Trust", "Whose signatures count.", "weighbridge.trust/1", {"entries": tuple[TrustRow, ...]})
