"""No output repeats a secret, in whole or in part, in the clear or encoded."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from build import secrets
from weighbridge.core.facts import Call, Setting
from weighbridge.scan.scrub import GRAM, Scrub

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = [secret for _, secret in secrets.made().values()]
TOKEN = secrets.made()["github-token"][1]


def pieces(text: str) -> list[str]:
    """Pieces of the part of a secret that was drawn by chance."""
    body = "".join(text.split())
    body = body[14:-4] if len(body) > 32 else body[4:]
    return [body[place : place + 10] for place in range(0, max(1, len(body) - 10), 5)]


@pytest.mark.parametrize("text", ["{}", "a {} b {}", "'{}'", "xx{}yy"])
def test_the_whole(text):
    assert TOKEN not in Scrub([TOKEN]).text(text.replace("{}", TOKEN))
    assert Scrub([TOKEN]).text(text) == text


@pytest.mark.parametrize("cut", [slice(None, 20), slice(9, None), slice(5, 25)])
def test_a_part(cut):
    assert Scrub([TOKEN]).text(f"it is {TOKEN[cut]} there") == "it is … there"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_base64_and_hexadecimal(before):
    scrub = Scrub([TOKEN])
    encoded = base64.b64encode(f"{before}{TOKEN}zzzzzz".encode()).decode()
    assert all(encoded[place : place + GRAM + 4] not in scrub.text(encoded) for place in range(6, 50))
    assert TOKEN.encode().hex()[:20] not in scrub.text((before + TOKEN).encode().hex())


def test_records():
    scrub = Scrub([TOKEN])
    assert scrub.record((Setting("k", TOKEN, 3), None, 5)) == (Setting("k", "…", 3), None, 5)
    call = Call("os.system", "call", f"('{TOKEN}')", "(str)", 9, f"de{TOKEN.encode().hex()}ad")
    assert scrub.record(call) == Call("os.system", "call", "('…')", "(str)", 9, "de…ad")


def test_a_short_password():
    assert Scrub(["s3cr3"]).text("user:s3cr3@host 7333637233") == "user:…@host …"


def weighbridge(*words: str) -> str:
    environ = {**os.environ, "PYTHONPATH": os.path.join(os.path.dirname(__file__), "..", "..", "src")}
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", *words], capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Every secret in every kind of file, also where facts quote what they see."""
    folder = tmp_path_factory.mktemp("model")
    lines = [line for line, _ in secrets.made().values()]
    (folder / "README.md").write_text("# Model\n\n" + "\n\n".join(lines) + f"\n\n<a href='javascript:{TOKEN}'>x</a>\n")
    (folder / "notes.txt").write_text("\n".join(lines))
    (folder / "config.json").write_text(
        json.dumps({"auto_map": {"A": TOKEN}, "lines": lines, **dict.fromkeys(lines, 1)})
    )
    (folder / "conf.yaml").write_text(json.dumps({"_target_": f"os.{TOKEN}", "lines": lines}))
    code = "".join(f"import os\nos.system({line!r})\nexec({line!r})\n" for line in lines)
    (folder / "run.py").write_text(code)
    stream = b"".join(
        b"cos\nsystem\nX" + len(line.encode()).to_bytes(4, "little") + line.encode() + b"\x85R0" for line in lines
    )
    (folder / "m.pkl").write_bytes(b"\x80\x02" + stream + b"N.")
    (folder / "chat_template.jinja").write_text("{{ '' | attr('" + TOKEN + "') }}")
    return folder


@pytest.mark.parametrize("form", ["text", "json", "sarif", "html", "markdown", "junit"])
def test_no_report_repeats_a_secret(model, form):
    output = weighbridge("scan", str(model), "--format", form)
    assert "secret/known-form" in output
    for secret in SECRETS:
        assert not [piece for piece in pieces(secret) if piece in output], secret[:8]


def test_no_fact_repeats_a_secret(model):
    from build.inspecting import inspected

    sheet = repr(inspected(model).facts)
    for secret in SECRETS:
        assert not [piece for piece in pieces(secret) if piece in sheet], secret[:8]
        assert not [piece for piece in pieces(secret) if piece.encode().hex() in sheet], secret[:8]


def test_no_trace_repeats_a_secret(model):
    output = weighbridge("scan", str(model / "m.pkl"), "--trace")
    assert "os.system" in output
    for secret in SECRETS:
        assert not [piece for piece in pieces(secret) if piece in output], secret[:8]
