"""A release: the same bytes twice, nothing in it that must not be, its bill and its evidence, and what its checks see."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tools.release import __main__ as making
from tools.release import bill, evidence, libraries, own_scan, packages

from build import keys, pickles
from weighbridge import __version__
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.attest.trust import verify
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import Rejected

if TYPE_CHECKING:
    from pathlib import Path

FILES = packages.files_of(bill.ROOT)
EPOCH = 1_764_460_800


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The packages of this repository, built in two surroundings."""
    place = str(tmp_path_factory.mktemp("release"))
    one, other = (packages.build(bill.ROOT, FILES, place, surroundings, EPOCH) for surroundings in packages.TWO)
    return one, other


@pytest.fixture(scope="module")
def wheel(made: tuple[dict[str, bytes], dict[str, bytes]]) -> bytes:
    return made[0][f"weighbridge-{__version__}-py3-none-any.whl"]


def changed(wheel: bytes, **changes: bytes | None) -> bytes:
    """The wheel with other content in files, whose names end as the keys say; None: without them."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(out, "w") as new:
        left = dict(changes)
        for info in old.infolist():
            name = next((key for key in changes if info.filename.endswith(key)), None)
            if name is None:
                new.writestr(info, old.read(info))
            elif (content := left.pop(name, None)) is not None:
                new.writestr(info.filename, content)
        for name, content in left.items():
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


# Packages


def test_two_surroundings_make_the_same_bytes(made: tuple[dict[str, bytes], dict[str, bytes]]) -> None:
    one, other = made
    assert sorted(one) == [f"weighbridge-{__version__}-py3-none-any.whl", f"weighbridge-{__version__}.tar.gz"]
    assert packages.differences(one, other) == []


def test_the_packages_hold_what_they_must(made: tuple[dict[str, bytes], dict[str, bytes]], wheel: bytes) -> None:
    assert packages.wrong_in_wheel(wheel, FILES) == []
    assert packages.wrong_in_sdist(made[0][f"weighbridge-{__version__}.tar.gz"], FILES) == []
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        names = set(archive.namelist())
        assert archive.read(f"weighbridge-{__version__}.dist-info/sboms/weighbridge.cdx.json").decode() == bill.bill(
            bill.ROOT
        )
    for folder in ("schemas", "knowledge", "knowledge/classes"):
        kept = os.path.join(bill.ROOT, packages.SOURCE, folder)
        there = {
            f"weighbridge/{folder}/{name}" for name in os.listdir(kept) if os.path.isfile(os.path.join(kept, name))
        }
        assert {name for name in there if not name.endswith(".pyc")} <= names, folder
    assert "weighbridge/py.typed" in names
    assert not [name for name in names if re.match(r"tests?/|docs/|tools/|bench/", name)]


def test_a_difference_is_seen() -> None:
    assert packages.differences({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3", "c": b""}) == ["b", "c"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"weighbridge/py.typed": None}, "lacks weighbridge/py.typed"),
        ({"tests/test_house.py": b""}, "has tests/test_house.py, which is no file of the package"),
        ({"weighbridge/signing.pem": b""}, "has weighbridge/signing.pem, which no package may have"),
        ({"weighbridge/core/errors.py": b"x = 1\n"}, "its RECORD has another hash of weighbridge/core/errors.py"),
        ({"METADATA": b"Name: weighbridge\n"}, "its METADATA does not say 'License-Expression: Apache-2.0'"),
    ],
)
def test_what_is_wrong_in_a_wheel_is_seen(wheel: bytes, changes: dict[str, bytes | None], wrong: str) -> None:
    assert wrong in packages.wrong_in_wheel(changed(wheel, **changes), FILES)


def test_what_is_wrong_in_an_sdist_is_seen() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name in ("w-1/pyproject.toml", "w-1/own.key", "w-1/notes.txt"):
            archive.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("w-1/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    wrong = packages.wrong_in_sdist(raw.getvalue(), ["pyproject.toml", "LICENSE", "notes.txt"])
    assert wrong == [
        "lacks LICENSE",
        "has own.key, which is no file of the repository",
        "has own.key, which no package may have",
        "has w-1/link, which is no file",
    ]


def test_the_image_holds_the_files_of_the_wheel(wheel: bytes) -> None:
    """The container copies what the wheel packs, and installs what the bill names."""
    with open(os.path.join(bill.ROOT, "Containerfile"), encoding="utf-8") as file:
        copied = re.findall(r"^COPY (\S+) (/app/\S+)$", file.read(), re.MULTILINE)
    assert dict(copied) == {packages.SOURCE: "/app/weighbridge", packages.PACKS: f"/app/weighbridge/{packages.PACKS}"}
    image = {
        f"{target.removeprefix('/app/')}{path.removeprefix(source)}"
        for source, target in copied
        for path in FILES
        if path.startswith(f"{source}/")
    }
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == image
    with open(os.path.join(bill.ROOT, ".containerignore"), encoding="utf-8") as file:
        assert file.read().strip()


# Bill


def test_the_bill_is_current_and_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert bill.main(["--check"]) == 0
    text = bill.bill(bill.ROOT)
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    document = json.loads(text)
    with open(os.path.join(bill.ROOT, bill.LOCK), encoding="utf-8") as file:
        locked = {line.split("==")[0] for line in file if "==" in line}
    assert {component["name"] for component in document["components"]} == locked
    assert all(component["properties"] for component in document["components"])
    (root,) = document["dependencies"]
    assert any(ref.startswith("pkg:pypi/cryptography@") for ref in root["dependsOn"])


def test_a_lock_is_read_whole_or_not_at_all() -> None:
    lock = f"# made by a tool\nA_b==1.0 ; python_version < '4' \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\n"
    assert bill.locked(lock) == (bill.Locked("a-b", "1.0", "python_version < '4'", ("0" * 64, "1" * 64)),)
    with pytest.raises(ValueError, match="no hash of c"):
        bill.locked(f"{lock}c==2\n")
    with pytest.raises(ValueError, match="git"):
        bill.locked(f"{lock}d @ git+https://example.invalid/d\n")


# Our own scan


def small(folder: Path, **files: bytes) -> str:
    path = str(folder / "small-1-py3-none-any.whl")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


PACKAGE = own_scan.Explanation("executable/native", ("",), "a wheel")


def test_a_finding_without_an_explanation_stops_a_release(tmp_path: Path) -> None:
    command = pickles.proto(4) + pickles.call("os", "system", pickles.text("echo example")) + b"."
    weighed = own_scan.weigh(small(tmp_path, small__data=command), (PACKAGE,))
    assert weighed.open == ("pickle/dangerous-call in small/data",)
    assert weighed.stale == ()
    known = own_scan.Explanation("pickle/dangerous-call", ("small/*",), "a sample")
    explained = own_scan.weigh(small(tmp_path, small__data=command), (PACKAGE, known))
    assert (explained.open, explained.stale) == ((), ())
    assert explained.explained == 2


def test_what_is_not_read_and_what_is_not_found_stop_a_release(tmp_path: Path) -> None:
    known = own_scan.Explanation("code/network", ("gone.py",), "it is gone")
    weighed = own_scan.weigh(small(tmp_path, small__odd=bytes(range(1, 99))), (PACKAGE, known))
    assert weighed.open == ("file/unread in small/odd",)
    assert weighed.stale == ("code/network in gone.py",)


def test_every_explanation_says_why_and_is_of_files_that_are_there() -> None:
    there = {path.removeprefix("src/") for path in FILES} | {"", f"weighbridge-{__version__}.dist-info/METADATA"}
    for one in own_scan.explanations():
        assert len(one.why) > 10, one.rule
        assert any(one.covers(one.rule, file) for file in there), one


# Libraries


def test_a_library_that_the_lock_does_not_name_stops_a_release(tmp_path: Path) -> None:
    small(tmp_path, small__data=b'{"a": 1}')
    (name,) = os.listdir(tmp_path)
    right = bill.Locked("small", "1", "", (digest_bytes((tmp_path / name).read_bytes()).hex,))
    other = bill.Locked("other", "1", "", ("0" * 64,))
    elsewhere = bill.Locked("elsewhere", "1", "python_version < '3'", ("1" * 64,))
    assert libraries.wrong(str(tmp_path), (right, elsewhere)) == []
    assert libraries.wrong(str(tmp_path), (right, other)) == ["there is no file of other"]
    assert libraries.wrong(str(tmp_path), (other,)) == [
        f"{name} is no file that the lock names",
        "there is no file of other",
    ]


def test_a_pickle_in_a_library_stops_a_release_and_its_being_a_program_does_not(tmp_path: Path) -> None:
    small(tmp_path, small__run=b"import subprocess\nsubprocess.run(['ls'])\n")
    (honest,) = libraries.weigh(str(tmp_path))
    assert honest.stops == ()
    assert honest.verdict != "clean"
    command = pickles.proto(4) + pickles.call("os", "system", pickles.text("echo example")) + b"."
    small(tmp_path, small__data=command)
    (hostile,) = libraries.weigh(str(tmp_path))
    assert hostile.stops == ("pickle/dangerous-call in small/data",)


# Evidence


def release() -> evidence.Release:
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    return evidence.Release(
        packages={"w.whl": b"wheel", "w.tar.gz": b"sdist"},
        source="https://example.invalid/weighbridge",
        commit="a" * 40,
        epoch=EPOCH,
        builder="https://example.invalid/builder",
        bill={"bomFormat": "CycloneDX"},
        inputs={"pyproject.toml": b"[project]"},
        started=moment,
        finished=moment,
    )


def test_every_statement_is_signed_about_every_package() -> None:
    bundles = evidence.sealed(release(), keys.signer())
    assert sorted(bundles) == ["checks.sigstore.json", "provenance.sigstore.json", "sbom.sigstore.json"]
    for name, kind, _ in evidence.statements(release()):
        for raw in (b"wheel", b"sdist"):
            found = verify(
                bundles[f"{name}.sigstore.json"], keys.trust(), predicate_type=kind, subject=digest_bytes(raw)
            )
            assert found.statement.predicate_type == kind
        with pytest.raises(Rejected):
            verify(bundles[f"{name}.sigstore.json"], keys.trust(2), predicate_type=kind, subject=digest_bytes(b"wheel"))
        with pytest.raises(Rejected):
            verify(bundles[f"{name}.sigstore.json"], keys.trust(), predicate_type=kind, subject=digest_bytes(b"other"))
    assert json.loads(bundles["sbom.sigstore.json"])["dsseEnvelope"]["payloadType"] == PAYLOAD_TYPE


def test_a_release_of_what_no_commit_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(making, "git", lambda *words: " M README.md" if words[0] == "status" else "1")
    monkeypatch.setattr(packages, "build", None)
    assert making.main([]) == 1
    assert "no release: there are changes that no commit has" in capsys.readouterr().err


def test_nothing_is_written_if_a_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = iter(({"w.whl": b"1"}, {"w.whl": b"2"}))
    monkeypatch.setattr(making, "git", lambda *words: "" if words[0] == "status" else "1")
    monkeypatch.setattr(packages, "build", lambda *_: next(made))
    monkeypatch.setattr(packages, "wrong_in_wheel", lambda *_: ["lacks x"])
    weighed = own_scan.Weighed(("code/process in a.py",), ("code/network in b.py",), 0, None)  # type: ignore[arg-type]
    monkeypatch.setattr(own_scan, "weigh", lambda *_: weighed)
    (tmp_path / "kept").write_text("from before")
    assert making.main(["--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "no release: w.whl is not the same twice",
        "no release: w.whl lacks x",
        "no release: code/process in a.py: explain it in explained.toml, or mend it",
        "no release: code/network in b.py: explained, and not found any more",
    ]
    assert os.listdir(tmp_path) == ["kept"]


@pytest.mark.parametrize("signed", [True, False])
def test_what_is_written_is_in_the_list_of_hashes(signed: bool, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(keys.private_pem())
    key.chmod(0o600)
    folder = tmp_path / "dist"
    making._write(str(folder), release(), str(key) if signed else None)
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    there = {path.name: digest_bytes(path.read_bytes()).hex for path in folder.iterdir() if path.name != "SHA256SUMS"}
    assert sums == there
    assert f"provenance.{'sigstore' if signed else 'intoto'}.json" in there


def test_the_citation_is_of_this_version() -> None:
    with open(os.path.join(bill.ROOT, "CITATION.cff"), encoding="utf-8") as file:
        said = yaml.safe_load(file)
    assert (said["cff-version"], said["version"], said["license"]) == ("1.2.0", __version__, "Apache-2.0")


def test_provenance_names_what_a_second_builder_needs() -> None:
    said = evidence.provenance(release())
    definition = said["buildDefinition"]
    assert definition["externalParameters"] == {"source": "https://example.invalid/weighbridge", "revision": "a" * 40}
    assert definition["internalParameters"]["SOURCE_DATE_EPOCH"] == EPOCH
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": "a" * 40}
    assert {"name": "pyproject.toml", "digest": {"sha256": digest_bytes(b"[project]").hex}} in definition[
        "resolvedDependencies"
    ]
    assert said["runDetails"]["builder"]["id"] == "https://example.invalid/builder"
    assert evidence.checks(release())["failedTests"] == []
