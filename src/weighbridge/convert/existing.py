"""Is it there already? Many models are published both ways, as a checkpoint and as safetensors.

Then the file that is there stays, if it has the same tensors, bit for bit; two that differ are a question for a person.
"""

from __future__ import annotations

import json

from weighbridge.convert.line import PIECE
from weighbridge.convert.write import MOST_HEADER
from weighbridge.core.errors import FormatError, NotConvertible
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weighbridge.convert.write import Written
    from weighbridge.core.reader import Reader

Told = dict[str, tuple[str, tuple[int, ...], str]]
"""dtype, shape and digest of each tensor by its name."""


def check_same(data: Reader, tensors: Sequence[Written], shared: Mapping[str, str]) -> None:
    """Raise NotConvertible unless the safetensors file `data` has these tensors and no others.

    Of names that share one tensor, it may have chosen another one, or written several.
    """
    ours: Told = {found.name: (found.dtype, found.shape, found.sha256) for found in tensors}
    ours |= {name: ours[kept] for name, kept in shared.items()}
    theirs = _told(data)
    wrong = next((name for name, told in theirs.items() if ours.get(name) != told), None)
    names = {found.name: {found.name} for found in tensors}
    for name, kept in shared.items():
        names[kept].add(name)
    missing = next((kept for kept, known in names.items() if known.isdisjoint(theirs)), None)
    different = wrong if wrong is not None else missing
    if different is not None:
        cause = f"the safetensors file beside it has another {different[:100]!r}"
        raise NotConvertible(cause, "remove the one of the two that is not wanted")


def _told(data: Reader) -> Told:
    import hashlib

    size = int.from_bytes(data.peek(0, 8), "little")
    try:
        header = json.loads(data.read(8, min(size, MOST_HEADER)))
        header.pop("__metadata__", None)
        told: Told = {}
        for name, entry in header.items():
            begin, end = (8 + size + int(offset) for offset in entry["data_offsets"])
            state = hashlib.sha256()
            for place in range(begin, end, PIECE):
                state.update(data.read(place, min(PIECE, end - place)))
            told[str(name)] = (entry["dtype"], tuple(entry["shape"]), state.hexdigest())
    except (FormatError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotConvertible("the safetensors file beside it cannot be read", "remove it") from error
    return told
