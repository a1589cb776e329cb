"""30 days of logs with planted incidents: what the detections find, and what they tell without cause; and how fast.

    python bench/monitor.py             300 callers, 30 days: about 1.1 million records; a minute or two
    python bench/monitor.py --callers 1000 --speed 1000     as large as it gets, and 1 GB of JSON read for its speed
    python bench/monitor.py --speed 10000 --only-speed       10 GB

The estate has four endpoints and a gateway with a daily and a weekly rhythm, bursts, maintenance that takes an endpoint
down, an application that starts up and reads its secrets, a pipeline that pushes, deploys and is admitted, clean-up of
data, and a portal in which people list keys once in a while. Parameters name what an organisation would name (its
pipelines, its allow-list); every threshold is at its default. Incidents lie in the third and fourth week, one for each
detection. A false alert is one that belongs to no incident. Marks: all found, at most one false alert per detection and
week.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "src")]

from weighbridge.monitor import catalog, local  # noqa: E402 -- behind the path

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 30
WORK = os.path.join(HERE, ".work", "monitor")
RESULT = os.path.join(HERE, "results", "monitor.json")
PARAMETERS: dict[str, Any] = {
    "approved_sources": ["azureml://registries/wb-prod/models/"],
    "pipeline_identities": ["pipeline"],
    "policy_managers": ["iac"],
    "diagnostics_managers": ["iac"],
    "network_managers": ["iac"],
    "vault_readers": ["rotation"],
    "batch_callers": ["batch-scoring"],
    "canaries": ["WBCANARY-7f3a-91bc"],
    "allowed_ranges": ["20.60.0.0/16"],
    "data_managers": ["cleaner"],
    "known_templates": ["summarise the ticket"],
    "steady_callers": ["batch-scoring", "health-probe"],
}
_DEPLOY = "MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/ONLINEENDPOINTS/DEPLOYMENTS/WRITE"
INCIDENTS = {name: 15 + number * 0.6 for number, name in enumerate(found.id for found in catalog.detections())}
"""The day on which each incident begins."""


class Writer:
    """Records by table, in the files of Log Analytics' data export, one a day."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.count = 0
        self._waiting: dict[str, list[str]] = {}

    def put(self, table: str, when: datetime, row: dict[str, Any]) -> None:
        """Write one record."""
        lines = self._waiting.setdefault(f"am-{table}/y={when:%Y}/m={when:%m}/d={when:%d}/PT1D.json", [])
        self.count += 1
        record = {
            "TimeGenerated": f"{when:%Y-%m-%dT%H:%M:%S.%fZ}",
            **row,
            "_ItemId": f"{self.count:032x}",
            "Type": table,
        }
        lines.append(json.dumps(record) + "\n")
        if self.count % 200_000 == 0:
            self.close()

    def close(self) -> None:
        """Write what is still waiting."""
        for name, lines in self._waiting.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "a", encoding="utf-8") as file:
                file.writelines(lines)
        self._waiting.clear()


def after(days: float, **more: float) -> datetime:
    """A time in the logs."""
    return START + timedelta(days=days, **more)


def rhythm(hour: int) -> float:
    """How busy an hour is: people work by day, and on five days of the week."""
    day, of_day = divmod(hour, 24)
    busy = 0.25 + max(0.0, math.sin((of_day - 6) / 14 * math.pi)) if 6 <= of_day <= 20 else 0.2
    return busy * (0.35 if day % 7 >= 5 else 1.0)


