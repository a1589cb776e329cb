"""Random pickle programs over all opcodes, most of them valid, some of them broken on purpose."""

from __future__ import annotations

import struct
from random import Random

NAMES = [("m", "f"), ("m.sub", "C"), ("other", "make"), ("deep.er", "Kind.Inner"), ("os", "system")]


class Program:
    """Writes one program. `kinds` is the kind of every memo entry, so that only what exists is fetched."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.kinds: dict[int, str] = {}

    def whole(self) -> bytes:
        """A program that leaves one value; one in five is damaged afterwards."""
        body = b"\x80" + bytes([self.random.randrange(6)]) if self.random.random() < 0.8 else b""
        for _ in range(self.random.randrange(4)):
            body += self.value(4)[0] + b"0"
        body += self.value(5)[0] + b"."
        if self.random.random() < 0.2:
            body = self.damaged(body)
        return body

    def damaged(self, body: bytes) -> bytes:
        place = self.random.randrange(len(body))
        return self.random.choice(
            [
                body[:place],
                body[:place] + b"\xff" + body[place:],
                body[:place] + b"0" * 9 + body[place:],
                body[:place] + b"h\xfa" + body[place:],
                body[:place] + b"t" + body[place:],
            ]
        )

    def value(self, depth: int) -> tuple[bytes, str]:
        """Opcodes that push exactly one value, and its kind."""
        makers = [self.constant, self.constant, self.fetched]
        if depth > 0:
            makers += [self.sequence, self.mapping, self.made, self.made, self.named, self.persistent, self.decoy]
        code, kind = self.random.choice(makers)(depth)
        return code + self.remembered(kind), kind

    def remembered(self, kind: str) -> bytes:
        """Perhaps store the value under a key, old keys included."""
        choice = self.random.random()
        key = self.random.randrange(40)
        if choice < 0.6:
            return b""
        if choice < 0.7:
            key = len(self.kinds)
            if key in self.kinds:
                return b""
            code = b"\x94"
        else:
            code = [b"q" + bytes([key]), b"r" + struct.pack("<I", key), b"p%d\n" % key][self.random.randrange(3)]
        self.kinds[key] = kind
        return code

    def fetched(self, depth: int) -> tuple[bytes, str]:
        if not self.kinds:
            return self.constant(depth)
        key = self.random.choice(sorted(self.kinds))
        code = [b"h" + bytes([key]), b"j" + struct.pack("<I", key), b"g%d\n" % key][self.random.randrange(3)]
        return code, self.kinds[key]

    def constant(self, _: int) -> tuple[bytes, str]:
        number = self.random.randrange(200)
        return self.random.choice(
            [
                b"N",
                b"\x88",
                b"I01\n",
                b"I%d\n" % number,
                b"L%dL\n" % number,
                b"F1.5\n",
                b"K" + bytes([number]),
                b"M" + struct.pack("<H", number),
                b"J" + struct.pack("<i", -number),
                b"G" + struct.pack(">d", number / 7),
                b"\x8a\x02" + struct.pack("<h", number),
                b"\x8b" + struct.pack("<i", 3) + b"abc",
                b"C\x03xyz",
                b"B" + struct.pack("<I", 2) + b"xy",
                b"\x96" + struct.pack("<Q", 2) + b"xy",
            ]
        ), "constant"

    def text(self, value: str) -> bytes:
        raw = value.encode()
        return self.random.choice(
            [
                b"\x8c" + bytes([len(raw)]) + raw,
                b"X" + struct.pack("<I", len(raw)) + raw,
                b"\x8d" + struct.pack("<Q", len(raw)) + raw,
                b"V" + raw + b"\n",
                b"V\\u%04x" % raw[0] + raw[1:] + b"\n",
                b"S'" + raw + b"'\n",
                b"U" + bytes([len(raw)]) + raw,
            ]
        )

    def named(self, _: int) -> tuple[bytes, str]:
        module, name = self.random.choice(NAMES)
        choice = self.random.randrange(4)
        if choice == 0:
            return f"c{module}\n{name}\n".encode(), "global"
        first, second = self.text(module), self.text(name)
        if choice == 1:
            return first + second + b"\x93", "global"
        if choice == 2:
            key = 200 + self.random.randrange(20)
            self.kinds.pop(key, None)
            return first + b"q" + bytes([key]) + b"0" + second + b"q" + bytes([key + 21]) + b"0h" + bytes(
                [key]
            ) + b"h" + bytes([key + 21]) + b"\x93", "global"
        return first + b"(K\x011" + second + b"20\x93", "global"

    def arguments(self, depth: int) -> bytes:
        count = self.random.randrange(4)
        values = b"".join(self.value(depth - 2)[0] for _ in range(count))
        if count and self.random.random() < 0.5:
            return values + bytes([0x84 + count])
        return b"(" + values + b"t"

    def made(self, depth: int) -> tuple[bytes, str]:
        """An object made by a call, perhaps given a state or filled like a container."""
        choice = self.random.randrange(5)
        if choice == 0:
            module, name = self.random.choice(NAMES)
            values = b"".join(self.value(depth - 2)[0] for _ in range(self.random.randrange(3)))
            code = b"(" + values + f"i{module}\n{name}\n".encode()
        elif choice == 1:
            values = b"".join(self.value(depth - 2)[0] for _ in range(self.random.randrange(3)))
            code = b"(" + self.named(0)[0] + values + b"o"
        elif choice == 2:
            code = self.named(0)[0] + self.arguments(depth) + b"}" + self.text("key") + b"K\x01s\x92"
        else:
            code = self.named(0)[0] + self.arguments(depth) + self.random.choice([b"R", b"\x81"])
        after = self.random.randrange(8)
        if after == 0:
            code += b"}" + self.text("attribute") + self.value(depth - 2)[0] + b"sb"
        elif after == 1:
            code += b"N}" + self.text("slot") + b"K\x01s\x86b"
        elif after == 2:
            code += self.value(depth - 2)[0] + b"a"
        elif after == 3:
            code += b"(" + self.value(depth - 2)[0] + b"e"
        elif after == 4:
            code += self.text("key") + self.value(depth - 2)[0] + b"s"
        elif after == 5:
            code += b"(" + self.text("key") + self.value(depth - 2)[0] + b"u"
        elif after == 6:
            code += b"(" + self.constant(0)[0] + b"\x90"
        return code, "object"

    def sequence(self, depth: int) -> tuple[bytes, str]:
        values = [self.value(depth - 2)[0] for _ in range(self.random.randrange(5))]
        joined = b"".join(values)
        forms = [
            b"(" + joined + b"l",
            b"(" + joined + b"t",
            b"](" + joined + b"e",
            b"]" + b"".join(value + b"a" for value in values),
        ]
        return self.random.choice(forms), "sequence"

    def mapping(self, depth: int) -> tuple[bytes, str]:
        pairs = [self.text(f"k{index}") + self.value(depth - 2)[0] for index in range(self.random.randrange(4))]
        joined = b"".join(pairs)
        forms = [b"(" + joined + b"d", b"}(" + joined + b"u", b"}" + b"".join(pair + b"s" for pair in pairs)]
        return self.random.choice(forms), "mapping"

    def persistent(self, depth: int) -> tuple[bytes, str]:
        return (b"Pname\n", "object") if self.random.random() < 0.5 else (self.text("id") + b"Q", "object")

    def decoy(self, depth: int) -> tuple[bytes, str]:
        """A value with something beside it that leaves no trace on the stack."""
        code, kind = self.value(depth - 1)
        other = self.value(depth - 2)[0]
        return self.random.choice(
            [other + b"0" + code, b"(" + other + b"1" + code, code + b"20", code + other + b"0"]
        ), kind
