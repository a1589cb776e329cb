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
from weighbridge.core.settings import QuarantineSettings, Settings
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
    assert weights == ("model.safetensors", len(WEIGHTS), digest, blob_id(pointer(WEIGHTS)), digest)
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
