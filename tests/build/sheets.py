"""Sheets of models that never were, in an index: many models, from few facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weighbridge.core.facts import Import, Metadata, Tensor
from weighbridge.index.database import open_database
from weighbridge.index.sheets import SheetRow, put_sheets
from weighbridge.scan.packed_facts import pack
from weighbridge.scan.report import BlobFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REGISTRY = "registry.example"
CLEAN = (
    BlobFacts(
        "model.safetensors", "safetensors", 1, (Metadata("format", "pt", 2, 0), Tensor("a", "F32", (2, 2), 0, 16))
    ),
    BlobFacts("weights.pkl", "pickle", 1, (Import("collections.OrderedDict"),)),
)
BAD = (BlobFacts("weights.pkl", "pickle", 1, (Import("os.system"),)),)


def sheet(blobs: Iterable[BlobFacts], *, unread: bool = False) -> bytes:
    blobs = tuple(blobs)
    return pack([blob.location for blob in blobs], blobs, unread=unread)


def rows(count: int, document: bytes, verdict: str = "clean", rules: tuple[str, ...] = ()) -> Iterator[SheetRow]:
    for number in range(count):
        yield SheetRow(f"{REGISTRY}/team-{number % 7}/model", f"sha256:{number:064x}", document, verdict, rules)


def fill(address: str, models: Iterable[SheetRow]) -> None:
    engine = open_database(address, create=True)
    put_sheets(engine, models)
    engine.dispose()
