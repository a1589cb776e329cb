"""Blobs over the wire, in both directions, in memory that does not grow with them.

Up, after `POST /v2/NAME/blobs/uploads/` gave a `Location`:

    up to 4 MiB        PUT Location&digest=…, whole
    more               PATCH Location, the rest of the blob as one stream; PUT Location&digest=… when all is there

Registries that resume an upload without keeping the state of its hash take time that grows with the square of the
number of chunks (measured: 400 MB in chunks of 16 MiB take 2.4 times as long as in one stream), so a chunk is as large
as the registry and the source let it be. If it breaks off, the registry is asked how far it came (`GET Location`), and
the rest follows from there; where it does not know, the upload begins anew. A source that cannot go back is sent in
chunks that are kept in memory. The bytes are hashed on their way, and the upload is only completed, and so only
visible, if they are those that the digest names.

Down: `GET /v2/NAME/blobs/DIGEST`, with `Range` for what is missing if it breaks off.
Source: github.com/opencontainers/distribution-spec, spec.md, "Pushing blobs" and "Pulling blobs".
"""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress

from weighbridge.core.errors import DigestMismatch, RegistryError, WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.registry.wire import MAX_ANSWER, PASSING, PIECE, TRIES, Answer, BrokenWire, Incoming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from weighbridge.core.digests import Digest
    from weighbridge.registry.base import Descriptor
    from weighbridge.registry.wire import Wire

WHOLE = 4 * 1024 * 1024
"""Bytes up to which a blob is sent in one request out of memory."""
WINDOW = 16 * 1024 * 1024
"""Bytes of a chunk that is kept in memory, because its source cannot go back."""
MOST_LEAST = 64 * 1024 * 1024
"""Bytes of a chunk up to which a registry's `OCI-Chunk-Min-Length` is met."""
SMALLER = 4 * 1024 * 1024
"""Bytes of a chunk once a registry has called a larger one too large (413)."""
OCTETS = "application/octet-stream"


