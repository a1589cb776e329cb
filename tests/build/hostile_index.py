"""An index in which every text that a model, a log or a person can bring is an attack on whoever shows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from build.hostile_cards import MARKDOWN, PAGES
from weighbridge.index.alerts import Alerts
from weighbridge.index.database import open_database
from weighbridge.index.jobs import Jobs, Submission
from weighbridge.index.log import open_log
from weighbridge.index.models import Index
from weighbridge.index.records import Edge, IndexedEvidence, IndexedFile, IndexedFinding, IndexedModel, Term

if TYPE_CHECKING:
    from pathlib import Path

ATTACKS = (
    *MARKDOWN.values(),
    *(text for texts in PAGES.values() for text in texts),
    "</code></td><script>window.ran=1</script>",
    '" onmouseover="window.ran=1" x="',
    "' autofocus onfocus=window.ran=1 '",
    "javascript:window.ran=1",
    "{{ 7 * 7 }}{% raw %}",
    "${7*7}",
    "</title><img src=x onerror=window.ran=1>",
    "</svg><script>window.ran=1</script>",
    "\u202e\u2066txt.exe\u0007\x1b]8;;https://e.example.invalid\x1b\\",
)
MANIFEST = f"sha256:{'a' * 64}"
BASE = f"sha256:{'b' * 64}"
PATH = "team/net"


def attack(number: int) -> str:
    return ATTACKS[number % len(ATTACKS)]


def fill_hostile(folder: Path, registry: str) -> str:
    """An index in `folder`, and audits beside it; gives the id of its intake."""
    address = f"sqlite:///{folder}/index.db"
    log = open_log(address, create=True)
    for number in range(20):
        reasons = [{"requirement": attack(number), "result": "unmet", "why": attack(number)}]
        log.append(
            {
                "decision": "deny",
                "stage": attack(number),
                "digest": MANIFEST,
                "reference": f"{registry}:{PATH}:v1",
                "madeAt": "2026-11-30T12:00:00+00:00",
                "reasons": reasons,
                "exemptions": [],
            }
        )
    log.close()
    engine = open_database(address)
    index = Index(engine)
    many = range(len(ATTACKS))
    for manifest, verdict in ((BASE, "clean"), (MANIFEST, "malicious")):
        index.put(
            IndexedModel(
                repository=f"{registry}:{PATH}",
                path=PATH,
                manifest=manifest,
                model=attack(0),
                name=attack(1),
                tags=(attack(2), attack(3)),
                verdict=verdict,
                proof="broken",
                scanned=attack(4),
                size=5,
                source=attack(5),
                revision=attack(6),
                publisher=attack(7),
                licence=attack(8),
                knowledge=attack(9),
                facts_state="known",
                newest=attack(11),
                files=tuple(
                    IndexedFile(f"{number}{attack(number)}", 3, manifest[7:], attack(number), 1, 1, 1)
                    for number in many
                ),
                findings=tuple(
                    IndexedFinding(attack(one), attack(one + 1), attack(one + 2), attack(one + 3), attack(one + 4))
                    for one in many
                ),
                evidence=tuple(
                    IndexedEvidence(
                        f"sha256:{one:064x}",
                        attack(one),
                        "t",
                        attack(one + 1),
                        attack(one + 2),
                        "broken",
                        attack(one + 3),
                    )
                    for one in many
                ),
                terms=tuple(Term("global", attack(one)) for one in many),
                lineage=tuple(Edge("base", attack(one), "declared") for one in range(30)),
            )
        )
    index.follow_log()
    alerts = [
        {
            "detection": attack(one),
            "severity": attack(one + 1),
            "why": attack(one + 2),
            "count": 3,
            "first": "2026-11-30T10:00:00Z",
            "last": f"2026-11-30T{10 + one % 10}:00:00Z",
            "entities": {attack(one + 3): attack(one + 4)},
        }
        for one in range(45)
    ]
    Alerts(engine).receive(alerts, tenant="team", who=attack(0))
    jobs = Jobs(engine)
    job, _ = jobs.submit(Submission(attack(0), f"{PATH}:v1", PATH, "staging"), who=attack(1))
    engine.dispose()
    audits = folder / "audits"
    audits.mkdir()
    for name in ("2026-11-29", "2026-11-30"):
        rows = [
            {"id": attack(one), "title": attack(one), "result": "fail", "why": attack(one + 1), "mend": attack(one + 2)}
            for one in many
        ]
        (audits / f"{name}.json").write_text(json.dumps({"controls": rows}), encoding="utf-8")
    return job.id
