"""pandas keeps texts in Arrow where it is installed: what it pickles then is clean, and so is what Arrow pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from build.writers import written
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def test_what_pandas_and_arrow_write_is_clean(tmp_path: Path) -> None:
    paths = sorted(written("arrow_pickles", tmp_path).iterdir())
    assert len(paths) == 33
    alarms = [(path.name, rules_of(report)) for path in paths if (report := inspected(path).report).findings]
    assert not alarms


def test_what_arrow_opens_or_runs_is_not(tmp_path: Path) -> None:
    for name in ("memory_map", "read_message", "_extension_types_initializer", "PyExtensionType"):
        raw = p.proto(4) + p.call("pyarrow.lib", name, p.text("x")) + p.STOP
        assert scanned(tmp_path, "m.pkl", raw).verdict is Verdict.MALICIOUS
    raw = p.proto(4) + p.call("pyarrow.lib", "scalar", p.global_("os", "system"), p.text("x")) + p.STOP
    assert scanned(tmp_path, "m.pkl", raw).verdict is not Verdict.CLEAN
