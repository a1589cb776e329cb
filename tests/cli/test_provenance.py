"""`weighbridge provenance`: statuses, both forms, what is required, and what comes from beside the source."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tools.schemas import schemas

from build.keys import signer
from build.models import write_model
from build.running import command
from weighbridge.attest.model_signing import sign_model


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    write_model(str(tmp_path / "tiny"))
    return tmp_path / "tiny"


def sentences(out: str) -> str:
    return " ".join(out.split())


def test_a_model_that_nobody_signed(model: Path) -> None:
    outcome = command("provenance", "tiny")
    assert outcome.status == 0
    assert "model-signature . absent" in sentences(outcome.out)
    assert command("provenance", "tiny", "--require", "model-signature").status == 1
    assert "not verified: model-signature" in command("provenance", "tiny", "--require", "model-signature").err


def test_a_signed_model(model: Path) -> None:
    assert command("sign", "tiny").status == 0
    outcome = command("provenance", "tiny", "--require", "model-signature", "--require", "model-signature/files")
    assert outcome.status == 0, outcome
    assert "signed by this machine" in sentences(outcome.out)
    (model / "README.md").write_text("# other\n")
    outcome = command("provenance", "tiny")
    assert outcome.status == 1
    assert "README.md is not what was signed" in sentences(outcome.out)


def test_without_settings_nobody_is_trusted(model: Path) -> None:
    assert command("sign", "tiny").status == 0
    os.remove("weighbridge.toml")
    outcome = command("provenance", "tiny", "--format", "json")
    assert outcome.status == 0
    claims = {claim["claim"]: claim["status"] for claim in outcome.json()["claims"]}
    assert claims["model-signature"] == "declared"


def test_json_fits_its_schema(model: Path) -> None:
    assert command("sign", "tiny").status == 0
    document = command("provenance", "tiny", "--format", "json").json()
    Draft202012Validator(schemas()["provenance"]).validate(document)
    assert document["schema"] == "weighbridge.provenance/1"
    assert document["signer"] == "key:this machine"
    del document["claims"][0]["confirm"]
    assert not Draft202012Validator(schemas()["provenance"]).is_valid(document)


def test_a_signature_from_beside_the_source(model: Path) -> None:
    bundle = sign_model("tiny", write_model(str(model)), signer())
    Path("beside.sig").write_bytes(bundle)
    document = command("provenance", "tiny", "--attestation", "beside.sig", "--format", "json").json()
    claims = {claim["claim"]: claim for claim in document["claims"]}
    assert claims["model-signature"]["status"] == "declared"
    assert claims["model-signature"]["evidence"].startswith("beside.sig: ")
    assert command("provenance", "tiny", "--attestation", "missing").status == 2


def test_hostile_names_are_neutralised(model: Path) -> None:
    bundle = sign_model("tiny", [("\x1b[2J\r\u202e.bin", signer_digest())], signer())
    (model / "\x1b]0;t\x07.sig").write_bytes(bundle)
    for form in ("text", "json"):
        out = command("provenance", "tiny", "--format", form).out
        assert not set("\x1b\r\x07\u202e") & set(out)


def signer_digest():
    from weighbridge.core.digests import digest_bytes

    return digest_bytes(b"x")


def test_settings_inside_the_model_are_not_obeyed(model: Path) -> None:
    key = Path(".weighbridge").resolve()
    assert command("sign", "tiny").status == 0
    (model / "weighbridge.toml").write_text(
        f'[[trust]]\nname = "me"\nkey = {json.dumps(str(key / "signing.pem.pub"))}\n'
    )
    os.remove("weighbridge.toml")
    os.chdir("tiny")
    outcome = command("provenance", ".", "--format", "json")
    claims = {claim["claim"]: claim["status"] for claim in outcome.json()["claims"]}
    assert claims["model-signature"] == "contradicted"  # by the file that was added, and nobody is trusted
    assert "are not obeyed" in outcome.err


@pytest.mark.parametrize("words", [("missing",), ("tiny", "--require"), ("tiny", "--stage", "x"), ()])
def test_what_cannot_be_done_is_status_two(model: Path, words: tuple[str, ...]) -> None:
    assert command("provenance", *words).status == 2