def honest(out: Writer, chance: random.Random, callers: int) -> None:
    """A month of an estate in which nothing is wrong."""
    for hour in range(DAYS * 24):
        for _ in range(poisson(chance, callers * 2.5 * rhythm(hour) + 200)):
            traffic(out, chance, hour, f"caller-{int(callers * chance.random() ** 2)}")
        for _ in range(poisson(chance, callers * 0.3 * rhythm(hour) + 45)):
            gateway(out, chance, hour)
        if hour % 24 == 3:  # the nightly batch, which is named
            for _ in range(600):
                traffic(out, chance, hour, "batch-scoring")
        if chance.random() < 0.02:  # a burst of one person
            name = f"caller-{chance.randrange(callers)}"
            for _ in range(chance.randrange(100, 350)):
                traffic(out, chance, hour, name)
        for n in range(20):
            when = moment(chance, hour)
            name = chance.choice(("mcr.microsoft.com", "login.microsoftonline.com", "westeurope.api.azureml.ms"))
            out.put("AZFWApplicationRule", when, {"SourceIp": f"10.20.0.{n}", "Fqdn": name, "Action": "Allow"})
            place = chance.choice(("20.60.3.4", "10.1.1.1", "172.20.0.5", "192.168.7.7", "fe80::1"))
            out.put(
                "AZFWNetworkRule",
                when,
                {
                    "SourceIp": f"10.20.0.{n}",
                    "DestinationIp": place,
                    "DestinationPort": 443,
                    "Protocol": "TCP",
                    "Action": "Allow",
                },
            )
        out.put("NTANetAnalytics", moment(chance, hour), flow("AzurePublic", "20.60.0.9"))
        for endpoint in range(4):
            out.put(
                "AADManagedIdentitySignInLogs",
                moment(chance, hour),
                signin(endpoint, f"20.50.0.{chance.randrange(1, 4)}"),
            )
        everyday(out, chance, hour)


def everyday(out: Writer, chance: random.Random, hour: int) -> None:
    """What happens a few times a day."""
    if chance.random() < 0.2:  # an application starts and reads what it needs
        for n in range(chance.randrange(1, 5)):
            out.put("AZKVAuditLogs", moment(chance, hour), vault(f"app-{chance.randrange(6)}", "SecretGet", f"s{n}"))
    if hour % 168 == 30:
        for n in range(40):
            out.put("AZKVAuditLogs", moment(chance, hour), vault("rotation", "SecretGet", f"s{n}"))
    if hour % 24 == 11 and chance.random() < 0.7:  # a release: push, admission, deployment
        when, name = moment(chance, hour), f"/s/ws/e/deployments/d{hour}"
        out.put("ContainerRegistryRepositoryEvents", when, registry("pipeline", f"v{hour}", f"sha256:{hour:064x}"))
        out.put(
            "WeighbridgeDecisions_CL",
            when + timedelta(minutes=5),
            {"Decision": "allow", "DeploymentId": name, "DecisionId": str(hour)},
        )
        body = {"properties": {"model": f"azureml://registries/wb-prod/models/m/versions/{hour}"}}
        out.put("AzureActivity", when + timedelta(minutes=20), activity(_DEPLOY, "pipeline", body, name))
    if hour % 24 == 2:
        for n in range(chance.randrange(5, 60)):
            out.put("StorageBlobLogs", moment(chance, hour), blob("cleaner", "DeleteBlob", n))
        for n in range(chance.randrange(15)):
            out.put("StorageBlobLogs", moment(chance, hour), blob("scientist", "DeleteBlob", n))
    for n in range(10):
        out.put("StorageBlobLogs", moment(chance, hour), blob("trainer", "PutBlob", n))
    if hour % 24 == 9 and chance.random() < 0.3:
        out.put(
            "AzureActivity",
            moment(chance, hour),
            activity("Microsoft.Authorization/policyAssignments/write", "iac", None),
        )
    if chance.random() < 0.01:
        out.put("SecurityAlert", moment(chance, hour), alert(f"vm{hour}", "VM_Anomaly", "Suspicious process"))
    closed = {"properties": {"publicNetworkAccess": "Disabled"}}
    if hour % 24 == 10:
        out.put(
            "AzureActivity",
            moment(chance, hour),
            activity("Microsoft.MachineLearningServices/workspaces/write", "iac", closed),
        )
    if chance.random() < 1 / 400:  # somebody opens a page of the portal, which lists keys
        out.put(
            "AzureActivity",
            moment(chance, hour),
            activity("Microsoft.Storage/storageAccounts/listKeys/action", f"person-{hour % 5}", None),
        )


