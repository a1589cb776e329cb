"""The reference tool of OpenSSF Model Signing accepts what we sign, and we accept what it signs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from build.authorities import END, NOW, authority, certificate_bundle, holder
from build.keys import CURVES, private_pem, public_pem, signer, trust
from build.models import write_model
from build.weighing import weighed
from weighbridge.attest.certified import certified
from weighbridge.attest.identities import TrustedAuthority
from weighbridge.attest.model_signing import sign_model, verify_model
from weighbridge.attest.trust import TrustPolicy
from weighbridge.core.errors import Rejected
from weighbridge.provenance.weighing import by_name

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


def chain_of(tmp_path, **times):
    """A root and a holder below it as files; gives back the root."""
    root = authority()
    ada = holder(root, 1, **times)
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "ada.pem").write_bytes(ada.pem)
    (tmp_path / "ada.key").write_bytes(private_pem(1))
    return root, ada


def sign_there(tmp_path, folder):
    done = run(
        "sign", "certificate", "--signature", folder / "model.sig", "--private_key", tmp_path / "ada.key",
        "--signing_certificate", tmp_path / "ada.pem", "--certificate_chain", tmp_path / "root.pem", folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def verified_there(tmp_path, folder):
    done = run(
        "verify", "certificate", "--signature", folder / "model.sig",
        "--certificate_chain", tmp_path / "root.pem", folder,
    )  # fmt: skip
    return done.returncode == 0


def claim_here(folder, root):
    policy = TrustPolicy((), authorities=(TrustedAuthority("corporate", root.pem),))
    return by_name(weighed(folder, policy).claims)["model-signature"]


def test_we_verify_what_the_reference_tool_signs_by_certificate(tmp_path, folder):
    root, _ = chain_of(tmp_path)
    sign_there(tmp_path, folder)
    found = claim_here(folder, root)
    assert (found.status.value, found.value) == ("verified", "certificate:corporate")
    (folder / "README.md").write_bytes(b"# tinY\n")
    assert "README.md is not what was signed" in claim_here(folder, root).evidence


def test_the_reference_tool_verifies_the_bundles_that_our_tests_sign_by_certificate(tmp_path, folder):
    _, ada = chain_of(tmp_path)
    keyed = json.loads(sign_model("tiny", write_model(str(folder)), signer()))
    payload = base64.b64decode(keyed["dsseEnvelope"]["payload"])
    (folder / "model.sig").write_bytes(certificate_bundle(payload, ada))
    assert verified_there(tmp_path, folder)


@pytest.mark.parametrize("below", [False, True])
def test_the_reference_tool_verifies_what_our_certificates_sign(tmp_path, folder, below):
    root = authority()
    above = authority(11, "Below", root) if below else root
    chain = holder(above, 1).pem + (above.pem if below else b"") + root.pem
    (tmp_path / "root.pem").write_bytes(root.pem)
    ours = certified(signer(1), chain, "chain.pem", lambda: NOW)
    signature = folder / "model.sig"
    signature.write_bytes(sign_model("tiny", write_model(str(folder)), ours))
    assert verified_there(tmp_path, folder)
    policy = TrustPolicy((), authorities=(TrustedAuthority("corporate", root.pem),))
    assert verify_model(str(folder), signature.read_bytes(), policy, now=NOW).signer_name == "corporate"
    (folder / "README.md").write_bytes(b"# tinY\n")
    assert not verified_there(tmp_path, folder)


def test_we_verify_a_folder_that_the_reference_tool_signs_by_certificate(tmp_path, folder):
    root, _ = chain_of(tmp_path)
    sign_there(tmp_path, folder)
    policy = TrustPolicy((), authorities=(TrustedAuthority("corporate", root.pem),))
    bundle = (folder / "model.sig").read_bytes()
    assert verify_model(str(folder), bundle, policy, now=NOW).key_id == "ada@example.org"
    with pytest.raises(Rejected) as caught:
        verify_model(str(folder), bundle, policy, now=END + timedelta(days=1))
    assert caught.value.code == "evidence-stale"


def test_an_ended_certificate_verifies_there_and_not_here(tmp_path, folder):
    root, _ = chain_of(tmp_path, end=NOW - timedelta(days=100))
    sign_there(tmp_path, folder)
    assert verified_there(tmp_path, folder), "the trap that is closed here"
    found = claim_here(folder, root)
    assert found.status.value == "declared"
    assert "ended on" in found.evidence


def test_a_git_file_that_was_added_verifies_there_and_not_here(tmp_path, folder):
    root, _ = chain_of(tmp_path)
    sign_there(tmp_path, folder)
    (folder / ".gitattributes").write_bytes(b"* filter=evil\n")
    assert verified_there(tmp_path, folder), "the trap that is closed here"
    found = claim_here(folder, root)
    assert found.status.value == "declared"
    assert "not over .gitattributes" in found.evidence
