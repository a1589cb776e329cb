"""Model signatures that come with a model: what makes the claim verified, declared or contradicted."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from build.authorities import ISSUER, NOW, WORKFLOW, Entity, authority, b64, certificate_bundle, holder, sigstore
from build.keys import public_pem, signer, trust
from build.weighing import weighed
from weighbridge.attest.dsse import seal
from weighbridge.attest.identities import ANYWHERE, TrustedAuthority, TrustedIdentity
from weighbridge.attest.model_signing import sign_model
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.attest.trust import TrustedKey, TrustPolicy
from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

MODEL_TYPE = "https://model_signing/signature/v1.0"
FILES = {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "README.md": b"# net\n", "a/b.txt": b"text\n"}
NOBODY = TrustPolicy(())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "net"
    for path, content in FILES.items():
        whole = folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(content)
    return folder


def signed(number: int = 1, files: dict[str, bytes] = FILES) -> bytes:
    return sign_model("net", [(path, digest_bytes(content)) for path, content in files.items()], signer(number))


def resealed(change: Callable[[dict[str, Any], list[dict[str, Any]]], None], number: int = 1) -> bytes:
    """The signature of a hostile or careless signer: its statement was changed before it was signed."""
    payload = json.loads(base64.b64decode(json.loads(signed())["dsseEnvelope"]["payload"]))
    change(payload["predicate"]["serialization"], payload["predicate"]["resources"])
    digests = b"".join(bytes.fromhex(entry["digest"]) for entry in payload["predicate"]["resources"])
    payload["subject"][0]["digest"]["sha256"] = hashlib.sha256(digests).hexdigest()
    return seal(json.dumps(payload).encode(), PAYLOAD_TYPE, signer(number))


def claim(model: Path, policy: TrustPolicy | None = None, name: str = "model-signature", **options: Any) -> Claim:
    found = {one.claim: one for one in weighed(model, policy or trust(1, MODEL_TYPE), **options).claims}
    return found[name]


def parts(whole: Claim) -> dict[str, Status]:
    return {part.claim.removeprefix("model-signature/"): part.status for part in whole.parts}


def test_without_a_signature_nothing_is_said(model: Path) -> None:
    assert claim(model)[:2] == ("model-signature", Status.ABSENT)


def test_a_trusted_key_over_every_file_is_verified(model: Path) -> None:
    (model / "model.sig").write_bytes(signed())
    found = claim(model)
    assert found.status is Status.VERIFIED
    assert found.value == "key:builder"
    assert parts(found) == {"signer": Status.VERIFIED, "files": Status.VERIFIED}
    assert weighed(model, trust(1, MODEL_TYPE)).signer == "key:builder"


def test_a_good_signature_by_a_stranger_is_declared(model: Path) -> None:
    (model / "model.sig").write_bytes(signed(2))
    found = claim(model)
    assert found.status is Status.DECLARED
    assert parts(found) == {"signer": Status.DECLARED, "files": Status.DECLARED}
    assert weighed(model, trust(1)).signer == "none"
    assert claim(model, NOBODY).status is Status.DECLARED


def test_a_key_that_may_not_sign_models_is_declared(model: Path) -> None:
    (model / "model.sig").write_bytes(signed())
    assert claim(model, trust(1, "https://slsa.dev/provenance/v1")).status is Status.DECLARED


def test_a_key_for_other_sources_is_declared(model: Path) -> None:
    class Limited(TrustedKey):
        sources = ("hf://org/*",)

    (model / "model.sig").write_bytes(signed())
    policy = TrustPolicy((Limited("builder", public_pem(), frozenset("*")),))
    assert claim(model, policy).status is Status.DECLARED
    assert claim(model, policy, place="hf://org/net").status is Status.VERIFIED


def test_a_key_that_was_revoked_contradicts(model: Path) -> None:
    class Gone:
        @staticmethod
        def refusal(_at: datetime) -> str:
            return "it was revoked as compromised (2026-11-01), which no time heals"

    class Revoked(TrustedKey):
        validity = Gone

    (model / "model.sig").write_bytes(signed())
    found = claim(model, TrustPolicy((Revoked("builder", public_pem(), frozenset("*")),)))
    assert found.status is Status.CONTRADICTED
    assert "revoked as compromised" in found.evidence


def add(model: Path) -> None:
    (model / "evil.py").write_bytes(b"print()\n")


def remove(model: Path) -> None:
    (model / "README.md").unlink()


def change(model: Path) -> None:
    (model / "a/b.txt").write_bytes(b"texT\n")


def link(model: Path) -> None:
    (model / "README.md").unlink()
    (model / "README.md").symlink_to("a/b.txt")


def swap(model: Path) -> None:
    (model / "a/b.txt").rename(model / "c")
    (model / "README.md").rename(model / "a/b.txt")
    (model / "c").rename(model / "README.md")


TAMPERING = {
    add: "evil.py is not signed",
    remove: "README.md was signed and is not there",
    change: "a/b.txt is not what was signed",
    link: "README.md is no regular file",
    swap: "README.md, a/b.txt is not what was signed",
}


@pytest.mark.parametrize("tamper", TAMPERING)
@pytest.mark.parametrize("number", [1, 2], ids=["trusted", "stranger"])
def test_tampering_contradicts_whoever_signed(model: Path, tamper: Callable[[Path], None], number: int) -> None:
    (model / "model.sig").write_bytes(signed(number))
    tamper(model)
    found = claim(model)
    assert found.status is Status.CONTRADICTED
    assert found.evidence == f"model.sig: {TAMPERING[tamper]}" or found.evidence.startswith(
        f"model.sig: {TAMPERING[tamper]}, and"
    )


def test_a_forged_signature_is_contradicted(model: Path) -> None:
    document = json.loads(signed(2))
    document["verificationMaterial"]["publicKey"]["hint"] = signer(1).key_id
    (model / "model.sig").write_text(json.dumps(document))
    found = claim(model)
    assert found.status is Status.CONTRADICTED
    assert "did not make" in found.evidence


def test_what_a_signer_leaves_out_is_not_signed(model: Path) -> None:
    add(model)
    (model / "model.sig").write_bytes(resealed(lambda settings, _: settings["ignore_paths"].append("evil.py")))
    found = claim(model)
    assert found.status is Status.CONTRADICTED
    assert found.evidence == "model.sig: evil.py is not signed (the signer chose to leave it out)"


def test_what_is_left_out_and_not_there_does_not_matter(model: Path) -> None:
    (model / "model.sig").write_bytes(resealed(lambda settings, _: settings["ignore_paths"].append(".cache")))
    assert claim(model).status is Status.VERIFIED


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore", ".github/workflows/x.yml"])
def test_git_files_that_the_reference_tool_leaves_out_weaken_the_claim(model: Path, name: str) -> None:
    (model / "model.sig").write_bytes(
        resealed(lambda settings, _: settings["ignore_paths"].extend([".gitattributes", ".gitignore", ".github"]))
    )
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(b"*.bin filter=lfs\n")
    found = claim(model)
    assert found.status is Status.DECLARED
    assert name in found.evidence
    assert parts(found) == {"signer": Status.VERIFIED, "files": Status.DECLARED}


def test_a_git_file_that_the_signer_did_not_leave_out_was_added(model: Path) -> None:
    (model / "model.sig").write_bytes(signed())
    (model / ".gitattributes").write_bytes(b"*.bin filter=lfs\n")
    assert claim(model).status is Status.CONTRADICTED


@pytest.mark.parametrize(
    "change",
    [
        lambda settings, _: settings.update(allow_symlinks=True),
        lambda settings, _: settings.update(method="shards"),
        lambda settings, _: settings.update(hash_type="blake2"),
        lambda _, files: files[0].update(name="../README.md"),
        lambda _, files: files.append(dict(files[0])),
    ],
)
def test_a_signature_over_something_else_is_contradicted(model: Path, change: Any) -> None:
    (model / "model.sig").write_bytes(resealed(change))
    assert claim(model).status is Status.CONTRADICTED


def test_other_signatures_need_not_be_signed_but_nothing_that_only_looks_like_one(model: Path) -> None:
    (model / "model.sig").write_bytes(signed())
    (model / "second.sig").write_bytes(signed(2))
    found = claim(model)
    assert found.status is Status.VERIFIED
    assert "second.sig" in found.evidence
    assert [part.claim for part in found.parts][-1] == "model-signature/other"
    (model / "third.sig").write_bytes(b"print('no bundle')\n")
    assert claim(model).status is Status.CONTRADICTED


def test_one_contradicted_signature_is_enough(model: Path) -> None:
    (model / "a.sig").write_bytes(signed())
    (model / "b.sig").write_bytes(signed(2, {**FILES, "README.md": b"other"}))
    found = claim(model)
    assert found.status is Status.CONTRADICTED
    assert "b.sig" in found.evidence


def test_what_cannot_be_read_as_a_signature_is_declared(model: Path) -> None:
    (model / "model.safetensors.sig").write_bytes(b"-----BEGIN PGP SIGNATURE-----\n")
    found = claim(model)
    assert found.status is Status.DECLARED
    assert "model.safetensors.sig" in found.evidence


def statement() -> bytes:
    return base64.b64decode(json.loads(signed())["dsseEnvelope"]["payload"])


def corporate(root: Entity, *sources: str) -> TrustPolicy:
    return TrustPolicy((), authorities=(TrustedAuthority("corporate", root.pem, sources=sources or ANYWHERE),))


def test_a_certificate_of_a_trusted_authority_is_verified(model: Path) -> None:
    root = authority()
    (model / "model.sig").write_bytes(certificate_bundle(statement(), holder(root)))
    found = claim(model, corporate(root))
    assert (found.status, found.value) == (Status.VERIFIED, "certificate:corporate")
    assert "ada@example.org" in found.evidence
    assert claim(model, corporate(root, "hf://org/*")).status is Status.DECLARED
    assert claim(model, corporate(authority(12))).status is Status.DECLARED


def test_an_expired_certificate_without_a_timestamp_is_not_verified(model: Path) -> None:
    root = authority()
    ended = holder(root, end=NOW - timedelta(days=100))
    (model / "model.sig").write_bytes(certificate_bundle(statement(), ended))
    found = claim(model, corporate(root))
    assert found.status is Status.DECLARED
    assert "ended on 2026-08-16" in found.evidence


def test_an_identity_of_sigstore_is_verified(model: Path) -> None:
    ours = sigstore()
    (model / "model.sig").write_bytes(ours.bundle(statement()))
    release = TrustedIdentity("release", WORKFLOW, ISSUER)
    policy = TrustPolicy((), identities=(release,), sigstore_root=ours.trusted_root())
    found = claim(model, policy)
    assert (found.status, found.value) == (Status.VERIFIED, "sigstore:release")
    wrong = claim(model, policy._replace(identities=(release._replace(identity="https://git.example/evil/*"),)))
    assert wrong.status is Status.DECLARED
    assert WORKFLOW in wrong.evidence


def test_without_the_library_nothing_is_proven_and_the_mend_is_said(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    ours = sigstore()
    (model / "model.sig").write_bytes(ours.bundle(statement()))
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    found = claim(model, TrustPolicy((), sigstore_root=ours.trusted_root()))
    assert found.status is Status.DECLARED
    assert "weighbridge[sigstore]" in found.evidence
    assert parts(found)["signer"] is Status.ABSENT


def over_a_file(content: bytes, number: int = 1) -> bytes:
    digest = hashlib.sha256(content).digest()
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": signer(number).key_id}},
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest)},
                "signature": b64(signer(number).sign(content)),
            },
        }
    ).encode()


def test_a_signature_over_one_file(model: Path) -> None:
    (model / "README.md.sigstore.json").write_bytes(over_a_file(FILES["README.md"]))
    found = claim(model, trust(1), "file-signature")
    assert found.status is Status.VERIFIED
    assert found.parts[0].claim == "file-signature/README.md"
    assert claim(model, NOBODY, "file-signature").status is Status.DECLARED
    (model / "README.md").write_bytes(b"other")
    assert claim(model, trust(1), "file-signature").status is Status.CONTRADICTED
    (model / "README.md").unlink()
    assert claim(model, trust(1), "file-signature").status is Status.DECLARED


def test_a_forged_signature_over_one_file_is_contradicted(model: Path) -> None:
    document = json.loads(over_a_file(FILES["README.md"], 2))
    document["verificationMaterial"]["publicKey"]["hint"] = signer(1).key_id
    (model / "README.md.sig").write_text(json.dumps(document))
    assert claim(model, trust(1), "file-signature").status is Status.CONTRADICTED
