"""What honest programs pickle is clean, in every protocol, and as joblib writes it. The objects are made here."""

from __future__ import annotations

import copyreg
import pickle
from typing import TYPE_CHECKING

import joblib
import pytest

from build import honest_objects, honest_sklearn
from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = {
    "estimators": honest_sklearn.fitted,
    "boosted trees": honest_objects.boosted,
    "pipelines": honest_objects.pipelines,
    "tables": honest_objects.tables,
    "arrays": honest_objects.arrays,
    "plain Python": honest_objects.plain,
}


@pytest.mark.parametrize("group", GROUPS)
def test_honest_objects_are_clean(tmp_path: Path, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = []
    objects = GROUPS[group]()
    # LightGBM loads Dask where it is installed, and that changes how every exception of the process is pickled.
    for kind, reduce in list(copyreg.dispatch_table.items()):
        if reduce.__module__.startswith("tblib"):
            monkeypatch.delitem(copyreg.dispatch_table, kind)
    assert len(objects) > 3
    for name, value in objects.items():
        for protocol in range(6):
            try:
                raw = pickle.dumps(value, protocol)
            except (TypeError, pickle.PicklingError):
                assert protocol < 2, f"{name} cannot be pickled"
                continue
            report = scanned(tmp_path, f"m{protocol}.pkl", raw)
            if report.verdict is not Verdict.CLEAN:
                alarms.append((name, protocol, rules_of(report), [f.evidence.text[:200] for f in report.findings]))
        for compress in (0, ("zlib", 3)):
            joblib.dump(value, tmp_path / "dumped", compress=compress)
            report = scanned(tmp_path, "m.joblib", (tmp_path / "dumped").read_bytes())
            if report.verdict is not Verdict.CLEAN:
                alarms.append((name, "joblib", rules_of(report), [f.evidence.text[:200] for f in report.findings]))
    assert not alarms


def test_a_distribution_of_scipy_needs_a_person(tmp_path: Path) -> None:
    """Its state holds a text that its `__setstate__` gives to `exec`: nothing but reading it tells honest from not."""
    import scipy.stats

    report = scanned(tmp_path, "m.pkl", pickle.dumps(scipy.stats.norm(0, 1)))
    assert (report.verdict, rules_of(report)) == (Verdict.SUSPICIOUS, {"pickle/unknown-global"})
