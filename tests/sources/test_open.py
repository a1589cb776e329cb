"""What a SOURCE stands for."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from build.hub_server import COMMIT, hub
from build.running import command
from weighbridge.cli.intake import default_name
from weighbridge.core.errors import UsageError
from weighbridge.core.settings import Settings
from weighbridge.sources.https import WebFile
from weighbridge.sources.hub import HubModel
from weighbridge.sources.local import LocalFolder
from weighbridge.sources.open import KINDS, is_remote, open_source

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {
    "model": LocalFolder,
    "./hf:/x": LocalFolder,
    "git+x": LocalFolder,
    "hf://org/name": HubModel,
    "HF://org/name@v1": HubModel,
    "https://host/file": WebFile,
    "http://localhost/file": WebFile,
}


@pytest.mark.parametrize("text", KNOWN)
def test_each_kind_is_opened(text: str) -> None:
    assert type(open_source(text, Settings())) is KNOWN[text]
    assert is_remote(text) == (KNOWN[text] is not LocalFolder)


@pytest.mark.parametrize(
    ("text", "near"), [("htps://h/x", "https://"), ("s3://b/x", "write a path"), ("hfs://a/b", "hf://")]
)
def test_a_kind_that_is_not_known_is_told(text: str, near: str) -> None:
    with pytest.raises(UsageError, match="is no source") as told:
        open_source(text, Settings())
    assert near in told.value.mend


@pytest.mark.parametrize("text", ["git+https://host/repo@v1", "az://container/path", "oci:dir:name:tag"])
def test_other_kinds_are_opened_by_their_own_module(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    module, function, _ = next(entry for prefix, entry in KINDS.items() if text.startswith(prefix))
    name = f"weighbridge.sources.{module}"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="this version does not read") as told:
        open_source(text, Settings())
    assert "name the folder" in told.value.mend
    made = ModuleType(name)
    setattr(made, function, lambda text, settings: (text, settings))
    monkeypatch.setitem(sys.modules, name, made)
    assert open_source(text, Settings()) == (text, Settings())


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    outcome = command("scan", "hf://org/name")
    assert outcome.status == 2
    assert "pip install 'weighbridge[hub]'" in outcome.err


NAMES = {
    "hf://org/Name.v2@main": "Name.v2",
    "hf://org/name@feature/x": "name",
    "https://user:S3cret@host/dir/file.bin?sig=x#sha256=y": "file.bin",
    "git+https://user@host/repo.git@v1": "repo.git",
    "some/folder/": "folder",
}


@pytest.mark.parametrize("source", NAMES)
def test_a_model_without_a_name_gets_that_of_its_source(source: str) -> None:
    assert default_name(source) == NAMES[source]


def test_a_model_of_the_hub_is_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from weighbridge.registry.layout import open_layout

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert command("init").status == 0
    with hub("org/name", {"README.md": b"# A model\n", "config.json": b'{"model_type": "net"}'}) as ours:
        monkeypatch.setattr(constants, "ENDPOINT", ours.endpoint)
        template = ours.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        outcome = command("intake", "hf://org/name@main", "--stage", "sandbox", "--format", "json")
    assert outcome.status == 0, outcome
    document = outcome.json()
    store = open_layout(str(tmp_path / "registry"), "name", create=False)
    (tag,) = store.tags()
    manifest = store.get_manifest(store.resolve(store.reference(tag=tag))).decode()
    assert f'"org.opencontainers.image.revision":"{COMMIT}"' in manifest.replace('": "', '":"')
    assert f"{ours.endpoint}/org/name" in manifest
    assert document["report"]["artifact"]["name"] == "org/name"
