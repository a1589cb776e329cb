"""OpenSSF Model Signing: the bytes we write, and every way around a signature that must stay shut."""

from __future__ import annotations

import base64
import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.authorities import ISSUER, NOW, WORKFLOW, authority, certificate_bundle, holder, sigstore
from build.keys import signer, trust
from build.models import TINY, write_model
from weighbridge.attest import model_signing
from weighbridge.attest.dsse import seal
from weighbridge.attest.identities import TrustedAuthority, TrustedIdentity
from weighbridge.attest.model_signing import root_digest, sign_model, verify_model
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import TrustPolicy
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import Rejected, SourceError

MODEL_TYPE = "https://model_signing/signature/v1.0"


@pytest.fixture
def folder(tmp_path):
    """A signed model with its signature in it."""
    path = tmp_path / "tiny"
    files = write_model(str(path))
    (path / "model.sig").write_bytes(sign_model("tiny", files, signer()))
    return path


def check(folder, bundle=None, policy=None, **options):
    bundle = (folder / "model.sig").read_bytes() if bundle is None else bundle
    return verify_model(str(folder), bundle, policy or trust(1, MODEL_TYPE), **options)


def refused(code, *arguments, **options):
    with pytest.raises(Rejected) as caught:
        check(*arguments, **options)
    assert caught.value.code == code
    return str(caught.value)


def payload_of(bundle):
    return json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))


def resigned(folder, change):
    """The folder's bundle with a changed statement, signed again by the trusted key: a hostile or careless signer."""
    payload = payload_of((folder / "model.sig").read_bytes())
    change(payload, payload["predicate"]["serialization"], payload["predicate"]["resources"])
    bundle = seal(json.dumps(payload).encode(), PAYLOAD_TYPE, signer())
    (folder / "model.sig").write_bytes(bundle)
    return bundle


