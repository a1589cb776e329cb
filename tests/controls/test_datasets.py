"""Training data in git and in storage that cannot be replaced: what the audit says of it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from build import estates as e
from weighbridge.controls.evidence import Held, Holdings, proven
from weighbridge.core.digests import Digest
from weighbridge.core.settings import StagePolicy
from weighbridge.gate.case import Case
from weighbridge.pipelines.audit import audit_export

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.controls.base import Judged

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
URL = "https://api.github.com/repos/org/data/branches/main/protection"


def protection(*, signed: bool = True, forced: bool = False) -> dict[str, Any]:
    """As GitHub answers."""
    return {
        "url": URL,
        "required_signatures": {"url": f"{URL}/required_signatures", "enabled": signed},
        "enforce_admins": {"url": f"{URL}/enforce_admins", "enabled": True},
        "allow_force_pushes": {"enabled": forced},
    }


def judged(folder: Path, protections: list[dict[str, Any]] | None, *, named: bool = False) -> Judged:
    export = copy.deepcopy(e.compliant())
    if protections is not None:
        export["dataRepositories.json"] = protections
    if named:
        export["estate.json"] = {**export.get("estate.json", {}), "schema": "weighbridge.estate/1"}
        export["estate.json"]["dataRepositories"] = ["https://github.com/org/data.git"]
    audited = audit_export(str(e.write(export, folder)), NOW)
    (found,) = (one for one in audited.controls if one.id == "C10")
    return found


def test_commits_of_data_must_be_signed(tmp_path: Path) -> None:
    assert judged(tmp_path / "a", [protection()], named=True).result == "pass"
    unsigned = judged(tmp_path / "b", [protection(signed=False)])
    assert unsigned.result == "fail"
    assert "required_signatures.enabled is false" in unsigned.why
    assert unsigned.mend == f"gh api --method POST {URL}/required_signatures"
    assert "allow_force_pushes" in judged(tmp_path / "c", [protection(forced=True)]).why


def test_a_repository_that_was_not_exported_is_unknown(tmp_path: Path) -> None:
    assert judged(tmp_path / "a", None).result == "pass"
    assert judged(tmp_path / "b", None, named=True).result == "unknown"
    other = protection() | {"url": URL.replace("org/data", "org/database")}
    assert judged(tmp_path / "c", [other], named=True).result == "unknown"


def test_storage_that_is_immutable_passes_and_other_is_a_remark(tmp_path: Path) -> None:
    path = "properties.immutableStorageWithVersioning.enabled"
    (check,) = (one for one in judged(tmp_path / "a", None).checks if one.path == path)
    assert check.result == "remark"
    export = e.spoilt(
        "resources.json", "/trainingdata01", "properties/immutableStorageWithVersioning", {"enabled": True}
    )
    audited = audit_export(str(e.write(export, tmp_path / "b")), NOW)
    (found,) = (one for one in audited.controls if one.id == "C10")
    assert [one.result for one in found.checks if one.path == path] == ["pass"]


def test_data_of_models_is_of_their_origin_where_production_asks_for_it() -> None:
    held = Held("digits:v1", Case(Digest("0" * 64), frozenset(), {}, None, None, None, ()))
    asked = Holdings("oci:registry", (held,), StagePolicy(dataset="required"), NOW)
    assert {one.path for one in proven(asked)} == {"provenance-verified", "dataset-checked"}
    asked = asked._replace(policy=StagePolicy())
    assert {one.path for one in proven(asked)} == {"provenance-verified"}
