"""Rules on GGUF files."""

from __future__ import annotations

from weighbridge.core.facts import Oddity
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRUCTURE = ("gguf-twice", "gguf-alignment", "gguf-overlap", "gguf-hole", "gguf-padding", "gguf-range", "gguf-name")


@rule(
    "gguf/structure",
    Severity.HIGH,
    on=Oddity,
    refs=("CWE-436", "CWE-787", "CVE-2024-21802", "CVE-2025-53630"),
    since="0.1",
)
def structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The GGUF file is not built as its writers build it.

    What it finds: Keys and tensors that stand twice, tensors that share bytes or are not aligned, bytes that belong to
        no tensor, rows that are no whole blocks, names that are too long.
    Why it matters: Native loaders have written beyond their buffers on such files, and what one loader skips another
        may read.
    What to do: Do not load the file. Convert the model again from its source.
    Fires on:
        Oddity("gguf-twice", "the key 'general.name' stands twice")
        Oddity("gguf-hole", "64 bytes that belong to no tensor")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in _STRUCTURE:
        yield Hit(f"{oddity.kind.removeprefix('gguf-')}: {oddity.detail}")


@rule("gguf/unknown-type", Severity.MEDIUM, on=Oddity, refs=("CWE-125",), since="0.1")
def unknown_type(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A tensor has a type that nobody knows, or a part of the model lies nobody knows where.

    What it finds: Numbers of types that were removed or are not known yet, and split files without their number.
    Why it matters: The size of such a tensor is not known, so nobody can say which bytes are its own.
    What to do: If the type is new, update the tool. Else convert the model again.
    Fires on:
        Oddity("gguf-type", "tensor 'w' has the type 99")
        Oddity("gguf-split", "one of 3 files")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("gguf-type", "gguf-split"):
        yield Hit(oddity.detail)


RULES = (structure, unknown_type)