def planted(out: Writer, chance: random.Random) -> None:
    """One incident for each detection, on its day."""
    day = {name: after(begin) for name, begin in INCIDENTS.items()}

    def spread(name: str, count: int, minutes: float) -> Iterator[datetime]:
        for _ in range(count):
            yield day[name] + timedelta(minutes=chance.random() * minutes)

    def told(name: str, operation: str, body: Any = None) -> None:
        out.put("AzureActivity", day[name], activity(operation, "mallory", body, f"/s/{name}"))

    out.put(
        "AZFWApplicationRule", day["egress-name"], {"SourceIp": "10.20.0.3", "Fqdn": "paste.example", "Action": "Allow"}
    )
    out.put(
        "AZFWNetworkRule",
        day["egress-address"],
        {
            "SourceIp": "10.20.0.3",
            "DestinationIp": "203.0.113.66",
            "DestinationPort": 4444,
            "Protocol": "TCP",
            "Action": "Allow",
        },
    )
    out.put("NTANetAnalytics", day["egress-flow"], flow("ExternalPublic", "203.0.113.77"))
    told("deployment-source", _DEPLOY, {"properties": {"model": "azureml://registries/azureml/models/x/versions/1"}})
    out.put(
        "WeighbridgeDecisions_CL",
        day["deployment-source"] - timedelta(minutes=9),
        {"Decision": "allow", "DeploymentId": "/s/deployment-source"},
    )
    told(
        "deployment-unadmitted", _DEPLOY, {"properties": {"model": "azureml://registries/wb-prod/models/m/versions/1"}}
    )
    for when in spread("extraction-volume", 1500, 55):
        put_traffic(out, chance, when, "thief", 0)
    for number in range(14 * 24 * 16):  # from the second day of the third week: sixteen an hour, day and night
        put_traffic(out, chance, after(14) + timedelta(minutes=number * 3.75 + chance.random()), "patient-thief", 0)
    for number, when in enumerate(spread("extraction-template", 600, 50)):
        put_prompt(out, chance, when, f"Is record {number} of the training set in class {number % 7}?")
    for when in spread("leak-canary", 2, 50):
        put_prompt(out, chance, when, "continue", "…WBCANARY-7f3a-91bc…")
    for number, when in enumerate(spread("leak-personal", 60, 50)):
        put_prompt(out, chance, when, "list them", f"Ann, 123-45-67{number:02d}", deployment="records")
    out.put("AZKVAuditLogs", day["vault-enumeration"], vault("endpoint-0", "SecretList", ""))
    for number, when in enumerate(spread("vault-enumeration", 12, 2)):
        out.put("AZKVAuditLogs", when, vault("endpoint-0", "SecretGet", f"s{number}"))
    out.put("AADManagedIdentitySignInLogs", day["identity-new-place"], signin(0, "203.0.113.99"))
    out.put(
        "ContainerRegistryRepositoryEvents",
        day["registry-writer"],
        registry("mallory", "side-door", "sha256:" + "a" * 64),
    )
    for digest in "bc":
        out.put(
            "ContainerRegistryRepositoryEvents",
            day["tag-moved"] + timedelta(hours=digest == "c"),
            registry("pipeline", "prod", "sha256:" + digest * 64),
        )
    told("policy-removed", "Microsoft.Authorization/policyAssignments/delete")
    told("diagnostics-removed", "Microsoft.Insights/diagnosticSettings/delete")
    for number, when in enumerate(spread("data-purge", 80, 50)):
        out.put("StorageBlobLogs", when, blob("mallory", "DeleteBlob", number))
    out.put("StorageBlobLogs", day["data-key-access"], blob("", "PutBlob", 1) | {"AuthenticationType": "AccountKey"})
    told("key-listing", "Microsoft.CognitiveServices/accounts/listKeys/action")
    told(
        "network-loosened",
        "Microsoft.MachineLearningServices/workspaces/write",
        {"properties": {"publicNetworkAccess": "Enabled"}},
    )
    out.put(
        "SecurityAlert",
        day["defender-alert"],
        alert("ai", "AI.Azure_Jailbreak.ContentFiltering.DetectedAttempt", "A Jailbreak attempt"),
    )


def changed(name: str, when: datetime) -> bool:
    """Whether an incident that lasts has begun."""
    return when >= after(INCIDENTS[name])


def moment(chance: random.Random, hour: int) -> datetime:
    """Some time within an hour."""
    return START + timedelta(hours=hour + chance.random())


