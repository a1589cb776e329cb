r"""Programs and scripts: known by their first bytes or by their name, told, and not read.

    ELF            7F "ELF", class, byte order, version              Linux, cubin and hsaco of accelerators too
    Windows        "MZ" …, at 60 u32 the place of "PE\0\0"           .exe, .dll, .pyd, .sys
    Mach-O         FEEDFACE, FEEDFACF in both byte orders, processor, …, type of file
    fat Mach-O     CAFEBABE, CAFEBABF, u32 number of programs        Java classes: CAFEBABE, u16 minor, u16 major
    others         WebAssembly, dex, LLVM bitcode, SPIR-V, CUDA fatbin, Metal, Lua, archives of objects, shortcuts, OLE
    APE            "MZqFpD='": Windows and Unix program, shell script, mostly a zip archive too (llamafile)
    bytecode       u16 number, 0D 0A                                 .pyc
    script         "#!" and a path, or a name that shells and interpreters go by

What such a file does cannot be said without following it, so all of it stays unread. Text is searched for objects that
are written into it. A program is looked for where something begins: files, members, tensors, values of metadata, and
what is left over behind a format. It is not looked for in the middle of data: what lies there is nobody's beginning.
Sources: ELF gABI chapter 4; Microsoft "PE Format"; Apple `mach-o/loader.h`, `mach-o/fat.h`; JVMS 4.1; LLVM bitcode
file format; WebAssembly core specification 5.5; Android `dex-format`; cosmopolitan `ape/specification.md`.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Child, Embedded, Limit, Native, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import machine_code
from weighbridge.formats.texts.plain import search_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LIBRARIES = frozenset(
    (".so", ".dll", ".dylib", ".exe", ".pyd", ".node", ".sys", ".ko", ".scr", ".wasm", ".dex", ".class", ".pyc")
)
OTHERS = frozenset((".msi", ".lnk", ".deb", ".rpm", ".cubin", ".fatbin", ".hsaco", ".metallib", ".spv", ".bc"))
SCRIPTS = {
    ".sh": "shell", ".bash": "shell", ".zsh": "shell", ".ksh": "shell", ".csh": "shell", ".fish": "shell",
    ".ps1": "powershell", ".psm1": "powershell", ".bat": "batch", ".cmd": "batch", ".vbs": "visual-basic",
    ".vbe": "visual-basic", ".wsf": "windows-script", ".hta": "html-application", ".js": "javascript",
    ".mjs": "javascript", ".cjs": "javascript", ".jse": "javascript", ".pl": "perl", ".pm": "perl", ".rb": "ruby",
    ".php": "php", ".lua": "lua", ".tcl": "tcl", ".r": "r", ".jl": "julia", ".groovy": "groovy",
    ".java": "java-source", ".awk": "awk", ".applescript": "applescript", ".reg": "registry",
    ".desktop": "desktop-entry", ".service": "service", ".ptx": "gpu-assembly",
}  # fmt: skip
"""Extension → whose script it is."""
BYTECODE = re.compile(rb"..\r\n", re.DOTALL)
_VERSIONED = re.compile(r".+\.so(?:\.[0-9]{1,9}){1,4}")


class Program:
    """Machine code, bytecode, or what the system starts when it is opened."""

    name = "program"
    version = 1
    extensions = LIBRARIES | OTHERS

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the header; MAYBE if only the name says so."""
        kind = machine_code(info.head)
        if kind and kind != "script":
            return Match.YES
        if _far_windows(data, info.head):
            return Match.YES
        named = info.extension in self.extensions or _VERSIONED.fullmatch(info.name) is not None
        return Match.MAYBE if named else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Say what it is, where the first bytes alone do not say it."""
        del budget
        if not machine_code(info.head):
            if _far_windows(data, info.head):
                yield Native("pe")
            elif info.extension == ".pyc" and BYTECODE.match(info.head):
                yield Native("python-bytecode")
            else:
                yield Native(f"named {info.extension or info.name}"[:40])
        yield UnreadSpan(0, data.size, "a program is not read: nobody can say what it does without following it")


class Script:
    """Text for a shell or an interpreter other than Python's."""

    name = "script"
    version = 1
    extensions = frozenset(SCRIPTS)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the first line or by the name: what is surely something else is that."""
        del data
        named = info.extension in SCRIPTS or machine_code(info.head) == "script"
        return Match.MAYBE if named or _path_file(info) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Say whose script it is, and search it for objects; the text itself stays unread."""
        if machine_code(info.head) != "script":
            kind = "python-path" if _path_file(info) else SCRIPTS.get(info.extension)
            yield Native(str(kind))
        # Without its first line, which alone makes it look like an object that is hidden in it.
        start = info.head.find(b"\n") + 1
        for seen in search_text(data.part(start, data.size - start), budget):
            if isinstance(seen, Child | Embedded):
                yield seen if isinstance(seen, Child) else seen._replace(offset=seen.offset + start)
            elif isinstance(seen, Limit):
                yield seen
        yield UnreadSpan(0, data.size, "a script is not read: what it does depends on the interpreter that runs it")


def _far_windows(data: Reader, head: bytes) -> bool:
    """Whether a Windows header stands behind the first bytes of a file: drivers and installers have long stubs."""
    if not head.startswith(b"MZ") or len(head) < 64:
        return False
    place = int.from_bytes(head[60:64], "little")
    return place >= 64 and data.peek(place, 4) == b"PE\0\0"


def _path_file(info: BlobInfo) -> bool:
    """Whether a `.pth` is one of Python's, whose lines with `import` run whenever an interpreter starts."""
    return info.extension == ".pth" and info.head.startswith((b"import ", b"import\t"))
