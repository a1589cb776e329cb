"""Blobs of a storage account, by the official client against Azurite: pinned, whole, resumed, and never shown a secret."""

from __future__ import annotations

import hashlib

import pytest

from build.azurite import ACCOUNT, KEY, azurite, needs_azurite
from build.models import contents
from build.running import command
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.settings import QuarantineSettings, Settings
from weighbridge.sources import azure_blob
from weighbridge.sources.azure_blob import CONNECTION, open_blob

azure_storage = pytest.importorskip("azure.storage.blob")
MODEL = {"config.json": b'{"model_type": "net"}', "a/weights.bin": bytes(range(256)) * 40_000, "empty.txt": b""}


class Silent:
    def note(self, text):
        pass

    def advance(self, size):
        pass


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    needs_azurite()
    with azurite(str(tmp_path_factory.mktemp("azurite"))) as connection:
        yield connection


@pytest.fixture
def container(connection, request, monkeypatch):
    monkeypatch.setenv(CONNECTION, connection)
    name = "c" + hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    with azure_storage.BlobServiceClient.from_connection_string(connection) as service:
        client = service.create_container(name)
        for path, content in MODEL.items():
            client.upload_blob(f"models/net/{path}", content)
        yield client


def place(tmp_path):
    folder = tmp_path / "intake" / "model"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetched(container, tmp_path, path="models/net", **changes):
    source = open_blob(f"az://{ACCOUNT}/{container.container_name}/{path}", Settings())._replace(**changes)
    return source._replace(sleep=lambda _: None).fetch(str(place(tmp_path)), Silent())


def test_a_folder_of_blobs_arrives_whole(container, tmp_path):
    model = fetched(container, tmp_path)
    assert contents(model.folder) == MODEL
    assert model.name == "net"
    assert model.origin.kind == "azure-blob"
    assert model.origin.place == f"az://{ACCOUNT}/{container.container_name}/models/net"
    assert {file.path: file.sha256 for file in model.origin.files} == {
        path: hashlib.sha256(content).hexdigest() for path, content in MODEL.items()
    }
    told = dict(model.origin.told)
    assert told["listing"].startswith("sha256:")
    assert KEY not in repr(model)


def test_one_blob_arrives_alone_with_its_etag(container, tmp_path):
    model = fetched(container, tmp_path, "models/net/config.json")
    assert contents(model.folder) == {"config.json": MODEL["config.json"]}
    etag = container.get_blob_client("models/net/config.json").get_blob_properties().etag
    assert dict(model.origin.told)["etag"] == etag


def test_the_whole_container_is_a_model_too(container, tmp_path):
    assert set(contents(fetched(container, tmp_path, "").folder)) == {f"models/net/{path}" for path in MODEL}


def test_a_blob_that_changes_while_it_is_fetched_ends_it(container, tmp_path, monkeypatch):
    real = azure_blob.AzureBlobs._take
    changed = []

    def take(self, where, blob, arrivals):
        if not changed:
            changed.append(True)
            container.upload_blob("models/net/config.json", b"other bytes of it", overwrite=True)
        return real(self, where, blob, arrivals)

    monkeypatch.setattr(azure_blob.AzureBlobs, "_take", take)
    with pytest.raises(SourceError, match="changed while it was fetched"):
        fetched(container, tmp_path)


def test_a_wrong_content_md5_is_noticed(container, tmp_path):
    client = container.get_blob_client("models/net/config.json")
    client.set_http_headers(azure_storage.ContentSettings(content_md5=bytearray(hashlib.md5(b"other").digest())))
    with pytest.raises(SourceError, match="Content-MD5"):
        fetched(container, tmp_path)
    assert "config.json" not in contents(place(tmp_path))


@pytest.mark.parametrize(
    "name", ["../out", "a//b", "a\\b", "/abs", "a/../../b", ".git/hooks/x", "", "a" * 300, "\udcff"]
)
def test_names_that_lead_out_end_it(tmp_path, name):
    class Container:
        def list_blobs(self, name_starts_with, include):
            blob = azure_storage.BlobProperties(name=f"{name_starts_with}{name}", metadata={})
            blob.size = 3
            yield blob

    source = open_blob(f"az://{ACCOUNT}/container/models/net/", Settings())
    with pytest.raises(SourceError, match=r"the source lists"):
        source.listed(Container())