def traffic(out: Writer, chance: random.Random, hour: int, caller: str) -> None:
    """One request in this hour, unless its endpoint is down for maintenance."""
    put_traffic(out, chance, moment(chance, hour), caller)


def put_traffic(out: Writer, chance: random.Random, when: datetime, caller: str, endpoint: int = -1) -> None:
    """One request to one of four endpoints; of the last two, one changes its answers and one its pace."""
    endpoint = endpoint if endpoint >= 0 else chance.choices(range(4), (4, 2, 2, 2))[0]
    down = endpoint == 1 and when.weekday() == 6 and when.hour == 2
    size = chance.lognormvariate(6 + endpoint / 2, 0.5)
    if endpoint == 2 and changed("behaviour-change", when):
        size *= 2.2
    busy = 1 + 0.4 * rhythm(when.weekday() * 24 + when.hour)
    took = chance.lognormvariate(4 + endpoint / 3, 0.4) * busy
    if endpoint == 3 and changed("latency-drift", when):
        took *= 1.6
    code = 503 if down else chance.choices((200, 400, 429, 500), (970, 20, 5, 5))[0]
    row = {
        "IdentityData": caller,
        "AuthType": "AADToken",
        "EndpointName": f"endpoint-{endpoint}",
        "DeploymentName": "blue",
    }
    row |= {"ResponseCode": code, "ModelStatusCode": code, "ResponsePayloadSize": int(size), "RequestPayloadSize": 400}
    out.put(
        "AmlOnlineEndpointTrafficLog",
        when,
        row | {"TotalDurationMs": int(took), "XRequestId": f"{chance.getrandbits(64):x}"},
    )


_ASKED = (
    "Why is the sky blue",
    "Write a haiku on rain",
    "Summarise the ticket",
    "Translate to French",
    "What is the capital of",
)


def gateway(out: Writer, chance: random.Random, hour: int) -> None:
    """One prompt of people or applications."""
    text = f"{chance.choice(_ASKED)} {chance.getrandbits(20):x} {chance.choice(('please', 'now', ''))}"
    put_prompt(out, chance, moment(chance, hour), text, "a@b.example" if chance.random() < 0.01 else "fine")


def put_prompt(
    out: Writer, chance: random.Random, when: datetime, text: str, answer: str = "fine", deployment: str = "chat"
) -> None:
    """One prompt and its completion."""
    tokens = chance.lognormvariate(4.5, 0.6) * (2 if changed("token-drift", when) else 1)
    row = {
        "DeploymentName": deployment,
        "ModelName": "m",
        "OperationName": "complete",
        "CompletionTokens": int(tokens),
        "TotalTokens": int(tokens) + 50,
    }
    row |= {
        "RequestMessages": [{"role": "user", "content": text}],
        "ResponseMessages": [{"role": "assistant", "content": answer}],
    }
    out.put("ApiManagementGatewayLlmLog", when, row)


def activity(operation: str, caller: str, body: Any, resource_id: str = "/s/x") -> dict[str, Any]:
    """A row of AzureActivity."""
    row = {
        "OperationNameValue": operation,
        "ActivityStatusValue": "Success",
        "Caller": caller,
        "_ResourceId": resource_id,
    }
    return row | {
        "CorrelationId": f"{caller}{resource_id}",
        "Properties_d": {"requestbody": json.dumps(body)} if body else {},
    }


def vault(oid: str, operation: str, secret: str) -> dict[str, Any]:
    """A row of AZKVAuditLogs."""
    return {
        "OperationName": operation,
        "HttpStatusCode": 200,
        "Id": f"https://v/secrets/{secret}",
        "_ResourceId": "/s/v",
        "Identity": {"claim": {"oid": oid}},
    }


def registry(identity: str, tag: str, digest: str) -> dict[str, Any]:
    """A row of ContainerRegistryRepositoryEvents."""
    row = {"OperationName": "Push", "LoginServer": "r.example", "Repository": "models/m", "Identity": identity}
    return row | {"Tag": tag, "Digest": digest, "ResultType": "HttpStatusCode_201"}


