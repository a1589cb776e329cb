"""A quick look at a model of the Hub: its small files and texts come whole, the others in parts."""

from __future__ import annotations

from functools import partial

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import SourceError
from weighbridge.core.origin import FileOrigin
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sources.arrivals import Arrivals
from weighbridge.sources.base import Fetched
from weighbridge.sources.hub import HubModel, address_of, download, resolve
from weighbridge.sources.hub_client import Client, asked, guarded, load_client
from weighbridge.sources.quick import Shelf, comes_whole

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from weighbridge.core.limits import Limits
    from weighbridge.scan.engine import Watcher
    from weighbridge.scan.partly import PartlyFetched


class HubLook:
    """A source that lays out a model of the Hub in part."""

    def __init__(self, model: HubModel, limits: Limits) -> None:
        self.partly: dict[str, PartlyFetched] = {}
        self._model = model
        self._limits = limits
        self._client = load_client()

    def open(self) -> AbstractContextManager[None]:
        """The Hub is asked for parts while this is open."""
        return guarded(self._client, self._model.settings.https)

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Lay out every file. Raises SourceError if one cannot be had."""
        model, client = self._model, self._client
        resolved = resolve(client, model.name, model.revision, self._limits.files)
        arrivals = Arrivals(into, model.settings.quarantine.most_bytes, watcher)
        shelf = Shelf(into, self._limits)
        self.partly = shelf.partly
        files = []
        for file in resolved.files:
            watcher.note(file.path)
            sha256 = file.sha256
            if comes_whole(file.path, file.size):
                arrived = download(client, model.name, resolved.commit, file, arrivals)
                arrivals.lay_out(arrived, file.path)
                sha256 = arrived.sha256
            else:
                address = address_of(client, model.name, resolved.commit, file.path)
                shelf.put(file.path, file.size, partial(_part, client, file.path, address), file.sha256)
            files.append(FileOrigin(escape_name(file.path), file.size, sha256, file.git_blob, file.sha256))
        return Fetched(into, escape_name(model.name), model.origin(client, resolved, files))


def _part(client: Client, name: str, address: str, offset: int, size: int) -> bytes:
    window = _Window(name, size)
    headers = {**client.headers, "Range": f"bytes={offset}-{offset + size - 1}"}

    def transfer() -> None:
        window.truncate()
        client.download.http_get(address, window, headers=headers, expected_size=size, displayed_filename="")

    try:
        asked(client, f"a part of {name!r}", transfer, transfer=True)
    except OSError as error:
        raise SourceError(f"a part of {name!r} came short", "try again, or leave out --quick") from error
    return bytes(window.content)


class _Window:
    """A part of a file as it arrives. A byte too many means that the whole file is coming."""

    def __init__(self, name: str, size: int) -> None:
        self.content = bytearray()
        self._name = name
        self._size = size

    def write(self, piece: bytes, /) -> int:
        if len(self.content) + len(piece) > self._size:
            raise SourceError(f"the Hub does not serve parts of {self._name!r}", "leave out --quick")
        self.content += piece
        return len(piece)

    def tell(self) -> int:
        return len(self.content)

    def seek(self, place: int, /) -> int:
        del self.content[place:]
        return place

    def truncate(self) -> int:
        self.content.clear()
        return 0