def test_the_payload_has_these_bytes():
    files = [("b", Digest("22" * 32)), ("a-b", Digest("11" * 32)), ("a/b", Digest("00" * 32))]
    bundle = sign_model("tiny", files, signer())
    root = hashlib.sha256(bytes.fromhex("00" * 32 + "11" * 32 + "22" * 32)).hexdigest()
    assert base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]).decode() == (
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{"resources":['
        f'{{"algorithm":"sha256","digest":"{"00" * 32}","name":"a/b"}},'
        f'{{"algorithm":"sha256","digest":"{"11" * 32}","name":"a-b"}},'
        f'{{"algorithm":"sha256","digest":"{"22" * 32}","name":"b"}}],'
        '"serialization":{"allow_symlinks":false,"hash_type":"sha256","ignore_paths":["model.sig"],"method":"files"}},'
        f'"predicateType":"{MODEL_TYPE}","subject":[{{"digest":{{"sha256":"{root}"}},"name":"tiny"}}]}}'
    )


def test_a_signed_folder_verifies(folder):
    model = check(folder)
    assert model.name == "tiny"
    assert model.signer_name == "builder"
    assert dict(model.files) == {path: digest_bytes(content) for path, content in TINY.items()}
    assert [path for path, _ in model.files] == ["README.md", "a/b.py", "a-b.py", "model.safetensors"]
    assert model.digest == root_digest(digest for _, digest in model.files)
    assert model.unsigned == ("model.sig",)


def test_a_signature_kept_elsewhere_verifies(folder):
    bundle = (folder / "model.sig").read_bytes()
    (folder / "model.sig").unlink()
    assert check(folder, bundle).unsigned == ()


def test_a_changed_file_is_named(folder):
    (folder / "a/b.py").write_bytes(b"print('c')\n")
    assert "changed after signing: a/b.py;" in refused("digest-mismatch", folder)


def test_a_grown_empty_file_is_named(folder):
    (folder / "a-b.py").write_bytes(b"import os")
    assert "a-b.py" in refused("digest-mismatch", folder)


def test_a_missing_file_is_named(folder):
    (folder / "README.md").unlink()
    assert "no file for these signed names: README.md" in refused("digest-mismatch", folder)


@pytest.mark.parametrize(
    "extra", [".gitattributes", ".gitignore", ".github/workflow.yml", ".git/config", "a/model.sig", "evil.py"]
)
def test_every_unsigned_file_is_named(folder, extra):
    write_model(str(folder), {extra: b"x", "z": b""})
    assert f"files that are not signed: {extra}, z;" in refused("digest-mismatch", folder)


def test_many_unsigned_files_are_counted(folder):
    write_model(str(folder), {f"x{number:02}": b"" for number in range(23)})
    assert "x19 and 3 more" in refused("digest-mismatch", folder)


def test_another_file_may_not_hide_behind_the_name_of_the_signature(folder):
    bundle = (folder / "model.sig").read_bytes()
    (folder / "model.sig").write_bytes(b"#!/bin/sh\n")
    assert "another model.sig" in refused("digest-mismatch", folder, bundle)


def test_an_ignored_path_is_refused(folder):
    (folder / "evil.py").write_bytes(b"x")
    bundle = resigned(folder, lambda _, serialization, __: serialization["ignore_paths"].append("evil.py"))
    assert "leaves out evil.py" in refused("evidence-malformed", folder, bundle)
    (folder / "evil.py").unlink()
    refused("evidence-malformed", folder, bundle)


@pytest.mark.parametrize("path", ["", ".", "a", "./.git", "../tiny", None, ["model.sig"]])
def test_odd_ignored_paths_are_refused(folder, path):
    resigned(folder, lambda _, serialization, __: serialization["ignore_paths"].append(path))
    refused("evidence-malformed", folder)


def test_what_the_reference_tool_always_ignores_is_not_left_out(folder):
    names = [".git", ".gitattributes", ".github", ".gitignore"]
    resigned(folder, lambda _, serialization, __: serialization["ignore_paths"].extend(names))
    check(folder)
    (folder / ".gitattributes").write_bytes(b"* filter=evil\n")
    assert "not signed: .gitattributes" in refused("digest-mismatch", folder)


def test_a_left_out_git_folder_is_listed(tmp_path):
    files = write_model(str(tmp_path), {"a": b"1"})
    write_model(str(tmp_path), {".git/config": b"", ".git/hooks/x": b""})
    os.symlink("/etc/passwd", tmp_path / ".git/link")
    (tmp_path / "model.sig").write_bytes(sign_model("m", files, signer(), leave_out_git=True))
    assert check(tmp_path).unsigned == (".git/config", ".git/hooks/x", ".git/link", "model.sig")


def test_a_git_link_is_not_a_git_folder(tmp_path):
    bundle = sign_model("m", write_model(str(tmp_path), {"a": b"1"}), signer(), leave_out_git=True)
    (tmp_path / ".git").symlink_to("/etc")
    assert "symbolic link: .git" in refused("digest-mismatch", tmp_path, bundle)
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").write_bytes(b"gitdir: elsewhere")
    assert "not signed: .git" in refused("digest-mismatch", tmp_path, bundle)


def test_links_are_never_followed(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/b.py").write_bytes(TINY["a/b.py"])
    (folder / "a/b.py").unlink()
    (folder / "a/b.py").symlink_to(tmp_path / "outside/b.py")
    assert "a symbolic link: a/b.py" in refused("digest-mismatch", folder)
    (folder / "a/b.py").unlink()
    (folder / "a").rmdir()
    (folder / "a").symlink_to(tmp_path / "outside")
    assert "a symbolic link: a;" in refused("digest-mismatch", folder)


def test_a_pipe_is_refused_without_waiting(folder):
    os.mkfifo(folder / "pipe")
    assert "a special file: pipe" in refused("digest-mismatch", folder)


def test_a_file_that_becomes_a_link_after_the_walk_is_not_followed(folder, monkeypatch):
    real = os.open

    def swap(path, flags, *rest, **options):
        if str(path).endswith("README.md"):
            os.unlink(path)
            os.symlink("/etc/passwd", path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(SourceError):
        check(folder)


def test_a_file_that_becomes_a_pipe_after_the_walk_is_refused(folder, monkeypatch):
    real = os.open

    def swap(path, flags, *rest, **options):
        if str(path).endswith("README.md"):
            os.unlink(path)
            os.mkfifo(path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", swap)
    assert "a special file: README.md" in refused("digest-mismatch", folder)


def test_a_file_that_grows_while_it_is_hashed_is_refused(folder, monkeypatch):
    real = model_signing.hash_file

    def grow(source):
        os.truncate(source.fd, source.size + 1)
        return real(source)

    monkeypatch.setattr(model_signing, "hash_file", grow)
    monkeypatch.setattr(os, "O_RDONLY", os.O_RDWR)
    assert "changed while it was read" in refused("digest-mismatch", folder)


def test_signatures_that_allow_links_are_refused(folder):
    resigned(folder, lambda _, serialization, __: serialization.update(allow_symlinks=True))
    assert "symbolic links allowed" in refused("evidence-malformed", folder)
    resigned(folder, lambda _, serialization, __: serialization.pop("allow_symlinks"))
    refused("evidence-malformed", folder)


@pytest.mark.parametrize(
    "setting",
    [{"method": "shards"}, {"hash_type": "blake3"}, {"shard_size": 9}, {"method": None}, {"ignore_paths": "a"}],
)
def test_other_serializations_are_refused(folder, setting):
    resigned(folder, lambda _, serialization, __: serialization.update(setting))
    refused("evidence-malformed", folder)


@pytest.mark.parametrize(
    "resource",
    [
        {"name": "../tiny/README.md"},
        {"name": "/etc/passwd"},
        {"name": "a//b.py"},
        {"name": "."},
        {"name": ""},
        {"name": "x\0"},
        {"name": 5},
        {"name": "a/b.py"},
        {"algorithm": "md5"},
        {"digest": "AA" * 32},
        {"digest": None},
    ],
)
def test_bad_resources_are_refused(folder, resource):
    resigned(folder, lambda _, __, resources: resources[0].update(resource))
    refused("evidence-malformed", folder)


def test_the_root_digest_must_be_that_of_the_list(folder):
    resigned(folder, lambda payload, _, __: payload["subject"][0]["digest"].update(sha256="00" * 32))
    assert "a root digest" in refused("evidence-malformed", folder)
    resigned(folder, lambda payload, _, __: payload["subject"].append(payload["subject"][0]))
    refused("evidence-malformed", folder)


def test_an_empty_list_is_refused(folder):
    def empty(payload, _, resources):
        resources.clear()
        payload["subject"][0]["digest"]["sha256"] = hashlib.sha256().hexdigest()

    resigned(folder, empty)
    refused("evidence-malformed", folder)


def test_the_signer_must_be_trusted_for_models(folder):
    refused("signer-unknown", folder, policy=trust(2))
    refused("signer-unknown", folder, policy=trust(1, "https://example.test/scan"))


def test_another_statement_is_not_a_model_signature(folder):
    resigned(folder, lambda payload, _, __: payload.update(predicateType="https://model_signing/Digests/v0.1"))
    refused("evidence-malformed", folder)


def test_the_keyid_may_be_empty_as_the_reference_tool_writes_it(folder):
    bundle = json.loads((folder / "model.sig").read_bytes())
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = ""
    (folder / "model.sig").write_text(json.dumps(bundle, indent=1))
    check(folder)


def test_an_absent_folder_is_an_error_with_a_mend(tmp_path):
    bundle = sign_model("m", [("a", Digest("00" * 32))], signer())
    with pytest.raises(SourceError, match="cannot be read"):
        check(tmp_path / "absent", bundle)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("a\udcff", Digest("00" * 32))],
        [("/a", Digest("00" * 32))],
        [("a/../b", Digest("00" * 32))],
        [("a/", Digest("00" * 32))],
        [("model.sig", Digest("00" * 32))],
        [("a", Digest("00" * 32)), ("a", Digest("11" * 32))],
    ],
)
def test_what_cannot_be_signed_is_refused(files):
    with pytest.raises(SourceError) as caught:
        sign_model("tiny", files, signer())
    assert caught.value.mend


def test_names_that_are_not_utf8_are_said_so(folder):
    with pytest.raises(SourceError, match="not valid UTF-8"):
        sign_model("tiny", [(os.fsdecode(b"caf\xe9"), Digest("00" * 32))], signer())
    with open(os.path.join(os.fsencode(folder), b"caf\xe9"), "wb"):
        pass
    assert r"not signed: caf\udce9" in refused("digest-mismatch", folder)


def test_hostile_names_are_shown_harmlessly(folder):
    (folder / "\x1b[2Jx\n").write_bytes(b"")
    assert r"\x1b[2Jx\x0a" in refused("digest-mismatch", folder)


NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1, max_size=8)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(PATHS, st.binary(max_size=4), min_size=1).filter(lambda files: "model.sig" not in files))
def test_the_order_of_files_does_not_matter(files):
    listed = [(path, digest_bytes(content)) for path, content in files.items()]
    forward, backward = (payload_of(sign_model("m", order, signer())) for order in (listed, listed[::-1]))
    assert forward == backward
    names = [resource["name"] for resource in forward["predicate"]["resources"]]
    assert names == sorted(names, key=lambda name: tuple(name.split("/")))