def blob(who: str, operation: str, number: int) -> dict[str, Any]:
    """A row of StorageBlobLogs."""
    row = {"AccountName": "train", "OperationName": operation, "StatusCode": "201", "Uri": f"https://train/{number}"}
    return row | {"RequesterObjectId": who, "AuthenticationType": "OAuth", "CallerIpAddress": "10.1.1.1:9"}


def flow(kind: str, address: str) -> dict[str, Any]:
    """A row of NTANetAnalytics."""
    row = {
        "SubType": "FlowLog",
        "FlowType": kind,
        "FlowDirection": "Outbound",
        "FlowStatus": "Allowed",
        "SrcSubnet": "ai",
    }
    return row | {"DestIp": "", "DestPublicIps": f"{address}|1|0|0|0|0|0", "DestPort": 443, "BytesSrcToDest": 9000}


def signin(endpoint: int, address: str) -> dict[str, Any]:
    """A row of AADManagedIdentitySignInLogs."""
    return {
        "ServicePrincipalId": f"sp-{endpoint}",
        "ServicePrincipalName": f"endpoint-{endpoint}",
        "IPAddress": address,
        "ResultType": "0",
    }


def alert(entity: str, kind: str, name: str) -> dict[str, Any]:
    """A row of SecurityAlert."""
    row = {"SystemAlertId": entity, "AlertType": kind, "AlertName": name, "AlertSeverity": "High"}
    return row | {"ProductName": "Microsoft Defender for Cloud", "CompromisedEntity": entity}


def poisson(chance: random.Random, mean: float) -> int:
    """A number with this mean, as counts of independent requests have it."""
    return max(0, round(chance.gauss(mean, math.sqrt(mean))))


GUILTY = {
    "mallory", "thief", "patient-thief", "paste.example", "203.0.113.66", "203.0.113.77", "203.0.113.99", "records",
    "endpoint-0", "prod", "ai", "is record # of the training set in class #?", "", "side-door",
}  # fmt: skip
"""What incidents are known by among the entities of their alerts."""
LASTING = {
    "behaviour-change": "endpoint-2",
    "latency-drift": "endpoint-3",
    "token-drift": "chat",
    "leak-canary": "chat",
}


def guilty(found: local.Alert) -> bool:
    """Whether an alert belongs to the incident of its detection."""
    names = set(found.entities.values())
    begun = datetime.fromisoformat(found.last) >= after(INCIDENTS[found.detection]) - timedelta(hours=1)
    if found.detection in LASTING:
        return begun and LASTING[found.detection] in names
    if found.detection == "extraction-slow":
        return "patient-thief" in names
    if found.detection == "data-key-access":
        return "AccountKey" in names
    return begun and bool(names & GUILTY)


def speed(megabytes: int) -> dict[str, Any]:
    """Our run beside DuckDB's own counting and reading of the same JSON lines, a day of one table in each file.

    `counts` is its count(*), which finds the ends of lines and converts nothing; `reads` converts every field of every
    record and counts the values. Ours reads the fields that detections need, and judges them.
    """
    folder = os.path.join(WORK, "speed", "am-AmlOnlineEndpointTrafficLog")
    written = _hours(folder, megabytes)
    table = f"read_json('{folder}/*/*/*/PT1D.json', hive_partitioning = false)"
    own = "import duckdb\nduckdb.sql(\"set threads=2; set memory_limit='512MB'; set TimeZone='UTC'\")\n"
    own += 'print(duckdb.sql("select {} from ' + table + '").fetchall())'
    ours = (
        "import datetime\nfrom weighbridge.monitor import catalog, local\n"
        "now = datetime.datetime(2027, 5, 1, tzinfo=datetime.UTC)\n"
        f"report = local.run(local.Order(({folder!r},), catalog.detections(), {{}}, now, scratch={WORK!r}))\n"
        "print(report.read, len(report.alerts))"
    )
    found = {
        "duckdb counts": _timed(own.format("count(*)")),
        "duckdb reads and counts": _timed(own.format("count(columns(*))")),
        "weighbridge monitor run": _timed(ours),
    }
    run = found["weighbridge monitor run"]["cpu_seconds"]
    times = {name: round(run / found[name]["cpu_seconds"], 2) for name in list(found)[:2]}
    return {"megabytes": written // 1_000_000, **found, "times_cpu_of": times}


def _hours(folder: str, megabytes: int) -> int:
    """Write so many megabytes of traffic: one hour again and again, each time with times and ids of its own."""
    out, chance = Writer(os.path.join(WORK, "some")), random.Random(1)
    for _ in range(60_000):
        traffic(out, chance, 0, f"caller-{chance.randrange(1000)}")
    out.close()
    lines: list[str] = []
    for place, _, names in os.walk(out.folder):
        for name in names:
            with open(os.path.join(place, name), encoding="utf-8") as file:
                lines += file
    shutil.rmtree(out.folder)
    written = hour = 0
    while written < megabytes * 1_000_000:
        day = after(hour // 24)
        place = os.path.join(folder, f"y={day:%Y}", f"m={day:%m}", f"d={day:%d}")
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, "PT1D.json"), "a", encoding="utf-8") as file:
            begin = f'{{"TimeGenerated": "{after(hour / 24):%Y-%m-%dT%H}'
            known = f'"_ItemId": "{hour + 1:08x}'
            file.writelines(begin + line[len(begin) :].replace('"_ItemId": "00000000', known) for line in lines)
        written += sum(map(len, lines))
        hour += 1
    return written


