"""dill and cloudpickle: code by design. What they write of plain data is clean; a function of the user's is never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cloudpickle
import dill
import numpy as np
import pytest

from build.inspecting import scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITERS = {"dill": dill.dumps, "cloudpickle": cloudpickle.dumps}
DATA = {"weights": np.arange(6, dtype="float32").reshape(2, 3), "names": ["a", "b"], "rate": 0.1, "seen": {1, 2}}


class Scaler:
    """A class of the user's: its code is written with it when it lives in a script."""

    factor = 2.0


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_is_clean(tmp_path: Path, writer: str, protocol: int) -> None:
    write: Any = WRITERS[writer]
    assert scanned(tmp_path, "m.pkl", write(DATA, protocol=protocol)).verdict is Verdict.CLEAN


@pytest.mark.parametrize("writer", WRITERS)
def test_a_function_is_code_and_never_clean(tmp_path: Path, writer: str) -> None:
    rate = 3

    def scaled(value: float) -> float:
        return value * rate

    write: Callable[..., bytes] = WRITERS[writer]
    for content in (write(lambda value: value), write(scaled)):
        assert scanned(tmp_path, "m.pkl", content).verdict is Verdict.MALICIOUS


def test_a_class_by_value_is_code_and_never_clean(tmp_path: Path) -> None:
    by_value = type("Scaler", (), {"__module__": "__main__", "__call__": lambda self: self})
    for write in WRITERS.values():
        assert scanned(tmp_path, "m.pkl", write(by_value())).verdict is Verdict.MALICIOUS


def test_a_class_by_name_needs_a_person(tmp_path: Path) -> None:
    for write in WRITERS.values():
        assert scanned(tmp_path, "m.pkl", write(Scaler())).verdict is Verdict.SUSPICIOUS
