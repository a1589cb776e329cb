"""Settings of a stage: which licences it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from weighbridge.core.errors import UsageError
from weighbridge.core.settings import DEFAULT_STAGES, load_settings

if TYPE_CHECKING:
    from pathlib import Path


def stage(folder: Path, line: str) -> tuple[str, ...]:
    path = folder / "weighbridge.toml"
    path.write_text(f"[stage.production]\n{line}\n", encoding="utf-8")
    return load_settings(str(path), {}).stages["production"].licences


def test_a_stage_lists_licences(tmp_path):
    assert stage(tmp_path, 'licences = ["apache-2.0", "mit"]') == ("apache-2.0", "mit")


def test_no_stage_lists_any_by_itself(tmp_path):
    assert stage(tmp_path, "") == ()
    assert all(policy.licences == () for policy in DEFAULT_STAGES.values())


@pytest.mark.parametrize("line", ['licences = "mit"', "licences = [1]", 'licences = [""]', "licences = true"])
def test_anything_else_is_refused(tmp_path, line):
    with pytest.raises(UsageError, match="licences is no list of names"):
        stage(tmp_path, line)


def test_the_other_spelling_is_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        stage(tmp_path, 'licenses = ["mit"]')
    assert caught.value.mend == "did you mean 'licences'?"


def test_a_file_of_any_name_has_its_keys_at_the_top(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text('registry = "registry.example.com/models"\n')
    assert load_settings(str(path), {}).registry == "registry.example.com/models"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert load_settings(str(tmp_path / "pyproject.toml"), {}).registry == ""
