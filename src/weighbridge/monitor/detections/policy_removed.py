"""D13a: a policy, an exemption or a lock that guards models was removed or changed."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter
from weighbridge.monitor.operations import ENTITIES, MAPS, READS, WHY, kql_of, sql_of

_NAMES = (
    "Microsoft.Authorization/policyAssignments/delete",
    "Microsoft.Authorization/policyAssignments/write",
    "Microsoft.Authorization/policyExemptions/write",
    "Microsoft.Authorization/policyDefinitions/delete",
    "Microsoft.Authorization/policySetDefinitions/delete",
    "Microsoft.Authorization/locks/delete",
)
DETECTION = Detection(
    id="policy-removed",
    number="D13a",
    title="A policy or lock was removed, changed or exempted from",
    severity=Severity.HIGH,
    references=("T1562.001", "T1562"),
    tactics=("DefenseEvasion",),
    reads=(READS,),
    parameters=(
        Parameter("policy_managers", "texts", (), "callers that manage policy by trade: infrastructure pipelines"),
    ),
    every=15,
    period=60,
    entities=ENTITIES,
    maps=MAPS,
    why=WHY,
    matters=("A gate is opened most quietly by taking away the rule that keeps it shut, or by granting an exception."),
    false_positives="Infrastructure as code that writes the same again: name its identity in policy_managers.",
    to_do="Compare with the change that was approved; put the assignment back, and revoke the exemption.",
    kql=kql_of(_NAMES, "policy_managers"),
    sql=sql_of(_NAMES, "policy_managers"),
)
