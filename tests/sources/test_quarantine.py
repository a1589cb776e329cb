"""The quarantine: private, capped, cleaned up after the dead, and nothing shown before it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from build.running import command
from weighbridge.cli.progress import silent
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.origin import Origin
from weighbridge.core.settings import HttpsSettings, QuarantineSettings, load_settings
from weighbridge.sources import arrivals as arriving_files
from weighbridge.sources.arrivals import Arrivals, Expected
from weighbridge.sources.base import Fetched
from weighbridge.sources.local import LocalFolder
from weighbridge.sources.quarantine import UNFINISHED_SECONDS, quarantine

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.engine import Watcher

CONTENT = b"bytes of a model"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
BLOB = hashlib.sha1(b"blob 16\0" + CONTENT).hexdigest()


class Source:
    """Lays out one file, or fails after it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.seen: list[str] = []

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        with open(os.path.join(into, "model.pkl"), "wb") as file:
            file.write(CONTENT)
        self.seen = os.listdir(os.path.dirname(into))
        if self.fails:
            raise SourceError("it broke", "")
        return Fetched(into, "model", Origin("path", "x"))


def settings(tmp_path: Path, **more: object) -> QuarantineSettings:
    return QuarantineSettings(str(tmp_path / "q"), **more)


def left(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path / "q"))


def test_a_model_is_seen_when_it_is_whole_and_not_before(tmp_path: Path) -> None:
    source = Source()
    with quarantine(settings(tmp_path)) as place:
        fetched = place.take(source, silent())
        assert "model" not in source.seen
        assert os.listdir(fetched.folder) == ["model.pkl"]
        assert os.path.basename(fetched.folder) == "model"
    assert left(tmp_path) == ["lock", "unfinished"]


def test_a_source_that_fails_shows_nothing(tmp_path: Path) -> None:
    with quarantine(settings(tmp_path)) as place:
        with pytest.raises(SourceError):
            place.take(Source(fails=True), silent())
        assert not os.path.exists(os.path.join(place.folder, "model"))


def test_everything_is_the_owners_alone_and_no_modules(tmp_path: Path) -> None:
    os.umask(os.umask(0))
    with quarantine(settings(tmp_path)) as place:
        place.take(Source(), silent())
        Arrivals(os.path.join(place.folder, "model"), 1000, silent())
        for folder, _, _ in os.walk(tmp_path / "q"):
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert not os.path.basename(place.folder).isidentifier()


def test_what_is_kept_stays(tmp_path: Path) -> None:
    for _ in range(2):
        with quarantine(settings(tmp_path, keep=True)) as place:
            assert place.kept
            place.take(Source(), silent())
    with quarantine(settings(tmp_path)):
        pass
    kept = [name for name in left(tmp_path) if name.startswith("kept-")]
    assert len(kept) == 2
    assert os.listdir(tmp_path / "q" / kept[0] / "model") == ["model.pkl"]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "something").touch()
    (tmp_path / "q").chmod(mode)
    with pytest.raises(SourceError, match="open to others"), quarantine(settings(tmp_path)):
        pass


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"weighbridge-quarantine-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="not a folder of this user"), quarantine():
        pass


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "q").mkdir(mode=0o700)
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(SourceError, match="not a folder of this user"), quarantine(settings(tmp_path)):
        pass


@pytest.mark.parametrize("name", ["HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "KERAS_HOME", "XDG_CACHE_HOME"])
def test_no_quarantine_lies_where_loaders_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, str(tmp_path))
    wanted = QuarantineSettings(str(tmp_path / "torch" / "q"))
    with pytest.raises(UsageError, match="where loaders look"), quarantine(wanted):
        pass
    assert not (tmp_path / "torch").exists()


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "q").touch()
    with pytest.raises(SourceError, match=r"not a folder|no quarantine can be set up"), quarantine(settings(tmp_path)):
        pass


