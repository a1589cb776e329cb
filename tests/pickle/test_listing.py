"""The opcodes before a place, against the standard library's disassembler."""

from __future__ import annotations

import pickle
import pickletools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from build import pickles as p
from build.inspecting import scanned
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.pickle.listing import SHOWN, listing

if TYPE_CHECKING:
    from pathlib import Path

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60) | st.binary(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(VALUES, st.integers(0, 5))
def test_the_names_are_those_of_the_disassembler(value: object, protocol: int) -> None:
    raw = pickle.dumps(value, protocol)
    steps = [(opcode.name, place) for opcode, _, place in pickletools.genops(raw)]
    reader = Reader(MemorySource(raw))
    for number, (_, place) in enumerate(steps):
        shown = listing(reader, 0, place or 0)
        if shown:
            names = [part.split(" ")[0] for part in shown.split(" · ") if part.split(" ")[0].isupper()]
            wanted = [name for name, _ in steps[: number + 1]][-SHOWN:]
            assert names[-1] == wanted[-1]
            assert len(wanted) == min(SHOWN, number + 1)


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_any_bytes_give_text(raw: bytes, start: int, at: int) -> None:
    if at < len(raw):
        assert isinstance(listing(Reader(MemorySource(raw)), start, at), str)


def test_a_finding_shows_them(tmp_path: Path) -> None:
    weights = pickle.dumps({"w": [0.5] * 20_000}, 2)[2:-1]
    raw = p.proto(2) + weights + b"0" + p.system("echo inert") + p.STOP
    (finding,) = [one for one in scanned(tmp_path, "m.pkl", raw).findings if one.severity.value == "critical"]
    assert finding.evidence.opcodes == "GLOBAL 'os system' · MARK · SHORT_BINUNICODE 'echo inert' · TUPLE · REDUCE"


def test_they_are_left_out_when_the_last_import_is_far_away() -> None:
    raw = b"cos\nsystem\n" + b"N0" * 5000 + b"N\x85R."
    assert listing(Reader(MemorySource(raw)), 0, len(raw) - 2) == ""
