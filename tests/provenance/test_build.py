"""SLSA provenance and GitHub attestations: who built it, and whether it is about these very files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from build.authorities import ISSUER, NOW, WORKFLOW, sigstore
from build.keys import signer, trust
from build.weighing import weighed
from weighbridge.attest.dsse import seal
from weighbridge.attest.identities import TrustedIdentity
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.attest.trust import TrustPolicy
from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import SourceError
from weighbridge.provenance.build import SLSA_V02, SLSA_V1, Build, build_provenance, read_build
from weighbridge.provenance.signature_files import find_signatures
from weighbridge.provenance.weighing import by_name

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "README.md": b"# net\n"}
REPOSITORY, COMMIT = "https://git.example/org/net", "08802efe1f8e5fec4ad842d6b8ce97656092ee72"
V1 = {
    "buildDefinition": {
        "buildType": "https://actions.example/workflow/v1",
        "externalParameters": {
            "workflow": {"repository": REPOSITORY, "ref": "refs/tags/v1", "path": ".github/workflows/release.yml"}
        },
        "resolvedDependencies": [
            {"uri": "git+https://git.example/other/lib@refs/heads/main", "digest": {"gitCommit": "0" * 40}},
            {"uri": f"git+{REPOSITORY}@refs/tags/v1", "digest": {"gitCommit": COMMIT}},
        ],
    },
    "runDetails": {"builder": {"id": WORKFLOW}},
}
V02 = {
    "builder": {"id": "https://builder.example/v1"},
    "invocation": {
        "configSource": {
            "uri": f"git+{REPOSITORY}@refs/heads/main",
            "digest": {"sha1": COMMIT},
            "entryPoint": "build.yml",
        }
    },
}
OURS = sigstore()
RELEASE = TrustedIdentity("release", f"{REPOSITORY}/.github/workflows/**", ISSUER)
TRUST = TrustPolicy((), identities=(RELEASE,), sigstore_root=OURS.trusted_root())
SAID = {9: WORKFLOW, 12: REPOSITORY, 13: COMMIT, 18: WORKFLOW}
"""What the certificate says of the build."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "net"
    folder.mkdir()
    for path, content in FILES.items():
        (folder / path).write_bytes(content)
    return folder


def statement(files: dict[str, bytes] = FILES, predicate: Any = V1, kind: str = SLSA_V1) -> bytes:
    subjects = [{"name": path, "digest": {"sha256": digest_bytes(content).hex}} for path, content in files.items()]
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(document).encode()


def attested(text: bytes | None = None, said: dict[int, str] | None = None) -> bytes:
    return OURS.bundle(text or statement(), OURS.certificate(build=SAID if said is None else said))


def claim(model: Path, policy: TrustPolicy = TRUST, *given: bytes) -> Claim:
    options = {"attestations": [(f"given-{index}.json", raw) for index, raw in enumerate(given)]}
    found = weighed(model, policy, place="hf://org/net", **options)
    return by_name(found.claims)["build-provenance"]


def values(whole: Claim) -> dict[str, str]:
    return {part.claim.removeprefix("build-provenance/"): part.value for part in whole.parts if part.value}


def test_without_an_attestation_nothing_is_said(model: Path) -> None:
    assert claim(model).status is Status.ABSENT


@pytest.mark.parametrize("name", ["net.sigstore.json", "net.intoto.jsonl", "given"])
def test_a_build_by_a_trusted_identity_is_verified(model: Path, name: str) -> None:
    if name == "given":
        found = claim(model, TRUST, attested())
    else:
        (model / name).write_bytes(attested())
        found = claim(model)
    assert found.status is Status.VERIFIED, found
    assert found.value == WORKFLOW
    assert values(found) == {
        "signer": "sigstore:release",
        "subjects": "2 of 2 files",
        "builder": WORKFLOW,
        "source": REPOSITORY,
        "commit": COMMIT,
        "workflow": ".github/workflows/release.yml@refs/tags/v1",
    }


