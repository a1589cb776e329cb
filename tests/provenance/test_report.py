"""The report as evidence: deterministic but for its envelope, whole, and honest about who signed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from build.authorities import NOW
from build.keys import signer, trust
from build.models import TINY, write_model
from build.weighing import weighed
from weighbridge.attest.model_signing import sign_model
from weighbridge.attest.trust import TrustPolicy
from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import canonical_json, digest_bytes, model_digest
from weighbridge.core.evidence import PROVENANCE_PREDICATE
from weighbridge.core.origin import Origin
from weighbridge.provenance.weighing import by_name, every, least, together

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    files = write_model(str(folder))
    (folder / "model.sig").write_bytes(sign_model("tiny", files, signer()))
    return folder


def test_it_is_about_the_model_digest(model: Path) -> None:
    report = weighed(model, trust())
    files = {**TINY, "model.sig": (model / "model.sig").read_bytes()}
    assert report.subject == model_digest((path, len(raw), digest_bytes(raw)) for path, raw in files.items())
    assert report.predicate_type == PROVENANCE_PREDICATE
    assert report.kind == "provenance"


def test_times_stand_in_the_envelope_only(model: Path) -> None:
    first = weighed(model, trust()).predicate()
    second = weighed(model, trust(), now=NOW + timedelta(days=1)).predicate()
    assert first.pop("envelope") != second.pop("envelope")
    assert canonical_json(first) == canonical_json(second)


def test_the_signer_is_who_is_verified(model: Path) -> None:
    report = weighed(model, trust())
    assert report.signer == report.predicate()["signer"] == "key:builder"
    assert weighed(model, TrustPolicy(())).signer == "none"
    commit = Claim("commit-signature", Status.VERIFIED, "", "ada")
    assert report._replace(claims=(*report.claims, commit)).signer == "commit:ada"
    unsigned = commit._replace(status=Status.DECLARED)
    assert report._replace(claims=(*report.claims, unsigned)).signer == "key:builder"
    build = Claim("build-provenance", Status.VERIFIED, "", "https://builder.example")
    assert report._replace(claims=(build,)).signer == "build:https://builder.example"


def test_what_is_wanted_and_not_verified(model: Path) -> None:
    report = weighed(model, trust())
    assert report.unverified(("model-signature", "model-signature/files")) == ()
    assert report.unverified(("commit-signature", "model-signature", "source")) == ("commit-signature", "source")


def test_a_contradicted_part_counts(model: Path) -> None:
    part = Claim("a/b", Status.CONTRADICTED, "broken")
    report = weighed(model, trust())
    assert report.contradicted == ()
    assert report._replace(claims=(Claim("a", Status.VERIFIED, "", parts=(part,)),)).contradicted == (part,)


def test_files_that_are_not_those_of_the_source_are_contradicted(model: Path) -> None:
    from weighbridge.core.origin import FileOrigin

    origin = Origin("hub", "hf://org/net", "main", "0" * 40, (FileOrigin("README.md", 1, ""),))
    claims = by_name(weighed(model, trust(), origin=origin).claims)
    assert claims["files-of-source"].status is Status.CONTRADICTED
    assert claims["source"].status is Status.VERIFIED


def test_a_whole_is_as_good_as_its_weakest_part() -> None:
    good, weak, none, bad = (Claim("a/x", status, status.value) for status in Status)
    assert together("a", "f", (good, good), "v")[:4] == ("a", Status.VERIFIED, "f: verified; verified", "v")
    assert together("a", "f", (good, weak), "v")[1:4] == (Status.DECLARED, "declared", "")
    assert together("a", "f", (good, none, weak), "v")[1:4] == (Status.DECLARED, "absent", "")
    assert together("a", "f", (bad, good, none), "v")[1:4] == (Status.CONTRADICTED, "contradicted", "")


def test_of_several_claims_a_contradiction_counts_else_the_best() -> None:
    good, weak, _, bad = (Claim("a", status, status.value) for status in Status)
    assert least([weak, good]).status is Status.VERIFIED
    assert least([good, bad, weak]).status is Status.CONTRADICTED
    assert [claim.claim for claim in every([least([good, bad])])] == ["a", "a/other"]
