"""Bills read back, compared with each other and with bytes: nothing that differs goes unsaid, whoever wrote the bill."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.bill_models import MADE_AT, bill_of, write_full_model
from build.inspecting import LIMITS
from weighbridge.cli.progress import silent
from weighbridge.core.errors import UsageError
from weighbridge.pipelines.materials import digests_of
from weighbridge.sbom.check import BillCheck, check_bill
from weighbridge.sbom.cyclonedx import render_cyclonedx
from weighbridge.sbom.diff import diff_bills
from weighbridge.sbom.minimal import render_minimal
from weighbridge.sbom.read import ReadBill, read_bill
from weighbridge.sbom.spdx import render_spdx

if TYPE_CHECKING:
    from weighbridge.sbom.bill import ModelBill

FORMS = {"CycloneDX": render_cyclonedx, "SPDX": render_spdx, "weighbridge": render_minimal}


def raw(bill: ModelBill, form: str) -> bytes:
    return json.dumps(FORMS[form](bill, made_at=MADE_AT)).encode()


def read(bill: ModelBill, form: str = "CycloneDX") -> ReadBill:
    return read_bill(raw(bill, form))


def checked(bill: ReadBill, folder: Path) -> BillCheck:
    return check_bill(bill, *digests_of(str(folder), LIMITS.files, silent()))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_full_model(tmp_path / "tiny")


@pytest.mark.parametrize("form", FORMS)
def test_a_bill_says_the_same_in_every_form(model: Path, form: str) -> None:
    (model / "a!b%c \u202e.txt").write_text("hello\n")
    bill = bill_of(model, source="hf://org/tiny", revision="abc")
    back = read(bill, form)
    assert back.form == form
    assert (back.name, back.digest) == ("tiny", str(bill.digest))
    assert sorted((one.path, one.sha256, one.size, one.format) for one in back.files) == sorted(
        (file.path, file.sha256.hex, file.size, file.format) for file in bill.files
    )
    assert back.statements == read(bill, "weighbridge").statements
    assert checked(back, model).matches
    for other in FORMS:
        found = diff_bills(back, read(bill, other))
        assert (found.same_files, found.changes, found.not_compared) == (True, (), ())


@pytest.mark.parametrize("form", FORMS)
def test_any_change_of_the_files_is_a_difference(model: Path, form: str) -> None:
    bill = read(bill_of(model), form)

    def kinds() -> set[tuple[str, str]]:
        return {(one.kind, one.path) for one in checked(bill, model).differences} - {("model-digest", "")}

    assert kinds() == set()
    (model / "new.txt").write_text("hello\n")
    assert kinds() == {("added", "new.txt")}
    (model / "new.txt").unlink()
    (model / "modeling.py").unlink()
    assert kinds() == {("missing", "modeling.py")}
    (model / "modeling.py").write_text("class Net: ...\n")
    assert kinds() == set()
    content = (model / "config.json").read_bytes()
    (model / "config.json").write_bytes(content.replace(b"llama", b"lamma"))
    assert kinds() == {("changed", "config.json")}
    assert not checked(bill, model).matches


def test_a_link_out_of_the_model_is_a_difference(model: Path) -> None:
    bill = read(bill_of(model))
    (model / "inside.py").symlink_to("modeling.py")
    assert {one.kind for one in checked(bill, model).differences} == {"added", "model-digest"}
    (model / "inside.py").unlink()
    (model / "outside.py").symlink_to("/etc/hostname")
    found = checked(bill, model)
    assert [(one.kind, one.path) for one in found.differences] == [("no-file", "outside.py")]
    assert not found.matches


def test_every_single_byte_of_a_file_counts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello world\n")
    bill = read(bill_of(tmp_path))
    for place in range(12):
        changed = bytearray(b"hello world\n")
        changed[place] ^= 1
        (tmp_path / "a.txt").write_bytes(changed)
        assert not checked(bill, tmp_path).matches


@pytest.mark.parametrize("form", FORMS)
def test_a_bill_that_is_changed_no_longer_matches(model: Path, form: str) -> None:
    bill = bill_of(model)
    text = raw(bill, form).decode()
    digest = bill.files[0].sha256.hex
    other = "0" * 64
    assert not checked(read_bill(text.replace(digest, other).encode()), model).matches
    assert not checked(read_bill(text.replace(bill.digest.hex, other).encode()), model).matches


def cyclonedx(*components: dict[str, Any], **model: Any) -> ReadBill:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": list(components)}
    return read_bill(json.dumps({**document, "metadata": {"component": {"name": "m", **model}}}).encode())


def file_of(name: str, *hashes: tuple[str, str]) -> dict[str, Any]:
    return {"type": "file", "name": name, "hashes": [{"alg": alg, "content": content} for alg, content in hashes]}


def test_bills_of_other_programs_are_read_as_far_as_they_say_the_same(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a.txt").write_bytes(b"hello\n")
    sha256, sha1 = hashlib.sha256(b"hello\n").hexdigest(), hashlib.sha1(b"hello\n").hexdigest()
    assert checked(cyclonedx(file_of("a.txt", ("SHA-256", sha256.upper()))), tmp_path).matches
    inner = {"type": "application", "name": "x", "components": [file_of("a.txt", ("SHA-256", sha256))]}
    assert checked(cyclonedx(inner), tmp_path).matches
    for bill, kind in (
        (cyclonedx(file_of("a.txt", ("SHA-1", sha1))), "unchecked"),
        (cyclonedx(), "nothing"),
        (cyclonedx(file_of("a.txt", ("SHA-256", sha256)), file_of("a.txt", ("SHA-256", "0" * 64))), "twice"),
        (cyclonedx(file_of("a.txt", ("SHA-256", sha256)), file_of("b", ("SHA-256", sha256))), "missing"),
    ):
        found = checked(bill, tmp_path)
        assert not found.matches
        assert kind in {one.kind for one in found.differences}


def test_what_a_foreign_bill_cannot_say_is_not_called_a_change(model: Path) -> None:
    ours = read(bill_of(model))
    theirs = cyclonedx(
        {"type": "library", "name": "torch", "version": "1.0"},
        licenses=[{"license": {"id": "MIT"}}],
        pedigree={"ancestors": [{"name": "org/base"}]},
        version="7",
    )
    found = diff_bills(theirs, ours)
    assert "architecture" in found.not_compared
    assert "training parameter" in found.not_compared
    assert {one.subject for one in found.changes} <= {"file", "dependency", "dataset", "licence", "base-model", "model"}


def spdx(*rows: dict[str, Any]) -> ReadBill:
    return read_bill(json.dumps({"@context": "x", "@graph": list(rows)}).encode())


def test_spdx_of_other_programs(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a.txt").write_bytes(b"hello\n")
    good = {"algorithm": "sha256", "hashValue": hashlib.sha256(b"hello\n").hexdigest()}
    bill = spdx(
        {"type": "SpdxDocument", "spdxId": "d", "rootElement": ["m"]},
        {"type": "ai_AIPackage", "spdxId": "m", "name": "M"},
        {"type": "software_File", "spdxId": "f", "name": "a.txt", "verifiedUsing": [good]},
        {"type": "software_Package", "spdxId": "p", "name": "torch", "software_packageVersion": "2"},
        {"type": "Relationship", "relationshipType": "dependsOn", "from": "m", "to": ["p"]},
    )
    assert bill.name == "M"
    assert [(one.subject, one.name, one.value) for one in bill.statements] == [("dependency", "torch", "2")]
    assert checked(bill, tmp_path).matches


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b'{"bomFormat": "CycloneDX", "bomFormat": "SPDX"}',
        b'{"sbomVersion": "1.0"}',
        b'{"spdxVersion": "SPDX-2.3"}',
        b"\xff" * 9,
        b"[" * 100_000,
    ],
)
def test_what_is_no_bill_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"bill|document"):
        read_bill(content)


@cache
def samples() -> dict[str, bytes]:
    """A bill in every form, made once."""
    with tempfile.TemporaryDirectory() as folder:
        bill = bill_of(write_full_model(Path(folder) / "m"), source="hf://a/b", revision="c")
        return {form: raw(bill, form) for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_documents_with_anything_in_them_are_read_or_refused(form: str, data: st.DataObject) -> None:
    """Any part replaced by anything: the answer is a bill or a UsageError."""
    tree = json.loads(samples()[form])
    node: Any = tree
    for _ in range(data.draw(st.integers(0, 6))):
        keys = sorted(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        if not keys:
            break
        key = data.draw(st.sampled_from(list(keys)))
        if data.draw(st.booleans()):
            node[key] = data.draw(
                st.sampled_from([None, 7, "x", [], {}, [None], [[7]], {"name": 7}, [{"to": 7}], True])
            )
            break
        node = node[key]
    try:
        bill = read_bill(json.dumps(tree).encode())
    except UsageError:
        return
    diff_bills(bill, bill)
    check_bill(bill, [])


# What changed, in words


def sentences(before: ReadBill, after: ReadBill) -> list[str]:
    return [change.text for change in diff_bills(before, after).changes]


def test_a_new_version_is_told_in_words(model: Path) -> None:
    before = read(bill_of(model, revision="v1"))
    (model / "extra.py").write_text("import os\n")
    (model / "modeling.py").rename(model / "net.py")
    (model / "requirements.txt").write_text("torch==2.5.0\n")
    card = (model / "README.md").read_text()
    (model / "README.md").write_text(card.replace("license: llama3.2", "license: mit").replace("- squad\n", "", 1))
    told = sentences(before, read(bill_of(model, revision="v2")))
    assert "extra.py is new (python, 10 bytes)" in told
    assert "modeling.py is called net.py now" in told
    assert "the model, revision: it was v1 and is v2" in told
    assert "licence, declared: it was llama3.2 and is mit" in told
    assert "data, training: squad is not said any more" in told
    assert any("package numpy" in text and "not said any more" in text for text in told)
    assert any(text.startswith("dependency, package torch: it was 2.4.0 and is 2.5.0") for text in told)
    assert any(text.startswith("README.md has other bytes: ") for text in told)


def test_a_later_scan_of_the_same_model_is_no_change(model: Path) -> None:
    bill = bill_of(model)
    later = bill._replace(scanned_at="2027-01-01T00:00:00Z", knowledge="2027.01.01")
    assert sentences(read(bill), read(later)) == []
    worse = bill._replace(verdict="malicious")
    assert sentences(read(bill), read(worse)) == [f"scan, verdict: it was {bill.verdict} and is malicious"]


def test_no_digest_is_no_proof_of_sameness() -> None:
    with_digest, without = (cyclonedx(file_of("a", *hashes)) for hashes in ([("SHA-256", "0" * 64)], []))
    found = diff_bills(with_digest, without)
    assert not found.same_files
    assert found.changes[0].text == "whether a changed is not known: the second bill gives no sha256"
    neither = diff_bills(without, without)
    assert not neither.same_files
    assert neither.changes[0].text == "whether a changed is not known: neither bill gives a sha256"
    assert not diff_bills(cyclonedx(), cyclonedx()).same_files


def test_a_file_that_stands_twice_is_compared_with_both_digests() -> None:
    one, other = (file_of("a", ("SHA-256", digit * 64)) for digit in "01")
    found = diff_bills(cyclonedx(one, other), cyclonedx(one))
    assert [change.kind for change in found.changes] == ["changed"]


def test_hostile_names_stay_on_their_line() -> None:
    before, after = cyclonedx(), cyclonedx(file_of("\x1b[2J\na", ("SHA-256", "0" * 64)), name="\u202e")
    for text in sentences(before, after):
        assert text.isprintable()