def test_a_build_by_a_stranger_is_declared(model: Path) -> None:
    found = claim(model, TRUST._replace(identities=()), attested())
    assert found.status is Status.DECLARED
    assert {part.status for part in found.parts} == {Status.DECLARED}
    other = TRUST._replace(identities=(RELEASE._replace(sources=("hf://other/*",)),))
    assert claim(model, other, attested()).status is Status.DECLARED
    other = TRUST._replace(identities=(RELEASE._replace(may_sign=frozenset({"https://model_signing/v1"})),))
    assert claim(model, other, attested()).status is Status.DECLARED


def test_a_file_that_the_build_did_not_make_contradicts(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0[]")
    found = claim(model, TRUST, attested())
    assert found.status is Status.CONTRADICTED
    assert "model.safetensors is not what the build made" in found.evidence
    # Whoever signed it: the files are other ones.
    assert claim(model, TrustPolicy(()), attested()).status is Status.CONTRADICTED


def test_a_file_of_the_build_in_a_folder_of_its_own_is_known_by_its_digest(model: Path) -> None:
    folders = {"dist/model.safetensors": FILES["model.safetensors"], "dist/README.md": FILES["README.md"]}
    assert claim(model, TRUST, attested(statement(folders))).status is Status.VERIFIED
    wrong = {**folders, "dist/README.md": b"another"}
    assert claim(model, TRUST, attested(statement(wrong))).status is Status.CONTRADICTED


def test_an_added_file_is_not_of_the_build(model: Path) -> None:
    (model / "evil.py").write_bytes(b"print()\n")
    found = claim(model, TRUST, attested())
    assert found.status is Status.DECLARED
    assert "not about evil.py" in found.evidence


def test_attestations_for_each_file_count_together(model: Path) -> None:
    each = [attested(statement({path: content})) for path, content in FILES.items()]
    assert claim(model, TRUST, each[0]).status is Status.DECLARED
    found = claim(model, TRUST, *each)
    assert found.status is Status.VERIFIED
    # Not those of another build, though.
    other = json.loads(json.dumps(V1).replace("refs/tags/v1", "refs/tags/v2"))
    second = attested(statement({"README.md": FILES["README.md"]}, other), {})
    assert claim(model, TRUST, each[0], second).status is Status.DECLARED


def test_an_attestation_of_something_else_counts_for_nothing(model: Path) -> None:
    other = attested(statement({"wheel.whl": b"wheel"}))
    (model / "wheel.sigstore.json").write_bytes(other)
    assert claim(model).status is Status.DECLARED
    # Who names an attestation says that it is about this model.
    (model / "wheel.sigstore.json").unlink()
    assert claim(model, TRUST, other).status is Status.CONTRADICTED


@pytest.mark.parametrize(("extension", "part"), [(9, "builder"), (12, "source"), (13, "commit"), (18, "workflow")])
def test_a_statement_that_its_certificate_contradicts(model: Path, extension: int, part: str) -> None:
    said = {**SAID, extension: SAID[extension].replace("net", "evil").replace("0880", "0990")}
    found = claim(model, TRUST, attested(said=said))
    assert found.status is Status.CONTRADICTED
    assert by_name(found.parts)[f"build-provenance/{part}"].status is Status.CONTRADICTED


def test_a_forged_attestation_is_contradicted(model: Path) -> None:
    forged = OURS.bundle(statement(), OURS.certificate(build=SAID)._replace(key=signer(7)._key))
    assert claim(model, TRUST, forged).status is Status.CONTRADICTED


def test_a_trusted_key_can_attest_a_build(model: Path) -> None:
    raw = seal(statement(predicate=V02, kind=SLSA_V02), PAYLOAD_TYPE, signer())
    found = claim(model, trust(1, SLSA_V02), raw)
    assert found.status is Status.VERIFIED
    assert values(found)["builder"] == "https://builder.example/v1"
    assert values(found)["workflow"] == "build.yml"
    assert claim(model, trust(1, SLSA_V1), raw).status is Status.DECLARED


def test_a_statement_without_a_builder_is_not_verified(model: Path) -> None:
    raw = seal(statement(predicate={}), PAYLOAD_TYPE, signer())
    assert claim(model, trust(1), raw).status is Status.DECLARED


def test_what_is_no_attestation_is_said(model: Path) -> None:
    found = claim(model, TRUST, b"{}")
    assert found.status is Status.DECLARED
    assert "given-0.json" in found.evidence


def test_what_the_two_versions_say() -> None:
    assert read_build(V1, SLSA_V1) == Build(WORKFLOW, REPOSITORY, COMMIT, ".github/workflows/release.yml@refs/tags/v1")
    assert read_build(V02, SLSA_V02) == Build("https://builder.example/v1", REPOSITORY, COMMIT, "build.yml")


@pytest.mark.parametrize("kind", [SLSA_V1, SLSA_V02])
@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"runDetails": 5, "buildDefinition": []},
        {"runDetails": {"builder": 5}, "buildDefinition": {"resolvedDependencies": 5, "externalParameters": []}},
        {"buildDefinition": {"resolvedDependencies": [5, {"uri": 5}, {"uri": "git+x", "digest": 5}]}},
        {"builder": {"id": 5}, "invocation": {"configSource": {"uri": [], "digest": {"sha1": 5}}}},
    ],
)
def test_a_predicate_of_another_shape_says_nothing(kind: str, predicate: dict[str, Any]) -> None:
    build = read_build(predicate, kind)
    assert build.builder == build.commit == build.workflow == ""


