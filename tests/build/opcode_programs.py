"""Random pickle programs over all opcodes of protocols 0 to 5, most of them valid, some of them broken on purpose.

EXT1, EXT2 and EXT4 are left out (what they give is in the loader's registry, not in the pickle), NEXT_BUFFER too (it
needs a loader with buffers). Frames hold exactly the opcodes that they announce, except in damaged programs.
"""

from __future__ import annotations

import struct
from random import Random

DEEP = "path.os." * 10 + "system"
"""A name longer than the strings that the memo of the machine keeps in full."""
NAMES = [("m", "f"), ("m.sub", "C"), ("other", "make"), ("deep.er", "Kind.Inner"), ("os", "system"), ("os", DEEP)]
GETATTR = b"cbuiltins\ngetattr\n"
LEAVES = 3
"""Depth at which only constants and memo entries are left to push."""

Code = tuple[bytes, str]
"""Opcodes that push one value, and its kind: constant, text, bytearray, global, object, sequence, mapping or set."""


class Program:
    """Writes one program. `kinds` is the kind of every memo entry, so that only what exists is fetched."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.kinds: dict[int, str] = {}
        self.texts = 0

    def whole(self) -> bytes:
        """A program that leaves one value; one in four is damaged afterwards."""
        body = b"\x80" + bytes([self.random.randrange(6)]) if self.chance(0.8) else b""
        for _ in range(self.random.choice([0, 1, 2, 3, 12])):
            body += self.framed(self.value(4)[0] + b"0")
        body += self.memo_as_names()
        value = self.value(5)[0]
        body += self.random.choice([self.framed(value + b"."), self.framed(value) + b"."])
        return self.damaged(body) if self.chance(0.25) else body

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def framed(self, code: bytes) -> bytes:
        return b"\x95" + struct.pack("<Q", len(code)) + code if self.chance(0.2) else code

    def damaged(self, body: bytes) -> bytes:
        """Cut off, or with opcodes in between that do not belong there."""
        place = self.random.randrange(len(body))
        extra = self.random.choice(
            [b"\xff", b"0" * 9, b"h\xfa", b"g999\n", b"p-1\n", b"t", b"1", b"R", b"b", b"a", b"s", b"u", b"2", b"\x93"]
        )
        if self.chance(0.2):
            extra = b"\x95" + struct.pack("<Q", self.random.randrange(60))
        return self.random.choice([body[:place], body[:place] + extra + body[place:]])

    def value(self, depth: int) -> Code:
        makers = [self.constant, self.text_value, self.text_value, self.fetched]
        if depth > 0:
            makers += [self.sequence, self.mapping, self.set_of, self.named, self.named, self.persistent, self.decoy]
            makers += [self.made] * 3
        code, kind = self.random.choice(makers)(depth)
        return code + self.remembered(kind), kind

    def values(self, depth: int, most: int) -> bytes:
        return b"".join(self.value(depth - 2)[0] for _ in range(self.random.randrange(most + 1)))

    # The memo

    def remembered(self, kind: str) -> bytes:
        """Perhaps store the value, under one key or two, old keys included."""
        code = b""
        while self.chance(0.45 if not code else 0.3):
            if self.chance(0.3):
                key, stored = len(self.kinds), b"\x94"
            else:
                key = self.random.choice([self.random.randrange(40), self.random.randrange(256), 70_000])
                stored = self.keyed(key, b"q", b"r", b"p")
            self.kinds[key] = kind
            code += stored
        return code

    def memo_as_names(self) -> bytes:
        """Texts of the memo as names of globals, so that imports show what is stored under each key."""
        keys = [key for key, kind in sorted(self.kinds.items()) if kind == "text"]
        chosen = self.random.sample(keys, min(len(keys), 12))
        fetches = [self.keyed(key, b"h", b"j", b"g") for key in chosen]
        return b"".join(first + second + b"\x930" for first, second in zip(fetches[::2], fetches[1::2], strict=False))

    def fetched(self, depth: int, *kinds: str) -> Code:
        keys = [key for key, kind in sorted(self.kinds.items()) if not kinds or kind in kinds]
        if not keys:
            return self.constant(depth)
        key = self.random.choice(keys)
        return self.keyed(key, b"h", b"j", b"g"), self.kinds[key]

    def keyed(self, key: int, short: bytes, long: bytes, text: bytes) -> bytes:
        """A memo opcode in one of its forms. Numbers in text have many spellings."""
        digits = b"%d" % key
        spelled = self.random.choice([digits, b"0" + digits, b"+" + digits, b" %b " % digits, digits.rjust(70, b"0")])
        forms = [long + struct.pack("<I", key), text + spelled + b"\n"]
        if key < 256:
            forms += [short + bytes([key])] * 2
        return self.random.choice(forms)

    # Constants

    def constant(self, _: int) -> Code:
        number = self.random.randrange(200)
        raw = self.random.choice([b"xyz", b"K\x01q\x00", b"\x8c\x01aq\x02\x94", bytes([number]) * 3])
        plain = [
            b"N",
            b"\x88",
            b"\x89",
            b")",
            b"I01\n",
            b"I%d\n" % number,
            b"L%dL\n" % number,
            b"F1.5\n",
            b"K" + bytes([number]),
            b"M" + struct.pack("<H", number),
            b"J" + struct.pack("<i", -number),
            b"G" + struct.pack(">d", number / 7),
            b"GK\x01q\x00K\x02q\x01",
            b"\x8a\x02" + struct.pack("<h", number),
            b"\x8a\x08K\x01q\x00K\x02q\x01",
            b"\x8b" + struct.pack("<i", 3) + b"abc",
            b"C" + bytes([len(raw)]) + raw,
            b"B" + struct.pack("<I", len(raw)) + raw,
            b"\x8e" + struct.pack("<Q", len(raw)) + raw,
            b"C" + bytes([len(raw)]) + raw + b"\x98",
        ]
        if self.chance(0.05):
            return b"\x96" + struct.pack("<Q", len(raw)) + raw, "bytearray"
        return self.random.choice(plain), "constant"

    def text_value(self, _: int) -> Code:
        """A text unlike any other of the program: a wrong memo entry cannot go unnoticed when it becomes a name."""
        self.texts += 1
        inside = self.random.choice(["", "x" * 70, "x" * 240, "X\x01\0\0\0aq\0X\x01\0\0\0bq\x01" + "y" * 9])
        return self.text(f"t{self.texts}{inside}"), "text"

    def text(self, value: str) -> bytes:
        raw = value.encode()
        counted = [
            b"\x8c" + bytes([len(raw)]) + raw,
            b"X" + struct.pack("<I", len(raw)) + raw,
            b"\x8d" + struct.pack("<Q", len(raw)) + raw,
            b"U" + bytes([len(raw)]) + raw,
            b"T" + struct.pack("<i", len(raw)) + raw,
        ]
        lines = [b"V" + raw + b"\n", b"V\\u%04x" % raw[0] + raw[1:] + b"\n", b"S'" + raw + b"'\n"]
        return self.random.choice(counted + lines)

    # Names

    def named(self, depth: int) -> Code:
        """A global: named in the opcode, by texts on the stack, by texts in the memo, or by getattr."""
        module, name = self.random.choice(NAMES)
        choice = self.random.randrange(6)
        if choice == 0:
            return f"c{module}\n{name}\n".encode(), "global"
        first, second = self.text(module), self.text(name)
        if choice == 1 or depth <= -LEAVES:
            return first + second + b"\x93", "global"
        if choice == 2:
            return first + b"(K\x011" + second + b"20\x93", "global"
        if choice == 3:
            return GETATTR + self.named(depth - 1)[0] + second + b"\x86R", "global"
        if "text" in self.kinds.values():
            first, second = self.fetched(0, "text")[0], self.fetched(0, "text")[0]
            return first + second + b"\x93", "global"
        return first + b"2\x93", "global"

    # What is made by calls

    def called(self, depth: int) -> bytes:
        """Something to call: a global or what a call gave back."""
        if self.chance(0.25) and {"object", "global"} & set(self.kinds.values()):
            return self.fetched(0, "object", "global")[0]
        return self.made(depth - 2)[0] if depth > 0 and self.chance(0.2) else self.named(depth)[0]

    def arguments(self, depth: int) -> bytes:
        count = self.random.randrange(4)
        values = b"".join(self.value(depth - 2)[0] for _ in range(count))
        return values + bytes([0x84 + count]) if count and self.chance(0.5) else b"(" + values + b"t"

    def made(self, depth: int) -> Code:
        """An object made by a call, perhaps given a state or filled like a container."""
        choice = self.random.randrange(6)
        if choice == 0:
            module, name = self.random.choice(NAMES)
            code = b"(" + self.values(depth, 2) + f"i{module}\n{name}\n".encode()
        elif choice == 1:
            code = b"(" + self.called(depth) + self.values(depth, 2) + b"o"
        elif choice == 2:
            keywords = b"" if self.chance(0.3) else self.text("key") + self.value(depth - 2)[0] + b"s"
            code = self.called(depth) + self.arguments(depth) + b"}" + keywords + b"\x92"
        else:
            code = self.called(depth) + self.arguments(depth) + self.random.choice([b"R", b"R", b"\x81"])
        while self.chance(0.4):
            code += self.filled(depth)
        return code, "object"

    def filled(self, depth: int) -> bytes:
        value, key = self.value(depth - 2)[0], self.text("key")
        attributes = b"}" + self.text("attribute") + value + b"s"
        return self.random.choice(
            [
                attributes + b"b",
                b"N" + attributes + b"\x86b",
                b"}" + attributes + b"\x86b",
                b"}b",
                value + b"a",
                b"(" + value + b"e",
                b"(" + value + key + b"e",
                b"(e",
                key + value + b"s",
                b"(" + key + value + b"u",
                b"(u",
                b"(" + value + b"\x90",
                b"(" + value + key + b"\x90",
                b"(\x90",
            ]
        )

    def persistent(self, _: int) -> Code:
        ids = [b"Pname\n", self.text("id") + b"Q", self.text("id") + b"K\x01\x86Q"]
        return self.random.choice(ids), "object"

    # What holds other values

    def sequence(self, depth: int) -> Code:
        values = [self.value(depth - 2)[0] for _ in range(self.random.randrange(5))]
        joined = b"".join(values)
        forms = [
            b"(" + joined + b"l",
            b"(" + joined + b"t",
            b"](" + joined + b"e",
            b"]" + b"".join(value + b"a" for value in values),
        ]
        if values:
            forms += [values[0] + b"\x85", values[0] + b"2\x86"]
        return self.random.choice(forms), "sequence"

    def mapping(self, depth: int) -> Code:
        pairs = [self.text(f"k{index}") + self.value(depth - 2)[0] for index in range(self.random.randrange(4))]
        joined = b"".join(pairs)
        forms = [b"(" + joined + b"d", b"}(" + joined + b"u", b"}" + b"".join(pair + b"s" for pair in pairs)]
        return self.random.choice(forms), "mapping"

    def set_of(self, depth: int) -> Code:
        """A set or frozen set of what can be hashed."""
        makers = [self.text_value, self.named, self.persistent]
        codes = [self.random.choice(makers)(depth - 2) for _ in range(self.random.randrange(4))]
        items = b"".join(code + self.remembered(kind) for code, kind in codes)
        return self.random.choice([b"\x8f(" + items + b"\x90", b"(" + items + b"\x91"]), "set"

    def decoy(self, depth: int) -> Code:
        """A value with something beside it that leaves no trace on the stack."""
        before, after = self.value(depth - 2)[0], b""
        protocol = b"\x80" + bytes([self.random.randrange(6)])
        code, kind = self.value(depth - 1)
        choice = self.random.randrange(7)
        if choice == 6:
            after = self.value(depth - 2)[0] + b"0"
        lead = [before + b"0", b"(" + before + b"1", b"(0", b"(1", protocol, before + b"0", before + b"(10"][choice]
        return lead + code + (b"20" if choice == 5 else after), kind
