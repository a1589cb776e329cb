"""What is known of operators of TensorFlow: by name, and never from a file that the index does not name."""

from __future__ import annotations

import pytest

from weighbridge.core.knowledge import load_knowledge
from weighbridge.formats.tensorflow.paths import PATHS

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
