"""The reference tool of OpenSSF Model Signing accepts what we sign, and we accept what it signs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from build.keys import CURVES, private_pem, public_pem, signer, trust
from build.models import write_model
from weighbridge.attest.model_signing import sign_model, verify_model
from weighbridge.core.errors import Rejected

PROGRAM = os.path.join(os.path.dirname(sys.executable), "model_signing")
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
pytestmark = pytest.mark.skipif(
    not os.path.exists(PROGRAM) and not os.environ.get("CI"), reason="model_signing is not installed beside Python"
)


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, check=False)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "tiny"
    write_model(str(path))
    return path


def verify_there(tmp_path, folder):
    (tmp_path / "key.pub").write_bytes(public_pem())
    return run("verify", "key", "--signature", folder / "model.sig", "--public_key", tmp_path / "key.pub", folder)


def test_the_reference_tool_verifies_ours(tmp_path, folder):
    (folder / "model.sig").write_bytes(sign_model("tiny", write_model(str(folder)), signer()))
    done = verify_there(tmp_path, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    (folder / "a/b.py").write_bytes(b"print('c')\n")
    assert verify_there(tmp_path, folder).returncode != 0


def test_the_reference_tool_refuses_our_bundle_when_it_was_changed(tmp_path, folder):
    bundle = sign_model("tiny", write_model(str(folder)), signer())
    (folder / "model.sig").write_bytes(bundle.replace(b'"payload":"ey', b'"payload":"ez'))
    assert verify_there(tmp_path, folder).returncode != 0


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("options", [(), ("--no-ignore-git-paths",)])
def test_we_verify_what_the_reference_tool_signs(tmp_path, folder, curve, options):
    (tmp_path / "key.pem").write_bytes(private_pem(1, curve))
    signature = folder / "model.sig"
    done = run("sign", "key", "--signature", signature, "--private_key", tmp_path / "key.pem", *options, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    policy = trust(1, curve=curve)
    theirs = verify_model(str(folder), signature.read_bytes(), policy)
    assert theirs.unsigned == ("model.sig",)
    if curve == "P-256":
        ours = sign_model("tiny", write_model(str(folder)), signer())
        bundle = signature.read_bytes()
        signature.write_bytes(ours)
        assert verify_model(str(folder), ours, policy) == theirs
        signature.write_bytes(bundle)
    (folder / "README.md").write_bytes(b"# tinY\n")
    with pytest.raises(Rejected, match=r"README\.md"):
        verify_model(str(folder), signature.read_bytes(), policy)


def test_what_the_reference_tool_leaves_out_is_refused_here(tmp_path, folder):
    (folder / "evil.py").write_bytes(b"print()")
    (tmp_path / "key.pem").write_bytes(private_pem())
    signature = folder / "model.sig"
    done = run(
        "sign", "key", "--signature", signature, "--private_key", tmp_path / "key.pem",
        "--ignore-paths", folder / "evil.py", folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert verify_there(tmp_path, folder).returncode == 0, "the trap that is closed here"
    with pytest.raises(Rejected, match=r"leaves out evil\.py"):
        verify_model(str(folder), signature.read_bytes(), trust())
