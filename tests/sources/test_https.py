"""Files on the web, from a server that does everything wrong that a server can do."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from build.web_server import CONTENT, Served, answer, plain, redirect, serving
from weighbridge.cli.progress import silent
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.settings import HttpsSettings, QuarantineSettings, Settings
from weighbridge.sources.https import open_web
from weighbridge.sources.quarantine import quarantine
from weighbridge.sources.web import parse_address, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING_SET = HttpsSettings()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def other() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def fetch(tmp_path: Path, url: str, https: HttpsSettings = NOTHING_SET, waits: list[float] | None = None, **more: Any):
    settings = Settings(quarantine=QuarantineSettings(str(tmp_path / "q"), **more), https=https)
    source = open_web(url, settings)._replace(sleep=(waits if waits is not None else []).append)
    with quarantine(settings.quarantine) as place:
        fetched = place.take(source, silent())
        (name,) = os.listdir(fetched.folder)
        with open(os.path.join(fetched.folder, name), "rb") as file:
            return fetched, name, file.read()


def test_a_file_arrives_with_its_origin(server: Served, tmp_path: Path) -> None:
    fetched, name, content = fetch(tmp_path, server.url)
    assert (name, content) == ("model.bin", CONTENT)
    origin = fetched.origin
    assert (origin.kind, origin.place, origin.revision) == ("https", server.url, "")
    assert origin.files == (("model.bin", len(CONTENT), DIGEST, "", "", ""),)
    assert dict(origin.told) == {"etag": '"v1"', "mutable": "yes"}
    assert server.seen[0][1]["accept-encoding"] == "identity"


def test_a_pinned_file_is_what_the_pin_says(server: Served, tmp_path: Path) -> None:
    origin = fetch(tmp_path, f"{server.url}#sha256={DIGEST}")[0].origin
    assert origin.revision == f"sha256:{DIGEST}"
    assert dict(origin.told)["mutable"] == "no"
    with pytest.raises(SourceError, match=f"has the sha256 {DIGEST}, expected 0000"):
        fetch(tmp_path, f"{server.url}#sha256={'0' * 64}")


def test_login_and_query_are_sent_and_never_told(server: Served, tmp_path: Path) -> None:
    url = server.url.replace("http://", "http://user:S3cret@") + "?sig=Hidden"
    fetched = fetch(tmp_path, url)[0]
    path, headers = server.seen[0]
    assert path.endswith("?sig=Hidden")
    assert headers["authorization"] == "Basic dXNlcjpTM2NyZXQ="
    assert "S3cret" not in repr(fetched)
    assert "Hidden" not in repr(fetched)
    server.steps = [answer(404, {})]
    with pytest.raises(SourceError, match="404 Not Found") as refused:
        fetch(tmp_path, url)
    assert "S3cret" not in str(refused.value)
    assert "Hidden" not in str(refused.value)


def test_a_login_goes_to_its_own_host_only(server: Served, other: Served, tmp_path: Path) -> None:
    server.steps = [redirect(f"{other.url}?x")]
    fetched, _, content = fetch(tmp_path, server.url.replace("http://", "http://user:S3cret@"))
    assert content == CONTENT
    assert "authorization" in server.seen[0][1]
    assert "authorization" not in other.seen[0][1]
    assert fetched.origin.place == server.url


def test_a_login_in_a_redirect_is_nobodys(server: Served, other: Served, tmp_path: Path) -> None:
    server.steps = [redirect(other.url.replace("http://", "http://user:pw@"))]
    fetch(tmp_path, server.url)
    assert "authorization" not in other.seen[0][1]


def test_redirects_end(server: Served, tmp_path: Path) -> None:
    server.steps = [redirect("/again")]
    with pytest.raises(SourceError, match="more than 5 redirects"):
        fetch(tmp_path, server.url)
    assert len(server.seen) == 6


@pytest.mark.parametrize("location", ["", "ftp://example.com/x", "http://[::1", "http://a b/x", "javascript:x"])
def test_a_redirect_to_no_address_is_refused(server: Served, tmp_path: Path, location: str) -> None:
    server.steps = [redirect(location)]
    with pytest.raises(SourceError, match="redirects to"):
        fetch(tmp_path, server.url)


def test_a_redirect_into_the_own_network_needs_a_setting(server: Served, tmp_path: Path) -> None:
    there = server.url.replace("127.0.0.1", "127.0.0.2")
    server.steps = [redirect(there), plain()]
    with pytest.raises(SourceError, match=r"127\.0\.0\.2 in a private network"):
        fetch(tmp_path, server.url)


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "169.254.169.254", "192.168.0.1", "[fd00::1]", "[::ffff:10.0.0.1]", "0.0.0.0"]
)
def test_private_addresses_of_all_kinds(server: Served, tmp_path: Path, host: str) -> None:
    server.steps = [redirect(f"https://{host}/x.bin")]
    with pytest.raises(SourceError, match="in a private network"):
        fetch(tmp_path, server.url)


def test_a_name_that_leads_into_the_own_network_is_noticed(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    real = socket.getaddrinfo
    names = {"inside.example": "127.0.0.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **kw: real(names.get(host, host), *more, **kw))
    server.steps = [redirect(f"http://inside.example:{server.port}/x.bin"), plain()]
    plain_http = HttpsSettings(plain_http=("inside.example",))
    with pytest.raises(SourceError, match=r"inside\.example, which is 127\.0\.0\.1 in a private network"):
        fetch(tmp_path, server.url, plain_http)
    allowed = plain_http._replace(private_hosts=("inside.example",))
    server.steps = [redirect(f"http://inside.example:{server.port}/x.bin"), plain()]
    fetched, _, content = fetch(tmp_path, server.url, allowed)
    assert content == CONTENT
    assert dict(fetched.origin.told)["served-by"] == "inside.example"


def test_plain_http_is_for_this_machine(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not encrypted"):
        open_web("http://models.example.com/x.bin", Settings())
    open_web("http://models.example.com/x.bin", Settings(https=HttpsSettings(plain_http=("models.example.com",))))


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server: Served, tmp_path: Path) -> None:
    server.steps = [plain(cut=5000), plain(cut=7000), plain()]
    assert fetch(tmp_path, server.url)[2] == CONTENT
    asked = [(headers.get("range"), headers.get("if-range")) for _, headers in server.seen]
    assert asked == [(None, None), ("bytes=5000-", '"v1"'), ("bytes=12000-", '"v1"')]


def test_a_file_that_changes_meanwhile_starts_again(server: Served, tmp_path: Path) -> None:
    changed = CONTENT[::-1]
    server.steps = [plain(cut=5000), plain(changed, etag='"v2"')]
    fetched, _, content = fetch(tmp_path, server.url)
    assert content == changed
    assert dict(fetched.origin.told)["etag"] == '"v2"'


@pytest.mark.parametrize("etag", ["", 'W/"v1"', "v1"])
def test_without_a_strong_etag_it_starts_again(server: Served, tmp_path: Path, etag: str) -> None:
    server.steps = [plain(etag=etag, cut=5000), plain(etag=etag)]
    assert fetch(tmp_path, server.url)[2] == CONTENT
    assert [headers.get("range") for _, headers in server.seen] == [None, None]


def test_a_transfer_that_never_ends_well_is_given_up(server: Served, tmp_path: Path) -> None:
    server.steps = [plain(declared=len(CONTENT) + 5)]
    with pytest.raises(SourceError, match="cannot be had whole"):
        fetch(tmp_path, server.url)
    assert len(server.seen) < 12


def test_a_server_that_gives_a_byte_at_a_time_is_given_up(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.sources.https.TRIES_AT_ALL", 20)
    server.steps = [plain(cut=1)]
    with pytest.raises(SourceError, match="cannot be had whole"):
        fetch(tmp_path, server.url)
    assert len(server.seen) == 20


def test_a_length_that_is_too_short_is_noticed_by_the_pin(server: Served, tmp_path: Path) -> None:
    server.steps = [plain(declared=100)]
    with pytest.raises(SourceError, match="has the sha256"):
        fetch(tmp_path, f"{server.url}#sha256={DIGEST}")


@pytest.mark.parametrize("length", ["5|6", "x", "-1", "99999999999999999999"])
def test_a_length_that_makes_no_sense_is_refused(server: Served, tmp_path: Path, length: str) -> None:
    server.steps = [answer(200, {"Content-Length": length}, b"hello")]
    with pytest.raises(SourceError):
        fetch(tmp_path, server.url)


def test_without_a_length_nobody_knows_the_end(server: Served, tmp_path: Path) -> None:
    server.steps = [answer(200, {"Content-Length": ""}, CONTENT)]
    with pytest.raises(SourceError, match="how long"):
        fetch(tmp_path, server.url)
    assert fetch(tmp_path, f"{server.url}#sha256={DIGEST}")[2] == CONTENT


def test_chunks_are_fine_and_cut_chunks_are_not(server: Served, tmp_path: Path) -> None:
    head = {"Transfer-Encoding": "chunked", "Content-Length": ""}
    server.steps = [answer(200, head, b"5\r\nhello\r\n0\r\n\r\n")]
    assert fetch(tmp_path, server.url)[2] == b"hello"
    server.steps = [answer(200, head, b"5\r\nhello\r\n")]
    with pytest.raises(SourceError, match="cannot be had whole"):
        fetch(tmp_path, server.url)


@pytest.mark.parametrize("encoding", ["gzip", "br", "x"])
def test_what_is_compressed_for_the_way_is_refused(server: Served, tmp_path: Path, encoding: str) -> None:
    server.steps = [answer(200, {"Content-Encoding": encoding}, gzip.compress(bytes(10_000_000)))]
    with pytest.raises(SourceError, match="although it was asked not to"):
        fetch(tmp_path, server.url)


@pytest.mark.parametrize("said", ["bytes 0-9/102400", "bytes 4000-102399/102400", "bytes */5", "", "bytes 5000-1/9"])
def test_a_part_from_another_place_is_not_put_together(server: Served, tmp_path: Path, said: str) -> None:
    wrong = answer(206, {"Content-Range": said, "ETag": '"v1"'}, CONTENT[4000:])
    server.steps = [plain(cut=5000), wrong, plain()]
    if said in ("bytes */5", "", "bytes 5000-1/9"):
        with pytest.raises(SourceError, match="does not say which"):
            fetch(tmp_path, server.url)
    else:
        assert fetch(tmp_path, server.url)[2] == CONTENT


def test_a_part_that_nobody_asked_for_is_refused(server: Served, tmp_path: Path) -> None:
    server.steps = [answer(206, {"Content-Range": "bytes 0-4/9"}, b"hello")]
    with pytest.raises(SourceError, match="206"):
        fetch(tmp_path, server.url)


def test_a_server_that_lost_bytes_starts_again(server: Served, tmp_path: Path) -> None:
    server.steps = [plain(cut=5000), answer(416, {"Content-Range": "bytes */10"}), plain()]
    assert fetch(tmp_path, server.url)[2] == CONTENT


def test_what_is_too_large_is_not_even_begun(server: Served, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="more than the 1000 that are left"):
        fetch(tmp_path, server.url, most_bytes=1000)


def test_what_turns_out_too_large_is_stopped(server: Served, tmp_path: Path) -> None:
    head = {"Transfer-Encoding": "chunked", "Content-Length": ""}
    server.steps = [answer(200, head, b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT))]
    with pytest.raises(SourceError, match="more bytes than one intake may take"):
        fetch(tmp_path, server.url, most_bytes=1000)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_what_it_wants(server: Served, tmp_path: Path, status: int) -> None:
    waits: list[float] = []
    server.steps = [answer(status, {"Retry-After": "7"}), answer(status, {}), plain()]
    assert fetch(tmp_path, server.url, waits=waits)[2] == CONTENT
    assert 7 <= waits[0] <= 9
    assert 0 < waits[1] < 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 451, 501])
def test_a_server_that_refuses_is_not_asked_again(server: Served, tmp_path: Path, status: int) -> None:
    server.steps = [answer(status, {})]
    with pytest.raises(SourceError, match=f"answers {status}"):
        fetch(tmp_path, server.url)
    assert len(server.seen) == 1


def test_a_server_that_wants_years_is_given_up(server: Served, tmp_path: Path) -> None:
    waits: list[float] = []
    server.steps = [answer(503, {"Retry-After": "99999999"})]
    with pytest.raises(SourceError, match="left alone for 99999999 seconds"):
        fetch(tmp_path, server.url, waits=waits)
    assert waits == []


def test_a_server_that_is_not_there_is_told(server: Served, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not answer"):
        fetch(tmp_path, "http://127.0.0.1:1/x.bin")


def test_retry_after_by_number_and_by_date() -> None:
    assert retry_after(" 12 ", 0) == 12
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 10) == 50
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 1000) == 0
    for nonsense in ("", "soon", "-5", "1e9", "²"):
        assert retry_after(nonsense, 0) == -1


NO_ADDRESSES = [
    "https://",
    "https:///x",
    "https://host/",
    "https://host",
    "https://host/..",
    "https://host/a%2Fb",
    "https://host/a%00b",
    "https://host/%2e%2e",
    "https://host/.git",
    "https://host:99999/x",
    "https://host/x#sha1=abc",
    "https://host/x#sha256=12",
    "https://host/a\nb",
    "https://[::1/x",
]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_file_on_the_web_is_told(text: str) -> None:
    with pytest.raises(UsageError):
        open_web(text, Settings())


def test_an_address_for_people_has_no_secrets() -> None:
    address = parse_address("HTTPS://user:pw@Host.Example:8443/a/b?sig=x")
    assert str(address) == "https://host.example:8443/a/b"
    assert str(parse_address("https://[::1]/x")) == "https://[::1]/x"


def test_a_certificate_that_proves_nothing_is_refused(tmp_path: Path) -> None:
    import ssl

    key, cert = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving() as served, serving() as unencrypted:
        # The server speaks TLS on a port of its own, in front of the same steps.
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(served, unencrypted))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"https://localhost:{server.server_address[1]}"
        try:
            with pytest.raises(SourceError, match="does not prove who it is"):
                fetch(tmp_path, f"{url}/x.bin")
            with pytest.MonkeyPatch().context() as patch:
                patch.setenv("SSL_CERT_FILE", str(cert))
                assert fetch(tmp_path, f"{url}/x.bin")[2] == CONTENT
                with pytest.raises(SourceError, match="without encryption"):
                    fetch(tmp_path, f"{url}/down.bin")
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost that nobody signed but itself."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    key_file, cert_file = folder / "key.pem", folder / "cert.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    cert_file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return key_file, cert_file


def test_a_transfer_that_drips_is_given_up(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=partial(next, count(0, 200)), time=lambda: 0.0)
    monkeypatch.setattr("weighbridge.sources.web.time", clock)
    with pytest.raises(SourceError, match="so slow that it would not end"):
        fetch(tmp_path, server.url)


def test_behind_a_proxy_the_address_goes_whole_to_it(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    plain_http = HttpsSettings(plain_http=("models.example.com", "10.0.0.1"))
    assert fetch(tmp_path, "http://models.example.com/x.bin", plain_http)[2] == CONTENT
    assert server.seen[0][0] == "http://models.example.com:80/x.bin"
    server.steps = [redirect("http://10.0.0.1/x.bin"), plain()]
    with pytest.raises(SourceError, match="in a private network"):
        fetch(tmp_path, "http://models.example.com/x.bin", plain_http)


def _handler_of(served: Served, unencrypted: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            down = redirect(unencrypted.url.replace("127.0.0.1", "localhost"))
            (down if "down" in self.path else served.steps[0])(self)

    return Handler
