"""Models of the Hub, by its official client, from a Hub of our own."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from build.containers import safetensors
from build.hub_server import COMMIT, Hub, blob_id, hub, pointer
from weighbridge.cli.progress import silent
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.settings import HttpsSettings, QuarantineSettings, Settings
from weighbridge.sources.hub import open_hub
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.sources.base import Fetched

WEIGHTS = safetensors({"w": bytes(range(256)) * 40})
FILES = {
    "README.md": b"# A model\n",
    "config.json": b'{"model_type": "net"}',
    "model.safetensors": WEIGHTS,
    "sub/empty.txt": b"",
    "sub/a b#c.txt": b"strange\n",
}
TOKEN = "hf_" + "Secret" * 5


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with hub("org/name", FILES) as made:
        from huggingface_hub import constants

        home = tmp_path / "home"
        monkeypatch.setattr(constants, "ENDPOINT", made.endpoint)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", made.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # what breaks off inside of one is lost
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        yield made


def settings(tmp_path: Path, **more: object) -> Settings:
    return Settings(quarantine=QuarantineSettings(str(tmp_path / "q"), **more))


def fetch(tmp_path: Path, source: str = "hf://org/name@main", **more: object) -> tuple[Fetched, dict[str, bytes]]:
    wanted = settings(tmp_path, **more)
    with quarantine(wanted.quarantine) as place:
        fetched = place.take(open_hub(source, wanted), silent())
        found = {}
        for folder, _, names in os.walk(fetched.folder):
            for name in names:
                path = os.path.join(folder, name)
                assert os.stat(path).st_mode & 0o777 == 0o400
                with open(path, "rb") as file:
                    found[os.path.relpath(path, fetched.folder)] = file.read()
        return fetched, found


def test_a_model_arrives_whole_with_its_origin(ours: Hub, tmp_path: Path) -> None:
    fetched, found = fetch(tmp_path)
    assert found == FILES
    origin = fetched.origin
    assert (origin.kind, origin.place) == ("hub", f"{ours.endpoint}/org/name")
    assert (origin.asked, origin.revision) == ("main", COMMIT)
    files = {file.path: file for file in origin.files}
    assert set(files) == set(FILES)
    weights = files["model.safetensors"]
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert weights[:5] == ("model.safetensors", len(WEIGHTS), digest, blob_id(pointer(WEIGHTS)), digest)
    assert files["config.json"].git_blob == blob_id(FILES["config.json"])
    assert files["config.json"].lfs_sha256 == ""
    told = dict(origin.told)
    assert told["mutable"] == "yes"
    assert told["licence"] == "mit"
    assert told["gated"] == told["private"] == "no"
    assert told["author"] == "org"
    assert told["downloads"] == "12"
    assert told["created"].startswith("2024-01-02")
    assert told["last-modified"].startswith("2024-02-03")
    assert told["tags"] == "safetensors, license:mit"
    assert told["hub-scan/model.safetensors"] == "safe"


def test_without_a_revision_the_default_branch_is_resolved(ours: Hub, tmp_path: Path) -> None:
    origin = fetch(tmp_path, "hf://org/name")[0].origin
    assert (origin.asked, origin.revision) == ("", COMMIT)
    assert dict(origin.told)["mutable"] == "yes"


def test_a_commit_is_not_mutable(ours: Hub, tmp_path: Path) -> None:
    origin = fetch(tmp_path, f"hf://org/name@{COMMIT}")[0].origin
    assert dict(origin.told)["mutable"] == "no"


def test_a_branch_that_moves_after_it_was_resolved_changes_nothing(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.move_to = "c" * 40
    fetched, found = fetch(tmp_path)
    assert fetched.origin.revision == COMMIT
    assert found == FILES
    assert ours.branch == "c" * 40
    for path in ours.paths("hub")[1:]:
        assert f"/{COMMIT}" in path, "something but the commit was asked for"


def test_nothing_is_written_outside_of_the_quarantine(ours: Hub, tmp_path: Path) -> None:
    from huggingface_hub import constants

    for name in ("HF_HOME", "HF_HUB_CACHE", "AGENT_HARNESSES_PATH", "HF_TOKEN_PATH"):
        pytest.MonkeyPatch().setattr(constants, name, str(tmp_path / "home" / name))
    fetch(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"q", "q/lock", "q/unfinished"}
    assert not any("agent" in path for path in ours.paths("hub"))
    for seen in ours.seen:
        assert seen.headers["user-agent"].startswith("weighbridge/")
        assert "torch" not in seen.headers["user-agent"]
        assert "python" not in seen.headers["user-agent"]


@pytest.mark.parametrize("where", ["environment", "file"])
def test_the_token_goes_to_the_hub_and_no_further(
    ours: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], where: str
) -> None:
    ours.wrong.token = TOKEN
    if where == "environment":
        monkeypatch.setenv("HF_TOKEN", TOKEN)
    else:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "token").write_text(TOKEN)
    fetched, found = fetch(tmp_path)
    assert found == FILES
    assert {seen.headers.get("authorization") for seen in ours.seen if seen.origin == "hub"} == {f"Bearer {TOKEN}"}
    storage = [seen for seen in ours.seen if seen.origin == "storage"]
    assert storage
    assert not any("authorization" in seen.headers or "cookie" in seen.headers for seen in storage)
    assert TOKEN not in repr(fetched)
    assert TOKEN not in "".join(capfd.readouterr())


def test_without_a_token_the_hub_refuses_with_a_sentence(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.token = TOKEN
    with pytest.raises(SourceError, match=r"not for this account \(401\)") as refused:
        fetch(tmp_path)
    assert "HF_TOKEN" in refused.value.mend


def test_a_gated_model_says_what_to_do(ours: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours.wrong.gated = True
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(SourceError, match="is gated") as refused:
        fetch(tmp_path)
    assert "accept them" in refused.value.mend
    assert TOKEN not in repr(refused.value.__dict__) + str(refused.value)


def test_a_token_that_may_not_is_told(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.info = [(403, {})]
    with pytest.raises(SourceError, match=r"does not let this account have org/name \(403\)"):
        fetch(tmp_path)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("kind", ["info", "file", "storage"])
def test_a_busy_hub_is_asked_again(ours: Hub, tmp_path: Path, kind: str, status: int) -> None:
    setattr(ours.wrong, kind, [(status, {"Retry-After": "3"}), (status, {})])
    assert fetch(tmp_path)[1] == FILES


def test_retry_after_is_waited_for_with_some_chance_in_it(
    ours: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("weighbridge.sources.hub.load_client", _client_that_waits(waits))
    ours.wrong.info = [(429, {"Retry-After": "7"}), (503, {})]
    fetch(tmp_path)
    assert 7 <= waits[0] <= 9
    assert 0 < waits[1] < 3


def _client_that_waits(waits: list[float]):
    from weighbridge.sources.hub_client import load_client

    return lambda: load_client(waits.append)


@pytest.mark.parametrize("kind", ["info", "storage"])
def test_a_hub_that_stays_busy_is_given_up(ours: Hub, tmp_path: Path, kind: str) -> None:
    setattr(ours.wrong, kind, [(503, {})] * 50)
    with pytest.raises(SourceError, match="answers 503"):
        fetch(tmp_path)
    assert len(ours.seen) < 30


def test_a_hub_that_wants_to_be_left_alone_for_years_is_not_waited_for(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.storage = [(429, {"Retry-After": "99999999"})]
    with pytest.raises(SourceError, match="left alone for 99999999 seconds"):
        fetch(tmp_path)


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.cut = [4000, 3000]
    ours.files = {"model.safetensors": WEIGHTS}
    assert fetch(tmp_path)[1] == ours.files
    ranges = [seen.headers.get("range") for seen in ours.seen if seen.origin == "storage"]
    assert ranges == [None, "bytes=4000-", "bytes=7000-"]


def test_a_storage_without_ranges_starts_again(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.cut = [10, 21, 4000]
    ours.wrong.ranges = False
    assert fetch(tmp_path)[1] == FILES


def test_what_arrived_before_a_failure_is_taken_up_by_the_next(ours: Hub, tmp_path: Path) -> None:
    ours.files = {"model.safetensors": WEIGHTS}
    ours.wrong.cut = [4000]
    ours.wrong.after_cut = 404
    with pytest.raises(SourceError, match="404"):
        fetch(tmp_path)
    (waiting,) = (tmp_path / "q" / "unfinished").iterdir()
    assert waiting.name == f"sha256-{hashlib.sha256(WEIGHTS).hexdigest()}"
    assert waiting.read_bytes() == WEIGHTS[:4000]
    ours.wrong.after_cut = 0
    ours.wrong.storage = []
    ours.seen.clear()
    assert fetch(tmp_path)[1] == ours.files
    assert [seen.headers.get("range") for seen in ours.seen if seen.origin == "storage"] == ["bytes=4000-"]
    assert not list((tmp_path / "q" / "unfinished").iterdir())


def test_a_part_that_somebody_changed_is_noticed(ours: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "q" / "unfinished"
    folder.mkdir(parents=True, mode=0o700)
    (tmp_path / "q").chmod(0o700)
    (folder / f"sha256-{hashlib.sha256(WEIGHTS).hexdigest()}").write_bytes(b"x" * 4000)
    with pytest.raises(SourceError, match="has the sha256"):
        fetch(tmp_path)
    assert fetch(tmp_path)[1] == FILES, "the changed part is gone"


@pytest.mark.parametrize("path", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("how", ["changed", "shorter", "longer"])
def test_a_file_that_is_not_what_the_tree_says_is_refused(ours: Hub, tmp_path: Path, path: str, how: str) -> None:
    right = FILES[path]
    ours.wrong.swap[path] = {"changed": right[:-1] + b"!", "shorter": right[:-1], "longer": right + b"!"}[how]
    with pytest.raises(SourceError, match=path.partition(".")[0]):
        fetch(tmp_path)
    assert not [name for name in os.listdir(tmp_path / "q") if name.startswith(("intake", "kept", "gone"))]


@pytest.mark.parametrize("more", [5, -5])
def test_a_content_length_that_lies_is_no_use(ours: Hub, tmp_path: Path, more: int) -> None:
    ours.wrong.declared = more
    with pytest.raises(SourceError, match=r"README\.md"):
        fetch(tmp_path)


def test_compressed_answers_are_refused(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.encoding = "gzip"
    with pytest.raises(SourceError, match="compressed"):
        fetch(tmp_path)


ESCAPES = [
    "../out",
    "/etc/x",
    "a/../../b",
    "a//b",
    "",
    ".",
    "a\\b",
    "a\0b",
    ".git/config",
    "sub/.GIT/hooks/x",
    "x" * 300,
]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_that_leads_elsewhere_is_refused(ours: Hub, tmp_path: Path, name: str) -> None:
    ours.wrong.entries = [{"type": "file", "path": name, "size": 1, "oid": blob_id(b"x")}]
    with pytest.raises(SourceError, match="lists the file"):
        fetch(tmp_path)
    assert not (tmp_path / "out").exists()
    assert ours.paths("storage") == []


ENTRIES = [
    {"type": "file", "path": "config.json", "size": 1, "oid": blob_id(b"x")},
    {"type": "file", "path": "x", "size": -1, "oid": blob_id(b"x")},
    {"type": "file", "path": "x", "size": "1", "oid": blob_id(b"x")},
    {"type": "file", "path": "x", "size": 1, "oid": "../../x"},
    {"type": "file", "path": "x", "size": 1},
    {"type": "file", "path": "x", "size": 1, "oid": blob_id(b"x"), "lfs": {"oid": "../x", "size": 1, "pointerSize": 3}},
    {"type": "file", "path": 7, "size": 1, "oid": blob_id(b"x")},
    {"type": "file", "path": "README.md/x", "size": 1, "oid": blob_id(b"x")},
    "nothing",
    None,
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_a_tree_that_cannot_be_checked_is_refused(ours: Hub, tmp_path: Path, entry: object) -> None:
    ours.wrong.entries = [entry]
    with pytest.raises(SourceError):
        fetch(tmp_path)


ANSWERS = [
    {"sha": None},
    {"sha": "main"},
    {"id": "other/name"},
    {"raw": b"[]"},
    {"raw": b"{"},
    {"raw": b"<html>"},
    {"raw": b"{}"},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_that_makes_no_sense_is_refused(ours: Hub, tmp_path: Path, answer: dict[str, object]) -> None:
    ours.wrong.overrides = answer
    with pytest.raises(SourceError):
        fetch(tmp_path)


def test_another_commit_than_the_one_that_was_asked_for_is_refused(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.overrides = {"sha": "d" * 40}
    with pytest.raises(SourceError, match=r"where a{40} was asked for"):
        fetch(tmp_path, f"hf://org/name@{COMMIT}")


def test_an_answer_without_end_is_cut(ours: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.sources.hub_client.MOST_ANSWER", 1000)
    ours.wrong.overrides = {"raw": b" " * 2000}
    with pytest.raises(SourceError, match="does not end"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://192.168.3.4/x", "private network|not encrypted"),
        ("http://169.254.169.254/latest", "not encrypted"),
        ("https://10.0.0.1/x", "private network"),
        ("https://[::ffff:10.0.0.1]/x", "private network"),
        ("ftp://example.com/x", "no address on the web|Unsupported|cannot be had"),
    ],
)
def test_a_redirect_into_the_own_network_is_not_followed(ours: Hub, tmp_path: Path, target: str, why: str) -> None:
    ours.wrong.redirect = target
    with pytest.raises((SourceError, UsageError), match=why):
        fetch(tmp_path)


def test_a_redirect_that_goes_round_is_given_up(ours: Hub, tmp_path: Path) -> None:
    ours.wrong.redirect = f"{ours.endpoint}/org/name/resolve/{COMMIT}/model.safetensors"
    with pytest.raises(SourceError):
        fetch(tmp_path)
    assert len(ours.seen) < 60


def test_a_list_without_end_is_cut(ours: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.sources.hub_client.MOST_CALLS", 12)
    ours.wrong.endless = True
    with pytest.raises(SourceError, match="does not end"):
        fetch(tmp_path)
    assert len(ours.seen) <= 13


def test_no_more_files_than_the_limit(ours: Hub, tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    wanted = wanted._replace(limits=wanted.limits._replace(files=4))
    with quarantine(wanted.quarantine) as place, pytest.raises(SourceError, match="more than 4 files"):
        place.take(open_hub("hf://org/name", wanted), silent())


def test_one_intake_takes_no_more_than_it_may(ours: Hub, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="more than the 500 that are left"):
        fetch(tmp_path, most_bytes=500)
    assert ours.paths("storage") == []


NOT_MODELS = {
    "hf://datasets/org/name": "hf://datasets/… is not a model",
    "hf://spaces/org/name@main": "hf://spaces/… is not a model",
    "hf://org/name/file.bin": "is no model of the Hub",
    "hf://": "is no model of the Hub",
    "hf://../x": "is no name of the Hub|is no model of the Hub",
    "hf://org/na me": "is no model of the Hub",
    "hf://org/name@": "is no revision",
    "hf://org/name@ma in": "is no revision",
    "hf://org/name@refs/pr/1": "pull request",
    "hf://org/name@refs/convert/parquet": "robot",
}


@pytest.mark.parametrize("source", NOT_MODELS)
def test_what_is_no_model_of_the_hub_is_told(ours: Hub, tmp_path: Path, source: str) -> None:
    with pytest.raises(UsageError, match=NOT_MODELS[source]):
        fetch(tmp_path, source)


def test_what_is_not_there_is_told(ours: Hub, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not have this revision"):
        fetch(tmp_path, "hf://org/name@v9")
    with pytest.raises(SourceError, match="does not have org/other"):
        fetch(tmp_path, "hf://org/other")


def test_the_clients_session_is_as_it_was_before(ours: Hub, tmp_path: Path) -> None:
    from huggingface_hub.utils import get_session

    before = {kind: list(hooks) for kind, hooks in get_session().event_hooks.items()}
    fetch(tmp_path)
    assert get_session().event_hooks == before
    assert get_session().max_redirects == 20


def guard(endpoint: str = "https://hub.example"):
    from weighbridge.sources.hub_client import Guard
    from weighbridge.sources.web import parse_address

    return Guard(
        parse_address(endpoint), HttpsSettings(private_hosts=("storage.example",), plain_http=("hub.example",))
    )


def request(url: str):
    import httpx2

    return httpx2.Request("GET", url, headers={"Authorization": f"Bearer {TOKEN}", "Cookie": "a=b"})


def test_the_token_stays_even_if_the_client_would_send_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.sources.hub_client.reachable", lambda *wanted: [])
    for url in ("https://storage.example/x", "https://hub.example:444/x"):
        sent = request(url)
        guard().request(sent)
        assert "authorization" not in sent.headers
        assert "cookie" not in sent.headers
    sent = request("https://hub.example/x")
    guard().request(sent)
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["accept-encoding"] == "identity"
    assert all(seconds for seconds in sent.extensions["timeout"].values())


def test_the_client_is_not_led_away_from_https() -> None:
    for url in ("http://hub.example/x", "http://127.0.0.1/x"):
        with pytest.raises(SourceError, match="without encryption"):
            guard().request(request(url))


def test_the_client_asks_for_nothing_but_the_model() -> None:
    with pytest.raises(SourceError, match="more than the model"):
        guard().request(request("https://hub.example/api/agent-harnesses"))


def test_an_endpoint_without_encryption_gets_no_token(
    ours: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.example")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(SourceError, match="not encrypted"):
        fetch(tmp_path)
