"""Tar archives as their writers make them, and as attackers bend them."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.containers import safetensors
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Oddity
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.archives.tar import Tar
from weighbridge.formats.base import blob_info

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"model.safetensors": safetensors({"w": b"12345678"}), "config.json": b'{"a": 1}', "deep/er/README.md": b"# A\n"}
EVIL = p.proto(2) + p.system() + p.STOP


def tar(members: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT, **changes: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for field, value in changes.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def checked(header: bytes) -> bytes:
    """The header block with the checksum that is right for it."""
    blank = header[:148] + b" " * 8 + header[156:512]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:] + header[512:]


def changed(content: bytes, offset: int, value: bytes) -> bytes:
    """An archive with other bytes in the first header, and its checksum right again."""
    return checked(content[:offset] + value + content[offset + len(value) :])


def oddities(folder: Path, content: bytes) -> set[str]:
    path = folder / "odd.tar"
    path.write_bytes(content)
    blobs = inspected(path).facts.blobs
    return {fact.kind for blob in blobs for fact in blob.facts if isinstance(fact, Oddity)}


END = bytes(1024)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_honest_archives_are_clean(tmp_path: Path, form: int) -> None:
    members = GOOD | {"x" * 90 + "/" + "y" * 90 + ".txt": b"long\n"}
    report = scanned(tmp_path, "m.tar", tar(members, form=form))
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert scanned(tmp_path, "m.tar.gz", gzip.compress(tar(members, form=form))).verdict is Verdict.CLEAN


def test_a_very_long_name(tmp_path: Path) -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        report = scanned(tmp_path, "m.tar", tar({"d/" * 150 + "model.pkl": EVIL}, form=form))
        assert report.verdict is Verdict.MALICIOUS
        assert "d/d/d/" in report.findings[0].location


def test_an_archive_without_magic_is_one_by_its_checksum(tmp_path: Path) -> None:
    old = changed(tar({"a.txt": b"hello\n"}, form=tarfile.USTAR_FORMAT), 257, bytes(255))
    report = scanned(tmp_path, "m.dat", old)
    assert report.verdict is Verdict.CLEAN, report.unread
    assert report.artifact.files[0].format == "tar"
    assert scanned(tmp_path, "m.dat", changed(old, 136, b"no numbers  ")).artifact.files[0].format != "tar"


def test_a_checksum_of_signed_bytes_and_one_with_bytes_behind_it(tmp_path: Path) -> None:
    whole = tar({"\u00e9.pkl": EVIL}, form=tarfile.GNU_FORMAT)
    signed = sum(byte - 256 if byte > 127 else byte for byte in whole[:148] + b" " * 8 + whole[156:512])
    for stored in (b"%06o\0 " % signed, whole[148:155] + b"X"):
        content = whole[:148] + stored + whole[156:]
        assert scanned(tmp_path, "m.nemo", content).verdict is Verdict.MALICIOUS


def test_large_sizes_are_big_endian(tmp_path: Path) -> None:
    whole = tar({"a.txt": b"hello\n"})
    assert scanned(tmp_path, "m.tar", changed(whole, 124, b"\x80" + (6).to_bytes(11, "big"))).verdict is Verdict.CLEAN
    beyond = b"\x80" + b"\xff" * 11
    for size in (beyond, b"\xff" * 12, b"0o000000006\0", b"0000000_006\0", b"\x0000000000006"):
        report = scanned(tmp_path, "m.tar", changed(whole, 124, size))
        assert report.verdict is Verdict.INCOMPLETE, size
        assert "no number that all readers agree on" in report.unread[0].why or size == beyond


def test_what_a_global_header_says_holds_for_all(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", pax_headers={"comment": "0123"}) as archive:
        for name in ("a.txt", "b.txt"):
            archive.addfile(tarfile.TarInfo(name))
    assert scanned(tmp_path, "m.tar", out.getvalue()).verdict is Verdict.CLEAN
    named = out.getvalue().replace(b"16 comment=0123\n", b"16 path=../../x\n")
    report = scanned(tmp_path, "m.tar", named)
    assert [finding.rule for finding in report.findings].count("archive/path-escape") == 2
    report = scanned(tmp_path, "m.tar", named.replace(b"16 path=../../x\n", b"16 size=0000001\n"))
    assert report.verdict is Verdict.INCOMPLETE
    assert "one size for all" in report.unread[0].why


def test_members_are_followed(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.nemo", tar(GOOD | {"weights.ckpt": EVIL}))
    assert [finding.location for finding in report.findings] == ["m.nemo!weights.ckpt@19"]


@pytest.mark.parametrize("name", ["../../x.txt", "/etc/x.txt", "a\\b.txt", "C:x.txt"])
def test_names_that_escape(tmp_path: Path, name: str) -> None:
    assert oddities(tmp_path, tar({name: b"x\n"})) == {"path-escape"}
    assert "archive/path-escape" in rules_of(scanned(tmp_path, "m.tar", tar({name: b"x\n"})))


def test_a_name_with_a_nul_and_names_that_are_too_long_or_missing(tmp_path: Path) -> None:
    assert oddities(tmp_path, tar({"a": b"x\n"}, pax_headers={"path": "a.pkl\0.txt"})) == {"path-escape"}
    long = tar({"d/" * 60 + "a.txt": b"x\n"}, form=tarfile.GNU_FORMAT)
    assert oddities(tmp_path, long[:512] + long[512:1024].replace(b"a.txt", b"\0.txt") + long[1024:]) == {"path-escape"}
    assert oddities(tmp_path, tar({"d/" * 3000 + "a.txt": b"x\n"})) == {"odd-name"}
    assert oddities(tmp_path, tar({"": b"x\n"})) == {"odd-name"}


KINDS = {
    "link": (tarfile.SYMTYPE, tarfile.LNKTYPE),
    "odd-name": (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
}


@pytest.mark.parametrize(("oddity", "kind"), [(oddity, kind) for oddity, kinds in KINDS.items() for kind in kinds])
def test_what_is_no_file(tmp_path: Path, oddity: str, kind: bytes) -> None:
    content = tar({"x": b""}, type=kind, linkname="/etc/passwd")
    assert oddities(tmp_path, content) == {oddity}
    report = scanned(tmp_path, "m.tar", content)
    assert "archive/path-escape" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"5", b"6"])
def test_members_in_what_has_no_data_are_read(tmp_path: Path, kind: bytes) -> None:
    """Readers that skip the data do not see the member in it; Python does."""
    inner = tar({"e.pkl": EVIL})[:1024]
    outer = changed(tar({"d": bytes(1024)})[:512], 156, kind)
    for content, path in ((outer + inner + END, "e.pkl"), (outer + EVIL.ljust(1024, b"\0") + END, "d")):
        report = scanned(tmp_path, "m.tar", content)
        assert "archive/ambiguous" in rules_of(report)
        assert f"m.tar!{path}@19" in [finding.location for finding in report.findings]
        assert report.verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("kind", [b"7", b"Z", b"S", b"\0"])
def test_the_data_of_any_type_is_looked_into(tmp_path: Path, kind: bytes) -> None:
    report = scanned(tmp_path, "m.tar", changed(tar({"e.pkl": EVIL}), 156, kind))
    assert report.verdict is Verdict.MALICIOUS
    assert bool(report.unread) == (kind in b"ZS")


def test_a_file_with_the_name_of_a_folder_is_a_file(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.tar", changed(tar({"e.pkl": EVIL}), 0, b"e.pkl/")).verdict is Verdict.MALICIOUS


def test_sparse_members_are_never_clean_and_hide_nothing_behind_them(tmp_path: Path) -> None:
    text, evil = tar({"a.txt": b"x\n"}), tar({"e.pkl": EVIL})
    extended = changed(changed(text[:512], 156, b"S"), 482, b"\1") + bytes(504) + b"\1" + bytes(7) + bytes(512)
    by_pax = tar({"a.txt": b"x\n"}, pax_headers={"GNU.sparse.major": "1"})[:2048]
    for sparse in (extended + text[512:1024], by_pax):
        assert scanned(tmp_path, "m.tar", sparse + END).verdict is Verdict.INCOMPLETE
        report = scanned(tmp_path, "m.tar", sparse + evil)
        assert report.verdict is Verdict.MALICIOUS
        assert any("sparse" in unread.why for unread in report.unread)


def test_headers_that_contradict_each_other(tmp_path: Path) -> None:
    evil = tar({"e.pkl": EVIL})
    one, other = (tar({"x": b""}, pax_headers={"path": name})[:1024] for name in ("a.pkl", "b.txt"))
    assert oddities(tmp_path, one + one + evil) == set()
    assert oddities(tmp_path, one + other + evil) == {"header-mismatch"}
    assert "header-mismatch" in oddities(tmp_path, tar(GOOD) + one + END)
    for size in ("0", str(len(EVIL) + 1)):
        content = tar({"e.pkl": EVIL}, pax_headers={"size": size})
        assert "size-mismatch" in oddities(tmp_path, content), size
    report = scanned(tmp_path, "m.tar", one * 9 + evil)
    assert report.verdict is Verdict.MALICIOUS, "what begins where it breaks off is looked into"
    assert "extended headers" in report.unread[0].why


@pytest.mark.parametrize(
    "records", [b"999 path=x\n", b"path=x\n", b"9 pathxx\n", b"11 path=xxx", b"0 path=x\n", b"3 path=x\n"]
)
def test_broken_records_are_never_clean(tmp_path: Path, records: bytes) -> None:
    header = changed(changed(tar({"x": b""})[:512], 156, b"x"), 124, b"%011o\0" % len(records))
    report = scanned(tmp_path, "m.tar", header + records.ljust(512, b"\0") + tar({"a.txt": b"x\n"}))
    assert report.verdict is Verdict.INCOMPLETE
    assert "pax record" in report.unread[0].why


@pytest.mark.parametrize(
    "names", [("a.pkl", "A.pkl"), ("a.pkl", "./a.pkl"), ("d/" * 200 + "a.pkl", "d/" * 200 + "./a.pkl")]
)
def test_two_copies_of_one_name_are_both_read(tmp_path: Path, names: tuple[str, str]) -> None:
    for first, second in ((EVIL, b"N."), (b"N.", EVIL)):
        content = tar(dict(zip(names, (first, second), strict=True)))
        assert oddities(tmp_path, content) == {"duplicate-name"}
        report = scanned(tmp_path, "m.tar", content)
        assert "archive/ambiguous" in rules_of(report)
        assert report.verdict is Verdict.MALICIOUS


def test_an_archive_behind_the_end_is_read(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tar", tar(GOOD) + tar({"hidden.pkl": EVIL}))
    assert "archive/ambiguous" in rules_of(report)
    assert report.verdict is Verdict.MALICIOUS


def test_bytes_behind_the_end_and_in_the_padding_are_never_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tar", tar(GOOD) + EVIL)
    assert report.verdict is Verdict.MALICIOUS
    assert report.unread
    assert "file/extra-bytes" in rules_of(report)
    whole = bytearray(tar({"a.txt": b"hello\n"}))
    whole[512 + 100] = 7
    assert scanned(tmp_path, "m.tar", bytes(whole)).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_truncated_archive_is_never_clean(tmp_path: Path, form: int) -> None:
    """Between two members too, where nothing but the missing end tells that members are missing."""
    whole = tar({"a.txt": b"x" * 700, "d/" * 60 + "b.txt": b"y\n"}, form=form).rstrip(b"\0")
    for cut in {*range(1, len(whole), 111), *range(512, len(whole), 512)}:
        assert scanned(tmp_path, "m.tar", whole[:cut]).verdict is Verdict.INCOMPLETE, cut
    padded = whole.ljust((len(whole) + 511) // 512 * 512, b"\0")
    assert scanned(tmp_path, "m.tar", padded + END[1:]).verdict is Verdict.INCOMPLETE
    assert scanned(tmp_path, "m.tar", padded + END).verdict is Verdict.CLEAN


def test_an_archive_of_nothing_and_much_padding_are_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.tar", bytes(10240)).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.tar", tar(GOOD) + bytes(700_001)).verdict is Verdict.CLEAN


def test_long_names_are_not_kept() -> None:
    """Compressed they cost next to nothing, so they must not cost much memory either."""
    content = tar({f"{number}/" + "x" * 50_000: b"" for number in range(200)})
    data = Reader(MemorySource(content))
    tracemalloc.start()
    try:
        for _ in Tar().parse(data, blob_info("m.tar", data), Budget(Limits(), len(content))):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000 < len(content)


def test_members_and_their_expansion_are_limited(tmp_path: Path) -> None:
    few = Limits()._replace(members=2)
    assert scanned(tmp_path, "m.tar", tar({"a.txt": b"x\n", "b.txt": b"x\n"}), few).verdict is Verdict.CLEAN
    report = scanned(tmp_path, "m.tar", tar(GOOD), few)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.limits_reached == ("members",)
    bomb = zlib.compress(tar({"a.txt": bytes(80 * 1024 * 1024)}))
    assert scanned(tmp_path, "m.tar.z", bomb).limits_reached == ("expansion_ratio",)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=9)), max_size=5),
    form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_mutated_archives_always_get_a_verdict(tmp_path: Path, edits: list[tuple[int, bytes]], form: int) -> None:
    content = bytearray(tar(GOOD | {"w.pkl": b"N.", "l" * 120: b"x"}, form=form))
    for place, change in edits:
        content[place : place + len(change)] = change
    report = scanned(tmp_path, "m.tar", bytes(content))
    assert not any("parser failed" in unread.why for unread in report.unread), report.unread
    assert report.verdict is not Verdict.CLEAN or not report.artifact.files[0].coverage.opaque


FIELDS = st.tuples(
    st.sampled_from([0, 100, 124, 135, 156, 257, 345, 482]),
    st.sampled_from([b"\0", b"7", b"x", b"L", b"g", b"S", b"5", b"\x80", b"\xff", b"/"]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 3), FIELDS), max_size=4))
def test_headers_with_a_right_checksum_always_get_a_verdict(tmp_path: Path, edits: list[Any]) -> None:
    """Mutations that get past the checksum."""
    content = tar({"a.txt": b"7 a=bc\n", "b.txt": b"x\n"}, form=tarfile.USTAR_FORMAT)
    for block, (offset, value) in edits:
        place = block * 512
        content = content[:place] + changed(content[place:], offset, value)
    report = scanned(tmp_path, "m.tar", content)
    assert not any("parser failed" in unread.why for unread in report.unread), report.unread
    assert report.verdict is not Verdict.CLEAN or not report.artifact.files[0].coverage.opaque