def test_a_certificate_and_an_identity_can_sign_a_folder(folder):
    root = authority()
    payload = base64.b64decode(json.loads((folder / "model.sig").read_bytes())["dsseEnvelope"]["payload"])
    ours = sigstore()
    policy = TrustPolicy(
        (),
        identities=(TrustedIdentity("release", WORKFLOW, ISSUER),),
        authorities=(TrustedAuthority("corporate", root.pem),),
        sigstore_root=ours.trusted_root(),
    )
    for bundle, signer_name, who in (
        (certificate_bundle(payload, holder(root)), "corporate", "ada@example.org"),
        (ours.bundle(payload), "release", WORKFLOW),
    ):
        (folder / "model.sig").write_bytes(bundle)
        model = check(folder, policy=policy, now=NOW)
        assert (model.signer_name, model.key_id, model.unsigned) == (signer_name, who, ("model.sig",))
        refused("signer-unknown", folder, policy=policy)  # without a time nothing of this kind is judged
        refused("signer-unknown", folder, policy=trust(1), now=NOW)
    (folder / "README.md").write_bytes(b"# tinY\n")
    assert "README.md" in refused("digest-mismatch", folder, policy=policy, now=NOW)


def test_a_certificate_over_another_kind_of_statement_signs_no_model(folder):
    root = authority()
    other = write_statement([Subject("m", Digest("00" * 32))], "https://example.org/review", {})
    (folder / "model.sig").write_bytes(certificate_bundle(other, holder(root)))
    policy = TrustPolicy((), authorities=(TrustedAuthority("corporate", root.pem),))
    refused("evidence-malformed", folder, policy=policy, now=NOW)