class SourceFailed(Exception):
    """Reading the source of an upload failed in a way that could be taken for a failure of the wire."""

    def __init__(self, cause: OSError | WeighbridgeError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def send_blob(wire: Wire, name: str, data: BinaryIO, *, expect: Digest, size: int) -> None:
    """Upload a stream that must be these bytes. Raises DigestMismatch, and then completes nothing."""
    scopes = push_scopes(name)
    if size <= WHOLE:
        raw = data.read(size + 1)
        if len(raw) != size or hashlib.sha256(raw).hexdigest() != expect.hex:
            raise _mismatch(expect, size)
        _send_whole(wire, name, raw, expect)
        return
    source = _Source(data, size)
    for attempt in range(1, TRIES + 1):
        upload = _Upload(wire, name, scopes)
        try:
            upload.send(source)
            source.check(expect)
            upload.complete(expect)
        except _Lost as error:
            if attempt == TRIES or not source.can_go_back:
                raise BrokenWire(
                    f"{plain(wire.host)} lost the upload of {expect}: {error}", "try again later"
                ) from error
            wire.pause(attempt, None)
        except SourceFailed as error:
            upload.cancel()
            raise error.cause from None
        except BaseException:
            upload.cancel()
            raise
        else:
            return


def mount_blob(wire: Wire, name: str, blob: Digest, origin: str) -> bool:
    """Let a repository have a blob that another of the same registry has. False: the registry would not."""
    scopes = (*push_scopes(name), f"repository:{origin}:pull")
    answer = wire.request(
        "POST",
        f"/v2/{name}/blobs/uploads/?mount={blob}&from={origin}",
        scopes=scopes,
        headers={"Content-Length": "0"},
        expect=(201, 202, 400, 403, 404, 405),
    )
    if answer.status == 202:
        with suppress(RegistryError):
            wire.request("DELETE", wire.own(answer.headers.get("Location", "")), scopes=scopes, expect=(204, 202, 200))
    return answer.status == 201


def open_remote_blob(wire: Wire, name: str, blob: Descriptor, offset: int = 0) -> BinaryIO:
    """The bytes of a blob from `offset`, unproved. Raises NotFound; BrokenWire if it breaks off for good."""
    if 0 < blob.size <= offset:
        return io.BytesIO()  # registries refuse to send nothing
    return io.BufferedReader(_Download(wire, name, blob, offset), PIECE)


def send_manifest(
    wire: Wire,
    name: str,
    reference: str,
    raw: bytes,
    media_type: str,
    *,
    etag: str = "",
    expect: tuple[int, ...] = (201,),
) -> Answer:
    """Store a manifest under a tag or its digest.

    Distribution 2.8 answers DIGEST_INVALID when two store the same bytes at the same moment: so that is tried again.
    """
    headers = {"Content-Type": media_type, **({"If-Match": etag} if etag else {})}
    for attempt in range(1, TRIES + 1):
        answer = wire.request(
            "PUT",
            f"/v2/{name}/manifests/{reference}",
            scopes=push_scopes(name),
            headers=headers,
            body=raw,
            expect=(*expect, 400),
        )
        if answer.status != 400:
            break
        if b"DIGEST_INVALID" not in answer.body or attempt == TRIES:
            wire.refuse(answer, f"PUT {reference}")
        wire.pause(attempt, None)
    return answer


def push_scopes(name: str) -> tuple[str, ...]:
    """What a token must allow to write into a repository."""
    return (f"repository:{name}:pull,push",)


def pull_scopes(name: str) -> tuple[str, ...]:
    """What a token must allow to read a repository."""
    return (f"repository:{name}:pull",)


class _Lost(Exception):
    """The registry knows this upload no more, or has other bytes than we sent: it must begin anew."""


class _Source:
    """What is sent: hashed once however often parts of it are sent again."""

    def __init__(self, data: BinaryIO, size: int) -> None:
        self.size = size
        self._data = data
        self._state = hashlib.sha256()
        self._hashed = 0
        self._at = 0
        self.can_go_back = data.seekable()
        self._start = data.tell() if self.can_go_back else 0
        self._window, self._window_at = b"", 0

    def longest(self, chunk: int) -> int:
        """Bytes that a chunk may have."""
        return chunk if self.can_go_back else min(chunk, WINDOW)

    def pieces(self, offset: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `offset`. Raises SourceFailed with what reading raised, or with a DigestMismatch."""
        if not self.can_go_back:
            yield self._kept(offset, length)
            return
        if offset != self._at:
            self._seek(offset)
        while length:
            piece = self._read(min(PIECE, length))
            length -= len(piece)
            yield piece

    def check(self, expect: Digest) -> None:
        """Once all bytes were sent: raises DigestMismatch if they are not these, or if there are more of them."""
        more = self._at == self.size and self._more()
        if more or self._hashed != self.size or self._state.hexdigest() != expect.hex:
            raise _mismatch(expect, self.size)

    def _kept(self, offset: int, length: int) -> bytes:
        if offset < self._window_at:
            raise SourceFailed(
                BrokenWire("the registry lost what was sent, and the source cannot go back", "try again")
            )
        if offset + length > self._window_at + len(self._window):
            known = self._window[offset - self._window_at :]
            fresh = bytearray(known)
            while len(fresh) < length:
                fresh += self._read(min(PIECE, length - len(fresh)))
            self._window, self._window_at = bytes(fresh), offset
        start = offset - self._window_at
        return self._window[start : start + length]

    def _read(self, most: int) -> bytes:
        try:
            piece = self._data.read(most)
        except (OSError, WeighbridgeError) as error:
            raise SourceFailed(error) from error
        if not piece:
            raise SourceFailed(
                DigestMismatch(f"the bytes to store end after {self._at} of {self.size}", "start again from the source")
            )
        fresh = self._at + len(piece) - self._hashed
        if fresh > 0:
            self._state.update(piece[-fresh:] if fresh < len(piece) else piece)
            self._hashed += fresh
        self._at += len(piece)
        return piece

    def _seek(self, offset: int) -> None:
        try:
            self._data.seek(self._start + offset)
        except (OSError, WeighbridgeError) as error:
            raise SourceFailed(error) from error
        self._at = offset

    def _more(self) -> bool:
        try:
            return bool(self._data.read(1))
        except (OSError, WeighbridgeError) as error:
            raise SourceFailed(error) from error


class _Upload:
    """One upload session: where it is, and how far it came."""

    def __init__(self, wire: Wire, name: str, scopes: tuple[str, ...]) -> None:
        self._wire = wire
        self._scopes = scopes
        answer = wire.request(
            "POST", f"/v2/{name}/blobs/uploads/", scopes=scopes, headers={"Content-Length": "0"}, expect=(202,)
        )
        self._location = self._next(answer.headers.get("Location", ""), answer.url)
        least = answer.headers.get("OCI-Chunk-Min-Length", "")
        self._least = int(least) if least.isdigit() else 0
        self._at = 0

    def send(self, source: _Source) -> None:
        """All bytes of the source, resumed where it breaks off. Raises _Lost if that is not possible."""
        chunk, failures, best = source.size, 0, 0
        while self._at < source.size:
            length = min(source.size - self._at, max(source.longest(chunk), min(self._least, MOST_LEAST)))
            status, why = self._chunk(source, length)
            if status == 413 and chunk > SMALLER:
                chunk = SMALLER
            elif status != 202:
                failures = 0 if self._at > best else failures + 1
                best = max(best, self._at)
                if failures >= TRIES:
                    raise BrokenWire(
                        f"{plain(self._wire.host)} does not take {source.size} bytes: {why}", "try again later"
                    )
                if status != 401:
                    self._wire.pause(failures + 1, None)
                self._ask(refused=status == 416)

    def complete(self, expect: Digest) -> None:
        """Make the blob visible. Raises _Lost if the registry has other bytes than we sent."""
        self.put(b"", expect)

    def put(self, rest: bytes, expect: Digest) -> None:
        """The last bytes, or all of them, and the digest. Raises _Lost as `complete` does."""
        joint = "&" if "?" in self._location else "?"
        answer = self._wire.request(
            "PUT",
            f"{self._location}{joint}digest={expect}",
            scopes=self._scopes,
            headers={"Content-Length": str(len(rest)), "Content-Type": OCTETS},
            body=rest,
            expect=(201, 204, 400, 404, 416),
        )
        if answer.status not in (201, 204):
            raise _Lost(f"it answered {answer.status} when all was sent")

    def cancel(self) -> None:
        """Let the registry forget what it got; it does so by itself in the end if this fails."""
        with suppress(RegistryError):
            self._wire.request("DELETE", self._location, scopes=self._scopes, expect=(200, 202, 204, 404, 405))

    def _chunk(self, source: _Source, length: int) -> tuple[int, str]:
        headers = {
            "Content-Type": OCTETS,
            "Content-Length": str(length),
            "Content-Range": f"{self._at}-{self._at + length - 1}",
        }
        body = source.pieces(self._at, length)
        try:
            with self._wire.stream("PATCH", self._location, scopes=self._scopes, headers=headers, body=body) as answer:
                if answer.status == 202:
                    self._at += length
                    self._location = self._next(answer.headers.get("Location", self._location), answer.url)
                elif answer.status in (404, 410):
                    raise _Lost("it does not know the upload any more")
                elif answer.status not in (401, 413, 416, *PASSING):
                    self._wire.refuse(_whole(answer), "PATCH")
                return answer.status, f"status {answer.status}"
        except BrokenWire as error:
            return 0, error.cause

    def _ask(self, *, refused: bool) -> None:
        """How far did it come? `refused`: the registry would not take what was sent from there."""
        answer = self._wire.request(
            "GET", self._location, scopes=self._scopes, expect=(204, 202, 200, 400, 404, 405, 416)
        )
        first, _, last = answer.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if answer.status not in (204, 202, 200) or first != "0" or not last.isdigit():
            raise _Lost("it does not say how far the upload came")
        # "0-0" is said of no byte and of one alike: what refuses the first byte has it already.
        self._at = int(last) + 1 if int(last) or (refused and self._at == 0) else 0
        self._location = self._next(answer.headers.get("Location", self._location), answer.url)

    def _next(self, location: str, base: str) -> str:
        from urllib.parse import urljoin

        return self._wire.own(urljoin(base, location))


class _Download(io.RawIOBase):
    """The body of a blob; what breaks off is asked for from where it broke."""

    def __init__(self, wire: Wire, name: str, blob: Descriptor, offset: int) -> None:
        self._wire = wire
        self._path = f"/v2/{name}/blobs/{blob.digest}"
        self._scopes = pull_scopes(name)
        self._blob = blob
        self._at = offset
        self._failures = 0
        self._answer = self._open()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            try:
                piece = self._answer.read(len(view))
            except BrokenWire:
                self._failures += 1
                if self._failures >= TRIES:
                    raise
                self._answer.close()
                self._wire.pause(self._failures, None)
                self._answer = self._open()
                continue
            view[: len(piece)] = piece
            self._at += len(piece)
            return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._answer.close()
        super().close()

    def _open(self) -> Incoming:
        """The answer, from the byte that comes next."""
        for attempt in range(1, TRIES + 1):
            headers = {"Range": f"bytes={self._at}-"} if self._at else {}
            try:
                answer = self._wire.stream("GET", self._path, scopes=self._scopes, headers=headers)
                if answer.status == 206 and self._at:
                    if not answer.headers.get("Content-Range", "").startswith(f"bytes {self._at}-"):
                        raise RegistryError(
                            f"{plain(self._wire.host)} sends another part than was asked for", "try again"
                        )
                    return answer
                if answer.status == 200:
                    self._skip(answer)
                    return answer
                if answer.status not in PASSING:
                    with answer:
                        self._wire.refuse(_whole(answer), f"GET {self._blob.digest}")
                answer.close()
                self._wire.pause(attempt, answer.headers.get("Retry-After"))
            except BrokenWire:
                if attempt == TRIES:
                    raise
                self._wire.pause(attempt, None)
        raise BrokenWire(f"{plain(self._wire.host)} does not give {self._blob.digest}", "try again later")

    def _skip(self, answer: Incoming) -> None:
        """Read what we have already: a registry may send everything again."""
        left = self._at
        while left:
            piece = answer.read(min(PIECE, left))
            if not piece:
                raise BrokenWire(f"{plain(self._wire.host)} broke off", "try again")
            left -= len(piece)


def _whole(answer: Incoming) -> Answer:
    return Answer(answer.status, answer.headers, answer.read_all(MAX_ANSWER), answer.url)


def _send_whole(wire: Wire, name: str, raw: bytes, expect: Digest) -> None:
    scopes = push_scopes(name)
    for attempt in range(1, TRIES + 1):
        upload = _Upload(wire, name, scopes)
        try:
            upload.put(raw, expect)
        except _Lost as error:
            if attempt == TRIES:
                raise RegistryError(f"{plain(wire.host)} does not take {expect}: {error}", "try again later") from error
            wire.pause(attempt, None)
        else:
            return


def _mismatch(expect: Digest, size: int) -> DigestMismatch:
    return DigestMismatch(
        f"the bytes to store are not those of {expect} ({size} bytes)",
        "the file changed after it was inspected: start again",
    )
