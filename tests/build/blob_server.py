"""A blob service that keeps versions, as Azurite does not: the four requests that a fingerprint makes, on this machine.

Shapes are those of learn.microsoft.com/rest/api/storageservices, "List Blobs", "Get Blob", "Get Blob Service Properties".
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from build.azurite import ACCOUNT, KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFIED = "Sun, 01 Mar 2026 12:00:00 GMT"


class BlobServer:
    """`blobs` has the versions of each blob, the newest last. What it does wrong is set on it."""

    def __init__(self, blobs: dict[str, list[bytes]]) -> None:
        self.blobs = blobs
        self.retention = True
        self.closed = False
        """The properties of the service may not be read."""
        self.forgets = False
        """It answers without saying which version that is, as a service without versions would."""
        self.server = _server(self)

    @property
    def connection(self) -> str:
        port = self.server.server_address[1]
        account = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        return f"{account}BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"

    @staticmethod
    def version(number: int) -> str:
        return f"2026-03-01T12:00:0{number}.0000000Z"

    def listing(self, prefix: str, include: str) -> str:
        found = []
        for name, contents in sorted(self.blobs.items()):
            if not name.startswith(prefix):
                continue
            for number, content in enumerate(contents):
                current = number == len(contents) - 1
                if not current and "versions" not in include:
                    continue
                said = f"<VersionId>{self.version(number)}</VersionId>" if "versions" in include else ""
                said += "<IsCurrentVersion>true</IsCurrentVersion>" if current and said else ""
                found.append(
                    f"<Blob><Name>{name}</Name>{said}<Properties><Last-Modified>{MODIFIED}</Last-Modified>"
                    f"<Etag>0x{number}</Etag><Content-Length>{len(content)}</Content-Length>"
                    "<BlobType>BlockBlob</BlobType></Properties></Blob>"
                )
        return (
            f'<EnumerationResults ContainerName="box"><Blobs>{"".join(found)}</Blobs><NextMarker/></EnumerationResults>'
        )


@contextmanager
def blob_server(blobs: dict[str, list[bytes]]) -> Iterator[BlobServer]:
    made = BlobServer(blobs)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def _server(made: BlobServer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            path = unquote(parts.path).removeprefix(f"/{ACCOUNT}").strip("/")
            if query.get("restype") == "service":
                if made.closed:
                    return self.answer(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})
                days = "<Enabled>true</Enabled><Days>30</Days>" if made.retention else "<Enabled>false</Enabled>"
                policy = f"<DeleteRetentionPolicy>{days}</DeleteRetentionPolicy>"
                return self.answer(200, f"<StorageServiceProperties>{policy}</StorageServiceProperties>".encode())
            if query.get("comp") == "list":
                return self.answer(200, made.listing(query.get("prefix", ""), query.get("include", "")).encode())
            return self.blob(path.removeprefix("box/"), query.get("versionid", ""))

        do_HEAD = do_GET  # noqa: N815 -- the name that the server looks for

        def blob(self, name: str, version: str) -> None:
            contents = made.blobs.get(name)
            if contents is None:
                return self.answer(404, b"", {"x-ms-error-code": "BlobNotFound"})
            known = [made.version(number) for number in range(len(contents))]
            number = known.index(version) if version else len(contents) - 1
            content = contents[number]
            headers = {"ETag": f"0x{number}", "Last-Modified": MODIFIED, "x-ms-blob-type": "BlockBlob"}
            if not made.forgets:
                headers["x-ms-version-id"] = made.version(number)
            asked = self.headers.get("x-ms-range", self.headers.get("Range", ""))
            if asked:
                headers["Content-Range"] = f"bytes 0-{len(content) - 1}/{len(content)}"
            return self.answer(206 if asked else 200, content, headers)

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            kind = "application/xml" if body.startswith(b"<") else "application/octet-stream"
            for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