def test_marks_of_folders_are_no_files(tmp_path):
    class Container:
        def list_blobs(self, name_starts_with, include):
            for name, size, metadata in (
                ("a", 0, {"hdi_isfolder": "true"}),
                ("b/", 0, {}),
                ("c", 0, {}),
                ("d", 1, None),
            ):
                blob = azure_storage.BlobProperties(name=f"{name_starts_with}{name}", metadata=metadata)
                blob.size = size
                yield blob

    source = open_blob(f"az://{ACCOUNT}/container/models/", Settings())
    assert [blob.path for blob in source.listed(Container())] == ["c", "d"]


def test_what_breaks_off_goes_on_where_it_broke(container, tmp_path, monkeypatch):
    from azure.core.exceptions import IncompleteReadError
    from azure.storage.blob import BlobClient

    asked = []
    real = BlobClient.download_blob

    def download(self, offset=None, length=None, **options):
        stream = real(self, offset, length, **options)
        asked.append((self.blob_name, offset))
        chunks = stream.chunks

        def broken():
            for number, piece in enumerate(chunks()):
                if number == 1 and len(asked) < 4:
                    raise IncompleteReadError("it broke")
                yield piece

        monkeypatch.setattr(stream, "chunks", broken)
        return stream

    monkeypatch.setattr(BlobClient, "download_blob", download)
    assert contents(fetched(container, tmp_path).folder) == MODEL
    offsets = [offset for name, offset in asked if name.endswith("weights.bin")]
    assert offsets[:3] == [0, 4 << 20, 8 << 20]


def test_a_connection_that_stays_broken_is_given_up(container, tmp_path, monkeypatch):
    from azure.core.exceptions import ServiceRequestError
    from azure.storage.blob import BlobClient

    def download(*_, **__):
        raise ServiceRequestError("no such host SECRET")

    monkeypatch.setattr(BlobClient, "download_blob", download)
    with pytest.raises(SourceError, match="cannot be fetched") as caught:
        fetched(container, tmp_path)
    assert "SECRET" not in caught.value.cause


def test_limits_hold(container, tmp_path):
    small = Settings(quarantine=QuarantineSettings(most_bytes=1000))
    with pytest.raises(SourceError, match=r"more than the"):
        fetched(container, tmp_path, settings=small)
    few = Settings(limits=Settings().limits._replace(files=2))
    with pytest.raises(SourceError, match="more than 2"):
        fetched(container, tmp_path, settings=few)


def test_what_is_not_there_says_so(container, tmp_path):
    with pytest.raises(SourceError, match="nothing at"):
        fetched(container, tmp_path, "models/other")
    with pytest.raises(SourceError, match="not there"):
        open_blob(f"az://{ACCOUNT}/nosuchcontainer/x", Settings()).fetch(str(place(tmp_path)), Silent())


def test_a_wrong_key_is_refused_without_being_shown(container, connection, tmp_path, monkeypatch):
    wrong = "A" * 86 + "=="
    monkeypatch.setenv(CONNECTION, connection.replace(KEY, wrong))
    with pytest.raises(SourceError, match="closed to us") as caught:
        fetched(container, tmp_path)
    assert wrong not in caught.value.cause + caught.value.mend


def test_a_connection_string_of_another_account_is_not_used(monkeypatch):
    monkeypatch.setenv(CONNECTION, f"AccountName=other;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/other;")
    client = azure_blob._client("somebody")
    assert client.url.startswith("https://somebody.blob.core.windows.net")
    client.close()


def test_intake_takes_blobs(container, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    container.delete_blob("models/net/a/weights.bin")
    assert command("init").status == 0
    source = f"az://{ACCOUNT}/{container.container_name}/models/net"
    outcome = command("intake", source, "--stage", "sandbox", "--format", "json")
    assert outcome.status == 0, outcome
    shown = command("registry", "show", "net:" + outcome.json()["reference"].rpartition(":")[2]).out
    assert f"org.opencontainers.image.source = {source}" in shown
    assert KEY not in outcome.out + outcome.err + shown


@pytest.mark.parametrize(
    "text",
    [
        "az://", "az://account", "az://account/", "az://ACCOUNT/container/x", "az://account/Container/x",
        "az://account/c/x", "az://account/container/../x", "az://account/container/a%2f..%2f..%2fx",
        "az://account/container/x?sv=2024&sig=SECRET", "az://account/container/x?versionid=",
        "az://evil@account/container/x", "az://account:80/container/x",
    ],
)  # fmt: skip
def test_what_names_no_blob_is_refused(text):
    with pytest.raises(UsageError) as caught:
        open_blob(text, Settings())
    assert caught.value.mend
    assert "SECRET" not in caught.value.cause + caught.value.mend


def test_a_missing_library_is_named(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("azure"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError) as caught:
        open_blob("az://account/container/x", Settings())
    assert "weighbridge[azure]" in caught.value.mend
