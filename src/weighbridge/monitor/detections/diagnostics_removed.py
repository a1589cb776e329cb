"""D13b: logs or alert rules were switched off."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter
from weighbridge.monitor.operations import ENTITIES, MAPS, READS, WHY, kql_of, sql_of

_NAMES = (
    "Microsoft.Insights/diagnosticSettings/delete",
    "Microsoft.OperationalInsights/workspaces/delete",
    "Microsoft.OperationalInsights/workspaces/tables/delete",
    "Microsoft.Insights/scheduledQueryRules/delete",
    "Microsoft.SecurityInsights/alertRules/delete",
    "Microsoft.Network/networkWatchers/flowLogs/delete",
)
DETECTION = Detection(
    id="diagnostics-removed",
    number="D13b",
    title="Diagnostics or alert rules were removed",
    severity=Severity.HIGH,
    references=("T1562.008", "T1070"),
    tactics=("DefenseEvasion",),
    reads=(READS,),
    parameters=(Parameter("diagnostics_managers", "texts", (), "callers that manage diagnostics by trade"),),
    every=15,
    period=60,
    entities=ENTITIES,
    maps=MAPS,
    why=WHY,
    matters=(
        "Every other detection is blind from then on. The activity log itself cannot be switched off, so this one is not."
    ),
    false_positives="Resources that are taken down as a whole.",
    to_do="Put the setting back first, then ask why; what happened meanwhile is in no log.",
    kql=kql_of(_NAMES, "diagnostics_managers"),
    sql=sql_of(_NAMES, "diagnostics_managers"),
)
