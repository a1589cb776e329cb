"""Every limit of inspection: its unit and its reason. Reaching one is a finding and makes the report `incomplete`."""

from __future__ import annotations

from weighbridge.core.records import NamedTuple

KIB = 1024
MIB = 1024 * KIB


class Limits(NamedTuple):
    """What one artifact may cost. Counts are per file unless the name says otherwise."""

    expansion_floor: int = 64 * MIB
    """Bytes that compressed content of one file may always expand to."""
    expansion_ratio: int = 200
    """Bytes of expansion allowed per byte of file: real checkpoints stay below 20, bombs are above 1000."""
    depth: int = 16
    """How deep blobs may nest (archive in archive, pickle in pickle)."""
    members: int = 100_000
    """Members that all archives of one file may have together."""
    operations_floor: int = 500_000
    """Pickle opcodes that may always be simulated one by one; costs about half a CPU second."""
    operations_per_byte: float = 1.0
    """Further opcodes per byte of file; an ordinary pickle has one opcode for 3 to 100 bytes."""
    stack: int = 500_000
    """Values and marks on the simulated pickle stack, runs of constants counting as one; about 100 bytes each."""
    values: int = 300_000
    """Values kept inside other values on the simulated pickle stack; deeper ones keep only their shape."""
    memo: int = 200_000
    """Memo entries kept in full; later ones keep their kind and, for strings, their place in the stream."""
    sharing: int = 1_000
    """Values that a pickle may seem to hold per byte of it, shared ones counted each time: hashing or copying them
    costs as much, and a bomb of memo references holds 10^30."""
    number: int = 1 * MIB
    """Bytes of the longest integer in a pickle: printing or dividing such a number takes time that grows with its
    square, and no model needs one."""
    facts: int = 20_000
    """Facts kept per file: more would only repeat themselves, and every one is stored with the evidence."""
    header: int = 100_000_000
    """Bytes of a safetensors header, as in the reference implementation."""
    document: int = 16 * MIB
    """Bytes of a JSON document that is read as a tree in memory; larger ones are only searched."""
    yaml: int = 2 * MIB
    """Bytes of a YAML document whose structure is read: its parser takes seconds for each; larger ones are searched."""
    markup: int = 1 * MIB
    """Bytes of a document whose markup is read (its front matter apart): Markdown takes a second for each, and
    published cards stay below a fifth of it. Larger ones are only searched."""
    marks: int = 60_000
    """Characters of a document that mean something in Markdown or HTML: what costs its parsers time."""
    files: int = 1_000_000
    """Files of one artifact."""
    leftovers: int = 64
    """Regions of one file, and of all that is in it, that no format accounts for and that are looked into."""
    embedded: int = 8 * MIB
    """Bytes of one decoded text value (base64, hexadecimal) that is looked into."""


class Budget:
    """What is left of the limits for one file: shared by everything that is found inside it."""

    __slots__ = ("expansion", "facts", "hidden", "leftovers", "limits", "members", "operations", "told")

    def __init__(self, limits: Limits, file_size: int) -> None:
        self.limits = limits
        self.expansion = max(limits.expansion_floor, limits.expansion_ratio * file_size)
        self.operations = limits.operations_floor + int(limits.operations_per_byte * file_size)
        self.members = limits.members
        self.facts = limits.facts
        self.leftovers = limits.leftovers
        self.told: set[tuple[str, str]] = set()
        """Addresses, secrets and such that the file was found to hold: each is told once."""
        self.hidden: set[str] = set()
        """What must not appear in any fact. It never leaves this process."""
