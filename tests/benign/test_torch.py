"""What torch writes is clean. It is not in the test environment: the system's Python brings it (`python3-torch`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from build.inspecting import inspected, rules_of
from build.missing import missing
from weighbridge.core.findings import Verdict

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parents[1] / "build" / "honest_torch.py"


def has_torch() -> bool:
    done = subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False, env={})
    return done.returncode == 0


def test_what_torch_writes_is_clean(tmp_path: Path) -> None:
    if not (Path(PYTHON).exists() and has_torch()):
        missing("the system's Python has no torch: apt-get install python3-torch")
    subprocess.run([PYTHON, SCRIPT, tmp_path], check=True, capture_output=True, env={"HOME": str(tmp_path)})
    alarms = []
    paths = sorted(tmp_path.iterdir())
    assert len(paths) > 300
    for path in paths:
        report = inspected(path).report
        if report.verdict is not Verdict.CLEAN:
            alarms.append((path.name, rules_of(report), [f.evidence.text[:200] for f in report.findings]))
    assert not alarms