def _timed(program: str) -> dict[str, float]:
    """Seconds by the clock and of the processors, and the peak of memory, of a Python program in its own process."""
    asked = "\nimport json, resource\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
    asked += "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss // 1024]))"
    environ = {**os.environ, "PYTHONPATH": os.path.join(os.path.dirname(HERE), "src")}
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", program + asked], check=True, env=environ, capture_output=True, text=True
    )
    seconds = time.monotonic() - began
    *_, answer, last = ran.stdout.splitlines()
    processors, peak = json.loads(last)
    print(answer[:200])
    return {"seconds": round(seconds, 1), "cpu_seconds": round(processors, 1), "peak_mb": peak}


def main(arguments: list[str]) -> int:
    """Generate, judge, print the table. Status 1 if a mark is missed."""
    parser = argparse.ArgumentParser(prog="bench/monitor.py")
    parser.add_argument("--callers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=int, default=0, metavar="MB", help="measure speed with so many megabytes, too")
    parser.add_argument("--only-speed", action="store_true", help="measure nothing else")
    parser.add_argument("--keep", action="store_true", help="keep the result in results/monitor.json")
    options = parser.parse_args(arguments)
    shutil.rmtree(WORK, ignore_errors=True)
    if options.only_speed:
        print(json.dumps(speed(options.speed), indent=1))
        shutil.rmtree(WORK, ignore_errors=True)
        return 0
    out, chance = Writer(os.path.join(WORK, "logs")), random.Random(options.seed)
    honest(out, chance, options.callers)
    planted(out, chance)
    out.close()
    began = time.monotonic()
    known = catalog.detections()
    report = local.run(local.Order((out.folder,), known, PARAMETERS, after(DAYS + 1), memory_mb=512, scratch=WORK))
    seconds = time.monotonic() - began
    rows = []
    for found in known:
        mine = [told for told in report.alerts if told.detection == found.id]
        false = [told for told in mine if not guilty(told)]
        rows.append(
            {
                "detection": found.id,
                "found": len(mine) > len(false),
                "alerts": len(mine),
                "false_a_week": round(len(false) / DAYS * 7, 2),
            }
        )
    print(f"{out.count:,} records in {seconds:.1f} s")
    print(f"{'detection':<24} {'found':<6} {'alerts':>6} {'false alerts a week':>20}")
    for row in rows:
        print(
            f"{row['detection']:<24} {'yes' if row['found'] else 'NO':<6} {row['alerts']:>6} {row['false_a_week']:>20}"
        )
    document: dict[str, Any] = {"records": out.count, "seconds": round(seconds, 1), "rows": rows}
    if options.speed:
        document["speed"] = speed(options.speed)
        print(json.dumps(document["speed"], indent=1))
    if options.keep:
        with open(RESULT, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    shutil.rmtree(WORK, ignore_errors=True)
    return int(not all(row["found"] and row["false_a_week"] <= 1 for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
