"""D06: many prompts of one form that differ only in their filling."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter, Reads

DETECTION = Detection(
    id="extraction-template",
    number="D06",
    title="Many near-duplicate, structured prompts",
    severity=Severity.MEDIUM,
    references=("AML.T0024.002", "AML.T0013"),
    tactics=("Collection", "Discovery"),
    reads=(
        Reads("ApiManagementGatewayLlmLog", ("TimeGenerated", "RequestMessages", "DeploymentName", "OperationName")),
    ),
    parameters=(
        Parameter("template_requests", "count", 200, "prompts of one form in an hour"),
        Parameter("template_distinct", "count", 150, "different prompts among them"),
        Parameter("known_templates", "prefixes", (), "beginnings of prompt forms that own applications use"),
    ),
    every=15,
    period=120,
    entities=("Template", "DeploymentName", "OperationName"),
    maps=(),
    why="{Count} prompts of one form, {Different} of them different, reached {DeploymentName} within an hour",
    matters="A walk over a grid of inputs is how a model is copied or its training data is searched.",
    false_positives="Most applications have a template of their own: name its beginning in known_templates.",
    to_do="Find the caller by its correlation ids in the gateway's log, and limit its rate.",
    kql="""ApiManagementGatewayLlmLog
| where isnotempty(RequestMessages)
| extend Prompt = tostring(RequestMessages[array_length(RequestMessages) - 1].content)
| where isnotempty(Prompt)
| extend Template = substring(replace_regex(replace_regex(tolower(Prompt), @"[0-9]+", "#"), @"\\s+", " "), 0, 48)
| where not(Template matches regex known_templates)
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(), Different = dcount(Prompt)
    by Template, DeploymentName, OperationName, Window = bin(TimeGenerated, 1h)
| where Count >= template_requests and Different >= template_distinct
""",
    sql="""
with prompts as (
  select TimeGenerated, DeploymentName, OperationName,
         json_extract_string(RequestMessages, concat('$[', json_array_length(RequestMessages) - 1, '].content')) as Prompt
  from ApiManagementGatewayLlmLog
  where json_type(RequestMessages) = 'ARRAY' and json_array_length(RequestMessages) > 0)
select substring(regexp_replace(regexp_replace(lower(Prompt), '[0-9]+', '#', 'g'), '\\s+', ' ', 'g'), 1, 48) as Template,
       DeploymentName, OperationName, time_bucket(interval 1 hour, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count, count(distinct Prompt) as Different
from prompts
where Prompt <> ''
group by all
having count(*) >= $template_requests and count(distinct Prompt) >= $template_distinct
   and not regexp_matches(Template, $known_templates)
""",
)
