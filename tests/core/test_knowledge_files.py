"""Knowledge that is missing, broken, or not the file that the index names judges nothing, whatever it is of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.foreign_names import ForeignNames
from weighbridge.core.keras_names import KerasNames
from weighbridge.core.knowledge_files import FOLDER, read_table
from weighbridge.core.operators import Operators
from weighbridge.core.r_names import RNames
from weighbridge.core.tensorflow_operators import TensorflowOperators

if TYPE_CHECKING:
    from collections.abc import Callable


class Table(NamedTuple):
    """A knowledge file: what opens it, what is asked of it, and a document that is broken within."""

    opened: Callable[[str, bytes], Any]
    ask: Callable[[Any], object]
    broken: str


TABLES = {
    "foreign_names": Table(ForeignNames, lambda known: known.find("java", "a.B"), '{"names": [{}]}'),
    "keras": Table(KerasNames, lambda known: known.module("keras"), '{"modules": [{}], "gadgets": [], "names": []}'),
    "onnx_domains": Table(
        Operators, lambda known: known.find("", "MatMul"), '{"operators": [{}], "special": [], "domains": []}'
    ),
    "tensorflow_ops": Table(
        TensorflowOperators, lambda known: known.find("MatMul"), '{"special": [{}], "operators": []}'
    ),
    "r_functions": Table(RNames, lambda known: known.find("system"), '{"functions": [1]}'),
    "log_tables": Table(
        lambda folder, index: (folder, index),
        lambda place: read_table(place[0], "log_tables", "tables", lambda table: table["tables"], place[1]),
        '{"table": []}',
    ),
}


def index_of(name: str, raw: bytes) -> bytes:
    return json.dumps({"tables": {f"{name}.json": digest_bytes(raw).hex}}).encode()


@pytest.mark.parametrize("name", TABLES)
def test_the_file_that_the_index_names_is_read(tmp_path: Path, name: str) -> None:
    raw = Path(FOLDER, f"{name}.json").read_bytes()
    (tmp_path / f"{name}.json").write_bytes(raw)
    assert (
        TABLES[name].ask(TABLES[name].opened(str(tmp_path), index_of(name, raw))) is not None or name == "foreign_names"
    )


@pytest.mark.parametrize("name", TABLES)
def test_broken_knowledge_judges_nothing(tmp_path: Path, name: str) -> None:
    for raw in (b"", b"{}", b"[]", b"not JSON", TABLES[name].broken.encode()):
        (tmp_path / f"{name}.json").write_bytes(raw)
        with pytest.raises(UsageError, match="broken"):
            TABLES[name].ask(TABLES[name].opened(str(tmp_path), index_of(name, raw)))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("index", [b"{}", b"not JSON", b'{"tables": {}}'])
def test_a_broken_index_judges_nothing(tmp_path: Path, name: str, index: bytes) -> None:
    (tmp_path / f"{name}.json").write_bytes(Path(FOLDER, f"{name}.json").read_bytes())
    with pytest.raises(UsageError, match="broken"):
        TABLES[name].ask(TABLES[name].opened(str(tmp_path), index))


@pytest.mark.parametrize("name", TABLES)
def test_another_file_than_the_index_names_judges_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.json").write_bytes(Path(FOLDER, f"{name}.json").read_bytes())
    with pytest.raises(UsageError, match="its index names"):
        TABLES[name].ask(TABLES[name].opened(str(tmp_path), index_of(name, b"other")))


@pytest.mark.parametrize("name", TABLES)
def test_missing_knowledge_judges_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        TABLES[name].ask(TABLES[name].opened(str(tmp_path), index_of(name, b"")))
