"""Rules on how files are built: archives that two readers see differently, holes, wrong names, hidden objects."""

from __future__ import annotations

from weighbridge.core.facts import Embedded, JudgeSettings, Link, NameMismatch, Native, Oddity, Pointer
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAFETENSORS = ("hole", "duplicate-key", "metadata-type", "overlap", "trailing-bytes")
_AMBIGUOUS = (
    "name-mismatch",
    "header-mismatch",
    "hidden-member",
    "duplicate-name",
    "overlap",
    "size-mismatch",
    "storage-size",
    "storage-twice",
)


@rule("archive/ambiguous", Severity.HIGH, on=Oddity, refs=("CWE-436", "CVE-2025-1944", "CVE-2025-10156"), since="0.1")
def ambiguous(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """Two readers of this archive see different things.

    What it finds: Members whose two headers disagree, members with the same name, members that share bytes or that
        the directory does not name, storages of another size than the pickle expects.
    Why it matters: A scanner that believes one copy can be shown something harmless while the loader uses the other.
    What to do: Do not use the file. Ask the publisher for one written by the library itself.
    Fires on:
        Oddity("name-mismatch", "'a' in the directory, 'b' at the member")
    Stays silent on:
        Oddity("trailing-bytes", "3 bytes behind the archive")
    """
    if oddity.kind in _AMBIGUOUS and not (ctx.format == "safetensors" and oddity.kind in _SAFETENSORS):
        yield Hit(f"{oddity.kind}: {oddity.detail}")


@rule("archive/path-escape", Severity.HIGH, on=Oddity, refs=("CWE-22", "CWE-59"), since="0.1")
def path_escape(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A member would be written outside of the folder that the archive is unpacked to.

    What it finds: Member names with `..`, a drive, a leading slash, a backslash or a NUL, and symbolic links.
    Why it matters: Unpacking such an archive overwrites files of whoever unpacks it.
    What to do: Do not unpack the file.
    Fires on:
        Oddity("path-escape", "'../../etc/cron.d/x' leads out of the archive")
        Oddity("link", "'data' is a symbolic link")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("path-escape", "link", "odd-name"):
        yield Hit(oddity.detail)


@rule("archive/deletes-files", Severity.HIGH, on=Oddity, refs=("CWE-22", "CWE-73"), since="0.1")
def deletes_files(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A member of the archive says that a file is to be deleted.

    What it finds: Anti-items of 7z, which updates of backups use.
    Why it matters: Unpacking such an archive removes files and folders of whoever unpacks it.
    What to do: Do not unpack the file.
    Fires on:
        Oddity("anti-item", "'data' says that a file is to be deleted")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "anti-item":
        yield Hit(oddity.detail)


@rule("archive/encrypted", Severity.HIGH, on=Oddity, refs=("CVE-2025-1945",), since="0.1")
def encrypted(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A member says that it is encrypted.

    What it finds: The encryption bit in either header of a member.
    Why it matters: Nobody can inspect what is encrypted, and setting the bit in one header alone makes scanners give
        up on a member that loaders read without asking.
    What to do: Ask for the content without encryption.
    Fires on:
        Oddity("encrypted", "'data.pkl' says that it is encrypted")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "encrypted":
        yield Hit(oddity.detail)


@rule("file/extra-bytes", Severity.MEDIUM, on=Oddity, refs=("CWE-436",), since="0.1")
def extra_bytes(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """There are bytes before or behind what the format describes.

    What it finds: A prefix or a tail that the format does not account for.
    Why it matters: One file can be two: a picture that is also an archive, weights with a program at their end.
    What to do: Ask the publisher what the bytes are for. They are listed as unread until somebody knows.
    Fires on:
        Oddity("trailing-bytes", "3 bytes behind the archive")
        Oddity("prefix", "12 bytes before the archive")
    Stays silent on:
        Oddity("name-mismatch", "'a' in the directory, 'b' at the member")
    """
    tail = oddity.kind == "trailing-bytes" and ctx.format != "safetensors"
    if tail or oddity.kind == "prefix":
        yield Hit(oddity.detail)


@rule("file/polyglot", Severity.HIGH, on=Oddity, refs=("CWE-436", "ATLAS AML.T0074"), since="0.1")
def polyglot(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The same bytes are valid in two formats.

    What it finds: A file that another loader would read as something else. Both readings were inspected.
    Why it matters: Which of them counts depends on who opens the file, and that is the point of building one.
    What to do: Do not use the file.
    Fires on:
        Oddity("polyglot", "it can be read as safetensors and as pickle")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "polyglot":
        yield Hit(oddity.detail)


@rule("file/odd-name", Severity.MEDIUM, on=Oddity, refs=("CWE-116", "CWE-451"), since="0.1")
def odd_name(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A file has a name that is made to mislead.

    What it finds: Names with control characters, escape sequences, marks that reverse the reading direction, or bytes
        that are not UTF-8.
    Why it matters: Such names forge what people see in a terminal or a log, and a name that is not UTF-8 cannot be
        signed.
    What to do: Rename the file, and ask how it came to its name.
    Fires on:
        Oddity("file-name", "it contains control characters")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "file-name":
        yield Hit(oddity.detail)


@rule("file/empty", Severity.LOW, on=Oddity, refs=(), since="0.1")
def empty(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A file is empty.

    What it finds: Files of zero bytes.
    Why it matters: Nothing can hide in it, but a model with an empty weight file is not the model that was meant;
        often a download broke off.
    What to do: Fetch the file again.
    Fires on:
        Oddity("empty", "0 bytes")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "empty":
        yield Hit(oddity.detail)


@rule("file/left-out", Severity.INFO, on=Oddity, refs=(), since="0.1")
def left_out(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A folder is not part of the artifact.

    What it finds: The `.git` folder of a checkout.
    Why it matters: It was not inspected. It is in no digest and in no signature, and intake does not store it.
    What to do: Nothing, as long as nobody copies the folder by other means.
    Fires on:
        Oddity("left-out", ".git")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "left-out":
        yield Hit(oddity.detail)


@rule("safetensors/structure", Severity.HIGH, on=Oddity, refs=("CWE-436", "CWE-345"), since="0.1")
def safetensors_structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The safetensors file breaks the rules that make the format safe.

    What it finds: Holes between tensors, tensors that share bytes, bytes behind the last tensor, keys that stand
        twice, metadata that is not text.
    Why it matters: The reference implementation refuses most of these; a reader that does not can be given content
        that nobody looked at.
    What to do: Write the file again with the reference implementation.
    Fires on:
        Oddity("hole", "16 bytes that belong to no tensor")
    Stays silent on:
        Oddity("polyglot", "it can be read as safetensors and as pickle")
    """
    everywhere = oddity.kind in ("hole", "metadata-type")
    if everywhere or (ctx.format == "safetensors" and oddity.kind in _SAFETENSORS):
        yield Hit(f"{oddity.kind}: {oddity.detail}")


@rule("config/duplicate-key", Severity.MEDIUM, on=Oddity, refs=("CWE-436",), since="0.1")
def duplicate_key(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A configuration has the same key twice.

    What it finds: An object in a JSON document with two values for one key.
    Why it matters: Some readers take the first value and some the last, so a reviewer and a loader can see different
        configurations.
    What to do: Remove one of the two.
    Fires on:
        Oddity("duplicate-key", "'auto_map' stands twice")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    if oddity.kind == "duplicate-key" and ctx.format != "safetensors":
        yield Hit(oddity.detail)


@rule("config/embedded-object", Severity.HIGH, on=Embedded, refs=("CWE-502", "ATLAS AML.T0011.000"), since="0.1")
def embedded_object(embedded: Embedded, ctx: RuleContext) -> Iterator[Hit]:
    """A text value hides a serialized object or a program.

    What it finds: Strings in configurations, metadata or texts that decode (base64, hexadecimal, compression, several
        layers) to a pickle, an archive or machine code. What comes out is inspected like a file of its own.
    Why it matters: A configuration is read by loaders that hand such a value to a callback. Nothing honest needs to
        hide an object in a text.
    What to do: Do not load the model. Look at the findings inside the value.
    Fires on:
        Embedded("callbacks.0.on_load", "base64+zlib", "pickle", 240)
    """
    del ctx
    what = f"{embedded.key or 'the text'} is {embedded.format} of {embedded.size} bytes under {embedded.encoding}"
    yield Hit(f"{what}: {embedded.text}")


@rule("file/name-mismatch", Severity.HIGH, on=NameMismatch, refs=("CWE-434", "ATLAS AML.T0074"), since="0.1")
def name_mismatch(mismatch: NameMismatch, ctx: RuleContext) -> Iterator[Hit]:
    """The content is not what the name promises.

    What it finds: A file or member whose extension stands for one format while its bytes are another.
    Why it matters: Loaders go by content, people and policies by name. A pickle called `model.safetensors` passes
        for harmless.
    What to do: Ask the publisher. Do not rename the file to make it fit.
    Fires on:
        NameMismatch("safetensors", "pickle")
    """
    del ctx
    yield Hit(f"the name promises {mismatch.promised}, the content is {mismatch.found}")


@rule("executable/native", Severity.HIGH, on=Native, refs=("CWE-434", "ATLAS AML.T0018.002"), since="0.1")
def native(found: Native, ctx: RuleContext) -> Iterator[Hit]:
    """There is machine code or a script where a model should only have weights.

    What it finds: Programs and libraries (Linux, Windows, macOS, Android, WebAssembly, accelerators), bytecode of
        Java, Python and Lua, packages, shortcuts and scripts: as files and members, at the start of tensors, in
        values, and where bytes are left over behind a format. The middle of data is not searched.
    Why it matters: A library next to a model is loaded by name; a script is what a tutorial asks to start; a program in
        a tensor waits for whoever writes it out. A file that is a model and a program at once (llamafile) runs with
        all rights of whoever starts it.
    What to do: Ask what the program is for. Operators that need native code belong into the serving image. Take the
        weights out of a file that runs itself, and use those.
    Fires on:
        Native("elf")
        Native("ape")
    """
    del ctx
    yield Hit(f"a program of the kind {found.kind}")


@rule("file/link", Severity.HIGH, on=Link, refs=("CWE-59", "CWE-22"), since="0.1")
def link(found: Link, ctx: RuleContext) -> Iterator[Hit]:
    """A symbolic link stands in place of a file.

    What it finds: Symbolic links in the artifact. One that leads out of it is not followed.
    Why it matters: What the link leads to can be exchanged after the inspection, and on another machine it leads
        elsewhere.
    What to do: Replace the link by the file. For a cache of the hub client, copy the snapshot with its links resolved.
    Fires on:
        Link("/etc/passwd", inside=False)
        Link("model-00001.safetensors", inside=True)
    """
    del ctx
    where = "to a file of the artifact" if found.inside else "out of the artifact"
    yield Hit(f"a link {where}: {found.target[:200]!r}", Severity.LOW if found.inside else None)


@rule("file/judge-settings", Severity.MEDIUM, on=JudgeSettings, refs=("CWE-693",), since="0.1")
def judge_settings(found: JudgeSettings, ctx: RuleContext) -> Iterator[Hit]:
    """The artifact brings settings for its judge.

    What it finds: A settings file of this tool inside the artifact. It is not obeyed.
    Why it matters: An artifact that configures its own inspection could switch it off.
    What to do: Remove the file from the model. Settings belong to the project of whoever runs the inspection.
    Fires on:
        JudgeSettings("weighbridge.toml")
    """
    del ctx
    yield Hit(found.name)


@rule("file/pointer", Severity.MEDIUM, on=Pointer, refs=("CWE-345",), since="0.1")
def pointer(found: Pointer, ctx: RuleContext) -> Iterator[Hit]:
    """A file is only a pointer to the real one.

    What it finds: A stand-in as version control for large files leaves it when the content was not fetched.
    Why it matters: The bytes that would be loaded are not here, so nobody looked at them.
    What to do: Fetch the content (`git lfs pull`) and inspect again.
    Fires on:
        Pointer("git-lfs", "sha256:00", 5)
    """
    del ctx
    yield Hit(f"{found.kind} pointer to {found.digest} of {found.size} bytes")


RULES = (
    ambiguous,
    path_escape,
    deletes_files,
    encrypted,
    extra_bytes,
    polyglot,
    odd_name,
    empty,
    left_out,
    safetensors_structure,
    duplicate_key,
    embedded_object,
    name_mismatch,
    native,
    link,
    judge_settings,
    pointer,
)
