"""What goes wrong between us and a registry: broken connections, refusals, lies, redirects, proxies, certificates."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import ipaddress
import os
import ssl
import tracemalloc

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from build.docker_registry import docker_registry, needs_docker_registry
from build.models import publish_tiny
from build.registry_server import Fault, serving
from build.slowly import Pauses
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.core.settings import RegistrySetting
from weighbridge.registry.base import Descriptor, check_host
from weighbridge.registry.manifests import IMAGE_MANIFEST
from weighbridge.registry.read import load_model
from weighbridge.registry.remote import open_remote, open_wire, remote_repositories
from weighbridge.registry.streams import drain
from weighbridge.registry.transfer import SMALLER, WHOLE, WINDOW
from weighbridge.registry.wire import LONGEST_PAUSE, TRIES, is_plain

BIG = bytes(range(256)) * 24_000
"""6 MB: more than what is sent whole."""
NAME = "org/net"


@pytest.fixture
def registry():
    with serving() as running:
        yield running


@pytest.fixture
def pauses():
    return Pauses()


@pytest.fixture
def store(registry, pauses):
    return open_remote(registry.host, NAME, {}, environ={}, pace=pauses.pace)


class Once(io.RawIOBase):
    """A source that cannot go back."""

    def __init__(self, content):
        self.inner = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.inner.readinto(buffer)


def put(store, content, source=io.BytesIO):
    return store.put_blob(source(content), expect=digest_bytes(content), size=len(content))


def get(store, blob):
    with store.open_blob(blob) as stream:
        return stream.read()


def stored(registry, content):
    return registry.blobs.get(NAME, {}).get(str(digest_bytes(content))) == content


# Up


@pytest.mark.parametrize("cut", [0, 1, 1000, 65_536, len(BIG) // 2, len(BIG) - 1])
def test_an_upload_that_is_cut_goes_on_where_it_was_cut(registry, store, cut):
    registry.faults.append(Fault("PATCH", cut_after=cut))
    put(store, BIG)
    assert stored(registry, BIG)
    sent = [headers["Content-Range"] for method, _, headers in registry.asked if method == "PATCH"]
    assert sent[0] == f"0-{len(BIG) - 1}"
    assert sent[-1].startswith(f"{cut}-")
    assert len(sent) == (3 if cut == 1 else 2), "a registry says the same of one byte as of none"


@pytest.mark.parametrize("source", [io.BytesIO, Once])
@pytest.mark.parametrize("size", [0, 1, WHOLE, WHOLE + 1, WINDOW - 1, WINDOW, WINDOW + 1])
def test_blobs_of_every_size_are_whole(registry, store, source, size):
    content = bytes(size)
    put(store, content, source)
    assert stored(registry, content)


def test_a_source_that_cannot_go_back_is_resumed_from_memory(registry, store):
    content = os.urandom(WINDOW + 1_000_000)
    registry.faults += [Fault("PATCH", cut_after=5_000_000), Fault("PATCH", cut_after=20)]
    put(store, content, Once)
    assert stored(registry, content)


def test_a_source_that_cannot_go_back_is_not_begun_anew(registry, store):
    registry.faults.append(Fault("PATCH", forget=True))
    with pytest.raises(RegistryError, match="lost the upload"):
        put(store, BIG, Once)
    assert not stored(registry, BIG)


def test_an_upload_that_the_registry_forgot_begins_anew(registry, store):
    registry.faults += [Fault("PATCH", cut_after=3_000_000), Fault("GET", "/uploads/", forget=True)]
    put(store, BIG)
    assert stored(registry, BIG)
    assert registry.count("POST") == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "HEAD"])
def test_what_passes_is_tried_again(registry, store, pauses, status, method):
    registry.faults.append(Fault(method, status=status, times=2))
    put(store, BIG)
    assert stored(registry, BIG)
    assert len(pauses.slept) >= 2
    assert pauses.slept[1] > pauses.slept[0] > 0


def test_an_error_after_all_was_stored_does_no_harm(registry, store):
    registry.faults.append(Fault("PUT", status=500, after_work=True))
    put(store, BIG)
    registry.faults.append(Fault("PUT", "/blobs/", after_work=True))
    put(store, b"small")
    assert stored(registry, BIG)
    assert stored(registry, b"small")


def test_an_error_after_a_chunk_was_stored_does_no_harm(registry, store):
    registry.faults.append(Fault("PATCH", status=502, after_work=True))
    put(store, BIG)
    assert stored(registry, BIG)
    assert registry.count("PATCH") == 1, "all of it was there already"


def test_retry_after_is_obeyed_up_to_a_minute(registry, store, pauses):
    registry.faults.append(Fault("HEAD", status=429, headers={"Retry-After": "7"}))
    registry.faults.append(Fault("POST", status=503, headers={"Retry-After": "86400"}))
    put(store, b"x")
    assert pauses.slept == [7.0, LONGEST_PAUSE]


def test_what_does_not_pass_ends(registry, store, pauses):
    registry.faults.append(Fault("PATCH", status=500, times=1000))
    with pytest.raises(RegistryError, match="does not take"):
        put(store, BIG)
    assert registry.count("PATCH") == TRIES
    assert sum(pauses.slept) < 120
    assert registry.uploads == {}, "the upload was cancelled"


def test_a_refusal_is_not_tried_again(registry, store, pauses):
    registry.faults.append(Fault("POST", status=403))
    with pytest.raises(RegistryError, match="403"):
        put(store, BIG)
    assert pauses.slept == []


@pytest.mark.parametrize("most", [SMALLER, SMALLER + 5])
def test_a_registry_that_takes_small_chunks_gets_them(registry, store, most):
    registry.most_body = most
    put(store, BIG)
    assert stored(registry, BIG)


def test_a_registry_that_wants_large_chunks_gets_them(registry, store):
    registry.least_chunk = 20_000_000
    content = bytes(40_000_000)
    put(store, content, Once)
    sizes = [int(headers["Content-Length"]) for method, _, headers in registry.asked if method == "PATCH"]
    assert stored(registry, content)
    assert all(size >= 20_000_000 for size in sizes[:-1])


@pytest.mark.parametrize("source", [io.BytesIO, Once])
def test_bytes_that_are_not_what_they_should_be_are_never_completed(registry, store, source):
    changed = BIG[:-1] + b"!"
    with pytest.raises(DigestMismatch):
        store.put_blob(source(changed), expect=digest_bytes(BIG), size=len(BIG))
    assert registry.blobs.get(NAME, {}) == {}
    assert registry.uploads == {}
    assert registry.count("PUT") == 0


def test_a_file_that_changes_between_two_tries_is_not_completed(registry, store):
    class Changing(io.BytesIO):
        def seek(self, *arguments):
            if len(registry.asked) > 3:
                self.getbuffer()[:10] = b"other byte"
            return super().seek(*arguments)

    registry.faults += [Fault("PATCH", cut_after=3_000_000), Fault("GET", "/uploads/", forget=True)]
    with pytest.raises(RegistryError):
        put(store, BIG, Changing)
    assert not registry.blobs.get(NAME)


def test_a_location_elsewhere_is_not_followed(registry, store):
    registry.faults.append(Fault("POST", status=202, headers={"Location": "http://elsewhere.test/upload"}))
    with pytest.raises(RegistryError, match="which is not the registry"):
        put(store, BIG)


def test_a_blob_that_is_there_is_not_sent_again(registry, store):
    put(store, BIG)
    count = registry.count("POST")
    put(store, BIG)
    assert registry.count("POST") == count


def test_a_blob_of_another_repository_is_mounted(registry, store, pauses):
    put(store, BIG)
    other = open_remote(registry.host, "org/other", {}, environ={}, pace=pauses.pace)
    assert other.mount(Descriptor("", digest_bytes(BIG), len(BIG)), NAME)
    assert get(other, Descriptor("", digest_bytes(BIG), len(BIG))) == BIG
    registry.mounts = False
    third = open_remote(registry.host, "org/third", {}, environ={}, pace=pauses.pace)
    assert not third.mount(Descriptor("", digest_bytes(BIG), len(BIG)), NAME)
    assert registry.uploads == {}, "an upload that was begun instead is cancelled"


# Down


@pytest.mark.parametrize("cut", [0, 1, 100_000, len(BIG) - 1])
@pytest.mark.parametrize("times", [1, 3])
def test_a_download_that_is_cut_goes_on_where_it_was_cut(registry, store, cut, times):
    blob = put(store, BIG)
    registry.faults.append(Fault("GET", "/blobs/", cut_after=cut, times=times))
    assert get(store, blob) == BIG


def test_a_registry_that_sends_all_again_is_understood(registry, store):
    blob = put(store, BIG)
    registry.faults.append(Fault("GET", "/blobs/", cut_after=3_000_000))
    real = store._wire.stream

    def without_range(method, target, **options):
        options.pop("headers", None)
        return real(method, target, **options)

    store._wire.stream = without_range
    assert get(store, blob) == BIG


def test_a_download_that_stays_cut_ends(registry, store):
    blob = put(store, BIG)
    registry.faults.append(Fault("GET", "/blobs/", cut_after=0, times=1000))
    with pytest.raises(RegistryError):
        get(store, blob)
    assert registry.count("GET", "/blobs/") <= TRIES * 2


@pytest.mark.parametrize("place", [0, 1, 4_000_000, len(BIG) - 1])
def test_one_wrong_bit_is_noticed(registry, store, place):
    blob = put(store, BIG)
    registry.faults.append(Fault("GET", "/blobs/", flip=place))
    with store.open_blob(blob) as stream, pytest.raises(DigestMismatch):
        drain(stream)


@pytest.mark.parametrize("claim", [0, 10, len(BIG) - 1, len(BIG) + 1, 10**15])
def test_a_lying_length_is_noticed(registry, store, claim):
    blob = put(store, BIG)
    registry.faults.append(Fault("GET", "/blobs/", claim=claim, times=1000))
    with pytest.raises(RegistryError):
        get(store, blob)


def test_an_answer_that_trickles_is_given_up(registry, pauses):
    store = open_remote(registry.host, NAME, {}, environ={}, pace=pauses.pace)
    blob = put(store, BIG)
    with store._wire.stream("GET", f"/v2/{NAME}/blobs/{blob.digest}") as answer:
        answer.read(10)
        pauses.now += 100_000.0
        with pytest.raises(RegistryError, match="less than"):
            answer.read(10)


def test_manifests_are_proved_and_bounded(registry, store):
    published = publish_tiny(store)
    registry.faults.append(Fault("GET", "/manifests/", flip=5))
    with pytest.raises(RegistryError):
        store.get_manifest(published.manifest)
    registry.faults.append(Fault("GET", "/manifests/", content_type="text/html"))
    with pytest.raises(RegistryError, match="came as text/html"):
        store.resolve(store.reference(tag="1.0"))
    digest = str(digest_bytes(b" " * 5_000_000))
    registry.manifests[NAME][digest] = (IMAGE_MANIFEST, b" " * 5_000_000)
    with pytest.raises(RegistryError, match="longer than"):
        store.resolve(store.reference(digest=digest_bytes(b" " * 5_000_000)))


def test_another_manifest_under_a_digest_is_noticed(registry, store):
    first, second = publish_tiny(store), publish_tiny(store, "2", {"a": b"1"})
    manifests = registry.manifests[NAME]
    manifests[str(first.manifest.digest)] = manifests[str(second.manifest.digest)]
    with pytest.raises(DigestMismatch):
        store.resolve(store.reference(digest=first.manifest.digest))
    with pytest.raises(DigestMismatch):
        store.get_manifest(first.manifest)


def test_lists_are_paged_and_bounded(registry, store):
    publish_tiny(store)
    raw = registry.tags[NAME]
    for number in range(25):
        raw[f"t{number:02}"] = raw["1.0"]
    registry.page = 7
    assert store.tags() == ("1.0", *(f"t{number:02}" for number in range(25)))
    registry.faults.append(Fault("GET", "/tags/", status=200, headers={"Content-Type": "application/json"}))
    with pytest.raises(RegistryError, match="JSON"):
        store.tags()
    assert remote_repositories(open_wire(registry.host, {}, environ={})) == (NAME,)


def test_nobody_there_is_one_sentence(pauses):
    store = open_remote("127.0.0.1:1", NAME, {}, environ={}, pace=pauses.pace)
    with pytest.raises(RegistryError, match="cannot be reached") as caught:
        store.resolve(store.reference(tag="1.0"))
    assert "0x" not in caught.value.cause
    assert caught.value.mend
    assert len(pauses.slept) == TRIES - 1


# Where requests may go


def test_a_redirect_is_followed_without_our_credentials(registry, pauses, tmp_path):
    with serving() as elsewhere:
        registry.login, registry.redirect_blobs = "bearer", f"http://localhost:{elsewhere.host.rpartition(':')[2]}"
        environ = logged_in(tmp_path, registry)
        store = open_remote(registry.host, NAME, {}, environ=environ, pace=pauses.pace)
        blob = put(store, BIG)
        elsewhere.blobs[NAME] = {str(blob.digest): BIG}
        assert get(store, blob) == BIG
        assert [headers.get("Authorization") for _, _, headers in elsewhere.asked] == [None]
        assert all("Authorization" in headers for method, path, headers in registry.asked[-1:])


def test_redirects_end(registry, store):
    blob = put(store, BIG)
    registry.redirect_blobs = f"http://{registry.host}"
    with pytest.raises(RegistryError, match="more than 5 times"):
        get(store, blob)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.test/", "gopher://x.test/1"])
def test_redirects_to_other_schemes_are_refused(registry, store, target):
    blob = put(store, BIG)
    registry.faults.append(Fault("GET", "/blobs/", status=302, headers={"Location": target}))
    with pytest.raises(RegistryError, match="redirects where it may not"):
        get(store, blob)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_writing_is_not_redirected(registry, store, method):
    registry.faults.append(Fault(method, status=307, headers={"Location": "/elsewhere"}))
    with pytest.raises(RegistryError, match="redirects where it may not"):
        put(store, b"x")


def test_a_proxy_of_the_environment_is_asked(registry, pauses, monkeypatch):
    """The registry plays the proxy: it understands whole addresses as paths."""
    for name in ("HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://{registry.host}")
    settings = {"registry.test": RegistrySetting(plain_http=True)}
    store = open_remote("registry.test", NAME, settings, environ={}, pace=pauses.pace)
    assert get(store, put(store, BIG)) == BIG
    assert registry.asked[0][2]["Host"] == "registry.test"
    count = len(registry.asked)
    monkeypatch.setenv("no_proxy", "registry.test")
    with pytest.raises(RegistryError, match="cannot be reached"):
        open_remote("registry.test", NAME, settings, environ={}, pace=pauses.pace).tags()
    assert len(registry.asked) == count


def test_this_machine_is_never_asked_through_a_proxy(registry, store, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    put(store, b"x")
    assert stored(registry, b"x")


def test_a_mirror_is_asked_for_what_has_a_digest(registry, pauses):
    with serving() as mirror:
        settings = {registry.host: RegistrySetting(mirror=f"{mirror.host}/cache")}
        store = open_remote(registry.host, NAME, settings, environ={}, pace=pauses.pace)
        published = publish_tiny(store)
        assert not any(method in ("POST", "PUT", "PATCH") for method, _, _ in mirror.asked)
        mirror.blobs[f"cache/{NAME}"] = dict(registry.blobs[NAME])
        mirror.manifests[f"cache/{NAME}"] = dict(registry.manifests[NAME])
        registry.asked.clear()
        model = load_model(store, store.reference(tag="1.0"))
        assert model.manifest.digest == published.manifest.digest
        assert get(store, Descriptor("", model.files[0].digest, model.files[0].size))
        assert registry.count("GET", "/blobs/") == 0, "all blobs came from the mirror"
        assert registry.count("GET", "/manifests/1.0") == 1, "tags do not"
        # A mirror that has other bytes is passed over for manifests, and noticed for blobs.
        key = str(published.manifest.digest)
        mirror.manifests[f"cache/{NAME}"][key] = (IMAGE_MANIFEST, b"{}")
        assert store.get_manifest(published.manifest)
        mirror.blobs[f"cache/{NAME}"][str(model.files[0].digest)] = b"other"
        with pytest.raises(DigestMismatch):
            get(store, Descriptor("", model.files[0].digest, model.files[0].size))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority of our own, and a server context for localhost with a certificate of it."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    def certificate(subject, public, *extensions):
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(begins).not_valid_after(begins + dt.timedelta(days=36_500))
        for extension in extensions:
            made = made.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return made.sign(key, hashes.SHA256())

    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = certificate(name, key.public_key(), x509.BasicConstraints(ca=True, path_length=0), own, usage)
    server = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))])
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    leaf = certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), server.public_key(), names, signed_by
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "chain.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return str(folder / "ca.pem"), context


def test_our_own_certificate_authority_is_believed_and_no_other(authority, pauses):
    ca_file, context = authority
    with serving(tls=context) as registry:
        settings = {registry.host: RegistrySetting(ca_file=ca_file)}
        store = open_remote(registry.host, NAME, settings, environ={}, pace=pauses.pace)
        assert get(store, put(store, BIG)) == BIG
        stranger = {registry.host: RegistrySetting(plain_http=False)}
        with pytest.raises(RegistryError, match=r"certificate|CERTIFICATE"):
            open_remote(registry.host, NAME, stranger, environ={}, pace=pauses.pace).tags()
        other_name = registry.host.replace("localhost", "127.0.0.1")
        settings = {other_name: RegistrySetting(ca_file=ca_file)}
        with pytest.raises(RegistryError, match=r"127\.0\.0\.1"):
            open_remote(other_name, NAME, settings, environ={}, pace=pauses.pace).tags()


def test_https_never_becomes_http(authority, pauses):
    ca_file, context = authority
    with serving(tls=context) as registry, serving() as plain:
        settings = {registry.host: RegistrySetting(ca_file=ca_file)}
        store = open_remote(registry.host, NAME, settings, environ={}, pace=pauses.pace)
        blob = put(store, BIG)
        registry.redirect_blobs = f"http://{plain.host}"
        with pytest.raises(RegistryError, match="from https to http"):
            get(store, blob)
        assert plain.asked == []
        header = {"Location": f"http://{registry.host}/v2/{NAME}/blobs/uploads/1"}
        registry.faults.append(Fault("POST", status=202, headers=header))
        with pytest.raises(RegistryError, match="which is not the registry"):
            put(store, b"x")


@pytest.mark.parametrize(
    ("host", "setting", "plain"),
    [
        ("localhost:5000", {}, True),
        ("127.0.0.1", {}, True),
        ("127.9.9.9:1", {}, True),
        ("[::1]:5000", {}, True),
        ("registry.test", {}, False),
        ("127.0.0.1.test", {}, False),
        ("localhost.test", {}, False),
        ("localhost", {"ca_file": "x"}, False),
        ("localhost", {"plain_http": False}, False),
        ("registry.test", {"plain_http": True}, True),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(host, setting, plain):
    assert is_plain(host, RegistrySetting(**setting)) is plain


@pytest.mark.parametrize("host", ["", "a b", "user@host", "host:0", "host:99999", "host/path", "a\nb", "host:x"])
def test_what_is_no_host_is_refused(host):
    with pytest.raises(UsageError):
        check_host(host)


def test_a_large_blob_costs_little_memory(tmp_path):
    needs_docker_registry()
    size = 96 * 1024 * 1024
    path = tmp_path / "big"
    with open(path, "wb") as file:
        file.writelines(bytes([number]) * (1 << 20) for number in range(96))
    state = hashlib.sha256(path.read_bytes())
    with docker_registry(str(tmp_path / "registry")) as running:
        store = open_remote(running.host, NAME, {}, environ={})
        blob = Descriptor("", digest_bytes(b"")._replace(hex=state.hexdigest()), size)
        tracemalloc.start()
        with open(path, "rb") as file:
            store.put_blob(file, expect=blob.digest, size=size)
        with store.open_blob(blob) as stream:
            while stream.read(1 << 20):
                pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def logged_in(folder, registry, **entry):
    """An environment in which docker is logged in to a registry."""
    import base64
    import json

    auth = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: entry or {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


def test_not_found_is_not_found(store):
    with pytest.raises(NotFound):
        store.resolve(store.reference(tag="1.0"))
    with pytest.raises(NotFound):
        get(store, Descriptor("", digest_bytes(b"x"), 1))
    assert store.tags() == ()


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), ValueError("broke"), RegistryError("gone"), KeyboardInterrupt()]
)
def test_a_source_that_breaks_ends_the_upload_with_its_own_error(registry, store, error):
    """An error of the disk must not be taken for one of the wire, which would be tried again."""

    class Breaking(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 2_000_000:
                raise error
            return super().read(size)

    with pytest.raises(type(error)):
        put(store, BIG, Breaking)
    assert registry.count("PATCH") == 1
    assert registry.uploads == {}
    put(store, BIG)
