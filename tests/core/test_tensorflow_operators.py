"""What is known of operators of TensorFlow: by name, and never from a file that the index does not name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.tensorflow_operators import TensorflowOperators
from weighbridge.formats.tensorflow.paths import PATHS

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = load_knowledge().tensorflow


@pytest.mark.parametrize(
    ("name", "trust"),
    [
        ("MatMul", "standard"),
        ("StatefulPartitionedCall", "standard"),
        ("PyFunc", "python"),
        ("EagerPyFunc", "python"),
        ("WriteFile", "writes"),
        ("ReadFile", "reads"),
        ("SaveV2", "checkpoint"),
        ("RpcClient", "network"),
        ("DebugIdentityV3", "network"),
        ("XlaCustomCallV2", "native"),
        ("TRTEngineOp", "native"),
        ("XlaCallModule", "program"),
        ("CollectiveReduceV2", "cluster"),
        ("SentencepieceOp", "library"),
        ("matmul", None),
        ("Evil>MatMul", None),
        ("", None),
    ],
)
def test_operators(name: str, trust: str | None) -> None:
    entry = KNOWN.find(name)
    assert (entry.trust if entry else None) == trust
    assert entry is None or entry.trust == "standard" or entry.why


def test_every_operator_with_the_name_of_a_file_is_known_to_reach_one() -> None:
    roads = {
        "tf-read": "reads",
        "tf-write": "writes",
        "tf-log": "writes",
        "tf-debug": "network",
        "tf-network": "network",
    }
    for op, uses in PATHS.items():
        entry = KNOWN.find(op.decode())
        assert entry is not None, op
        assert entry.trust in {roads.get(road, "checkpoint") for road, _ in uses} | {"native"}, op


def operators(folder: Path, raw: bytes, named: bytes | None = None) -> TensorflowOperators:
    (folder / "tensorflow_ops.json").write_bytes(raw)
    digest = hashlib.sha256(raw if named is None else named).hexdigest()
    return TensorflowOperators(str(folder), json.dumps({"tables": {"tensorflow_ops.json": digest}}).encode())


@pytest.mark.parametrize("raw", [b"{}", b"not JSON", b'{"special": [{}], "operators": []}', b"[]"])
def test_broken_knowledge_judges_nothing(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match="broken"):
        operators(tmp_path, raw).find("MatMul")


def test_another_file_than_the_index_names_judges_nothing(tmp_path: Path) -> None:
    raw = b'{"special": [], "operators": []}'
    assert operators(tmp_path, raw).find("MatMul") is None
    with pytest.raises(UsageError, match="its index names"):
        operators(tmp_path, raw, b"other").find("MatMul")


def test_missing_knowledge_judges_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        TensorflowOperators(str(tmp_path), b"{}").find("MatMul")
