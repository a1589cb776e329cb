"""The real engines, behind the walls, on a trojan and on an honest model: `make engines` installs them.

They are missing on a laptop until somebody does; where everything runs they must be there.
"""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from build.pickles import STOP, proto, system
from build.running import command
from weighbridge.core.settings import ENGINES as NAMES
from weighbridge.engines.ask import ENGINES

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, ".venv-engines", "bin")
EVIL = proto(2) + system("echo inert") + STOP

pytestmark = pytest.mark.skipif(
    not os.path.isdir(BIN) and not os.environ.get("CI"), reason="the engines are not installed: make engines"
)


def torch_zip(pickle: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("net/data.pkl", pickle)
        archive.writestr("net/version", "3\n")
    return held.getvalue()


def asked(place: Path, name: str, files: dict[str, bytes], *words: str) -> dict[str, Any]:
    model = place / "model"
    model.mkdir()
    for each, content in files.items():
        (model / each).write_bytes(content)
    program = os.path.join(BIN, "python" if name == "yara-x" else ENGINES[name].program)
    said = command("scan", model, "--engine", name, "--engine-path", f"{name}={program}", "--format", "json", *words)
    assert said.status in (0, 1), said.err
    (engine,) = said.json()["engines"]
    return engine


@pytest.mark.parametrize("name", ["picklescan", "fickling", "modelscan"])
def test_a_trojan_is_found_and_an_honest_pickle_is_clean(place: Path, name: str) -> None:
    trojan = asked(place, name, {"evil.pkl": EVIL, "list.pkl": b"\x80\x02]K\x01a."})
    assert trojan["verdict"] == "malicious", trojan
    assert {found["location"] for found in trojan["findings"]} == {"evil.pkl"}
    assert trojan["version"]
    shutil.rmtree(place / "model")
    honest = asked(place, name, {"list.pkl": b"\x80\x02]K\x01a."})
    assert (honest["verdict"], honest["status"], honest["findings"]) == ("clean", "ran", [])


@pytest.mark.parametrize("name", ["picklescan", "fickling", "modelscan"])
def test_a_cut_pickle_is_never_clean(place: Path, name: str) -> None:
    assert asked(place, name, {"cut.pkl": EVIL[:-4]})["verdict"] in ("incomplete", "suspicious", "malicious")


@pytest.mark.parametrize("name", ["picklescan", "modelscan"])
def test_a_member_is_named_as_weighbridge_names_it(place: Path, name: str) -> None:
    said = asked(place, name, {"net.pt": torch_zip(EVIL)})
    assert {found["location"] for found in said["findings"]} == {"net.pt!net/data.pkl"}


def test_yara_finds_by_rules_of_the_user(place: Path) -> None:
    rules = place / "rules.yar"
    rules.write_text('rule marker { meta: severity = "critical" strings: $a = "a marker" condition: $a }')
    said = asked(place, "yara-x", {"readme.txt": b"hello, a marker", "other.txt": b"hello"}, "--yara-rules", str(rules))
    assert (said["verdict"], said["files"]) == ("malicious", 2)
    assert [found["location"] for found in said["findings"]] == ["readme.txt@7"]


def test_broken_yara_rules_are_no_answer(place: Path) -> None:
    rules = place / "rules.yar"
    rules.write_text("rule {")
    assert asked(place, "yara-x", {"a.txt": b"x"}, "--yara-rules", str(rules))["status"] == "failed"


def test_semgrep_obeys_nothing_in_the_model(place: Path) -> None:
    source = b"import os\nos.system('echo inert')  # nosemgrep\n"
    files = {"test_net.py": source, ".semgrepignore": b"*.py\n", ".gitignore": b"*.py\n"}
    said = asked(place, "semgrep", files)
    assert (said["verdict"], said["status"], said["files"]) == ("malicious", "ran", 1), said
    assert said["findings"][0]["location"] == "test_net.py@10"


def test_the_settings_know_the_same_engines() -> None:
    assert set(NAMES) == set(ENGINES)