def dead(tmp_path: Path, name: str = "intake-dead") -> Path:
    folder = tmp_path / "q" / name
    for inner in ("parts", "finished", "objects", "model", "arriving"):
        (folder / inner).mkdir(parents=True)
        (folder / inner / f"sha256-{inner}").write_bytes(b"x")
    (folder / "parts" / "7").write_bytes(b"nobody knows what")
    (folder / "model").chmod(0o500)
    (folder / "alive").touch()
    (tmp_path / "q").chmod(0o700)
    (tmp_path / "q" / "unfinished").mkdir(exist_ok=True)
    return folder


def test_what_the_dead_left_is_cleaned_up(tmp_path: Path) -> None:
    dead(tmp_path)
    dead(tmp_path, "gone-halfway")
    (dead(tmp_path, "intake-younger") / "alive").unlink()
    with quarantine(settings(tmp_path)) as place:
        assert left(tmp_path) == [os.path.basename(place.folder), "lock", "unfinished"]
    assert sorted(os.listdir(tmp_path / "q" / "unfinished")) == ["sha256-finished", "sha256-parts"]


def test_what_the_living_have_is_left_alone(tmp_path: Path) -> None:
    folder = dead(tmp_path)
    with open(folder / "alive", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with quarantine(settings(tmp_path)):
            pass
        assert (folder / "parts" / "sha256-parts").exists()
    with quarantine(settings(tmp_path)):
        pass
    assert not folder.exists()


def test_what_nobody_finishes_does_not_stay(tmp_path: Path) -> None:
    dead(tmp_path)
    with quarantine(settings(tmp_path)):
        pass
    waiting = tmp_path / "q" / "unfinished"
    old = (waiting / "sha256-parts").stat().st_mtime - UNFINISHED_SECONDS - 10
    os.utime(waiting / "sha256-parts", (old, old))
    with quarantine(settings(tmp_path)):
        pass
    assert os.listdir(waiting) == ["sha256-finished"]
    (waiting / "sha256-large").write_bytes(bytes(100))
    with quarantine(settings(tmp_path, most_bytes=50)):
        pass
    assert "sha256-large" not in os.listdir(waiting)


def test_a_link_among_the_leftovers_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (tmp_path / "precious").write_bytes(b"x")
    folder = dead(tmp_path)
    (folder / "model").chmod(0o700)
    (folder / "model" / "link").symlink_to(outside)
    (folder / "model" / "file").symlink_to(tmp_path / "precious")
    with quarantine(settings(tmp_path)):
        pass
    assert (tmp_path / "precious").read_bytes() == b"x"
    assert stat.S_IMODE(outside.stat().st_mode) == 0o500


def test_a_local_folder_is_capped(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in "ab":
        (tmp_path / "model" / name).write_bytes(bytes(600))
    for most, right in ((1200, True), (1199, False), (0, True)):
        with quarantine(settings(tmp_path)) as place:
            source = LocalFolder(str(tmp_path / "model"), 10, most)
            if right:
                place.take(source, silent())
            else:
                with pytest.raises(SourceError, match="more bytes than one intake"):
                    place.take(source, silent())


# Bytes that arrive


@pytest.fixture
def store(tmp_path: Path) -> Arrivals:
    (tmp_path / "q" / "intake-1" / "arriving").mkdir(parents=True)
    (tmp_path / "q" / "unfinished").mkdir()
    return Arrivals(str(tmp_path / "q" / "intake-1" / "arriving"), 1000, silent())


RIGHT = [
    Expected("x"),
    Expected("x", 16),
    Expected("x", 16, DIGEST),
    Expected("x", -1, DIGEST),
    Expected("x", 16, "", BLOB),
    Expected("x", 16, DIGEST, BLOB),
]


@pytest.mark.parametrize("expected", RIGHT)
def test_what_is_right_arrives(store: Arrivals, tmp_path: Path, expected: Expected) -> None:
    arriving = store.begin(expected)
    arriving.write(CONTENT[:7])
    assert arriving.tell() == 7
    arriving.write(CONTENT[7:])
    arrived = arriving.finish()
    assert (arrived.size, arrived.sha256) == (16, DIGEST)
    assert os.path.basename(arrived.path) == DIGEST
    store.lay_out(arrived, "a/b.bin")
    shown = tmp_path / "q" / "intake-1" / "arriving" / "a" / "b.bin"
    assert shown.read_bytes() == CONTENT
    assert stat.S_IMODE(shown.stat().st_mode) == 0o400


WRONG = [
    Expected("x", 17),
    Expected("x", 15),
    Expected("x", 16, DIGEST[::-1]),
    Expected("x", 16, "", BLOB[::-1]),
    Expected("x", 16, DIGEST, BLOB[::-1]),
    Expected("x", 17, "", BLOB),
]


@pytest.mark.parametrize("expected", WRONG)
def test_what_is_wrong_does_not(store: Arrivals, tmp_path: Path, expected: Expected) -> None:
    arriving = store.begin(expected)
    with pytest.raises(SourceError, match="'x'"):
        arriving.write(CONTENT) and arriving.finish()
    assert not list((tmp_path / "q" / "intake-1").glob("objects/*"))


def test_a_part_is_taken_up_at_every_length(tmp_path: Path, store: Arrivals) -> None:
    waiting = tmp_path / "q" / "unfinished" / f"sha256-{DIGEST}"
    for length in range(len(CONTENT) + 2):
        waiting.write_bytes((CONTENT + b"!")[:length])
        arriving = store.begin(Expected("x", 16, DIGEST))
        assert arriving.tell() == (length if length <= 16 else 0)
        assert arriving.whole == (length == 16)
        arriving.write(CONTENT[arriving.tell() :])
        assert arriving.finish().sha256 == DIGEST


def test_going_back_forgets_what_came(store: Arrivals) -> None:
    arriving = store.begin(Expected("x", 16, DIGEST))
    arriving.write(b"wrong")
    arriving.seek(0)
    arriving.truncate()
    arriving.write(CONTENT)
    assert arriving.finish().sha256 == DIGEST


def test_the_store_is_capped_and_the_disk_is_not_filled(store: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    arriving = store.begin(Expected("x"))
    arriving.write(bytes(900))
    with pytest.raises(SourceError, match="more bytes than one intake"):
        arriving.write(bytes(101))
    arriving.truncate()
    arriving.write(bytes(1000))
    monkeypatch.setattr(arriving_files, "SPARE_BYTES", sys.maxsize)
    with pytest.raises(SourceError, match="do not fit on the disk"):
        store.make_room(0)


def test_two_names_that_exclude_each_other_are_told(store: Arrivals) -> None:
    arriving = store.begin(Expected("x", 16, DIGEST))
    arriving.write(CONTENT)
    arrived = arriving.finish()
    store.lay_out(arrived, "a")
    for name in ("a", "a/b"):
        with pytest.raises(SourceError, match="cannot be laid out"):
            store.lay_out(arrived, name)


# Settings


def test_settings_of_quarantine_and_https(tmp_path: Path) -> None:
    path = tmp_path / "weighbridge.toml"
    path.write_text(
        '[quarantine]\nfolder = "q"\nkeep = true\nmost_bytes = 5\n[https]\nplain_http = ["A.example"]\nprivate_hosts = []\n'
    )
    found = load_settings(str(path), {})
    assert found.quarantine == QuarantineSettings(str(tmp_path / "q"), keep=True, most_bytes=5)
    assert found.https == HttpsSettings(("a.example",), ())


BAD = [
    "quarantine = 1",
    "[quarantine]\nkeep = 1",
    "[quarantine]\nmost_bytes = 0",
    "[quarantine]\nmost_bytes = true",
    "[quarantine]\nfolder = 1",
    "[quarantine]\nfolders = 'x'",
    "https = 1",
    "[https]\nplain_http = 'x'",
    "[https]\nhosts = []",
]


@pytest.mark.parametrize("text", BAD)
def test_settings_that_are_wrong_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weighbridge.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"quarantine|https|most_bytes"):
        load_settings(str(path), {})


def test_an_intake_that_keeps_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    with open("weighbridge.toml", "a", encoding="utf-8") as file:
        file.write('\n[quarantine]\nfolder = "q"\nkeep = true\n')
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "README.md").write_text("# A model\n")
    outcome = command("intake", "model")
    assert outcome.status == 0, outcome
    (kept,) = (tmp_path / "q").glob("kept-*")
    assert str(kept) in outcome.err
    assert (kept / "model" / "README.md").exists()