def test_an_absurdly_long_address_is_none(model: Path) -> None:
    raw = seal(statement(predicate={"runDetails": {"builder": {"id": "x" * 5000}}}), PAYLOAD_TYPE, signer())
    found = claim(model, trust(1), raw)
    assert found.status is Status.DECLARED
    assert "names no builder" in found.evidence


def test_more_signatures_than_are_weighed_prove_nothing(model: Path) -> None:
    """A flood of signature files ends in a claim that is not verified, and not in hours of work."""
    raw = seal(statement(), PAYLOAD_TYPE, signer())
    for index in range(502):
        (model / f"{index:04}.sig").write_bytes(raw)
    (model / "z.sigstore.json").write_bytes(attested())
    found = find_signatures(str(model), {path.name: digest_bytes(path.read_bytes()).hex for path in model.iterdir()})
    assert len(found.signed) <= 500
    assert found.unusable[-1].path == "z.sigstore.json"
    assert "more signatures than are weighed" in found.unusable[-1].why


def test_a_download_of_github_is_known_by_its_name(model: Path) -> None:
    (model / f"sha256:{'a' * 64}.jsonl").write_bytes(attested() + b"\n" + attested() + b"\n")
    assert claim(model).status is Status.VERIFIED


def test_a_file_that_changed_after_it_was_inspected_is_noticed(model: Path) -> None:
    (model / "net.sigstore.json").write_bytes(attested())
    with pytest.raises(SourceError, match="not what was inspected"):
        find_signatures(str(model), {"net.sigstore.json": "0" * 64})


def test_a_given_attestation_never_excuses_a_file_of_its_name(model: Path) -> None:
    (model / "given-0.json").write_bytes(b"anything")
    found = claim(model, TRUST, attested())
    assert found.status is Status.DECLARED
    assert "not about given-0.json" in found.evidence


def test_a_published_attestation_is_about_its_release_and_nothing_else() -> None:
    """A GitHub attestation of 2024, checked with the root of the public instance."""
    from pathlib import Path

    raw = (Path(__file__).parent / "data" / "slsa-of-a-release.sigstore.json").read_bytes()
    release = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
    identity = TrustedIdentity(
        "publisher",
        "https://github.com/trailofbits/pypi-attestations/**",
        "https://token.actions.githubusercontent.com",
    )
    found = find_signatures("", {}, [("attestation", raw)])
    policy = TrustPolicy((), identities=(identity,))
    files = {"pypi_attestations-0.0.19.tar.gz": release}
    whole = build_provenance(found, files, policy, place="", now=NOW)
    assert whole.status is Status.VERIFIED
    assert values(whole)["source"] == "https://github.com/trailofbits/pypi-attestations"
    assert values(whole)["commit"] == COMMIT
    other = {"pypi_attestations-0.0.19.tar.gz": "0" * 64}
    assert build_provenance(found, other, policy, place="", now=NOW).status is Status.CONTRADICTED
