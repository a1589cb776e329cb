"""The closed list of what a format parser can see. Facts carry no judgement; rules judge them.

Offsets are bytes from the start of the blob that the fact was seen in; the engine knows which blob that is.
Facts are stored with the evidence, so a later rule can judge a model again without reading it.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from weighbridge.core.reader import Reader
CallMode: TypeAlias = 'Literal["call", "new", "build", "append", "setitem", "additems", "persistent"]'


class Import(NamedTuple):
    """A pickle names a global: loading imports its module. `how` is the opcode that names it."""

    name: str
    how: str = "GLOBAL"
    offset: int = 0
    excerpt: str = ""
    times: int = 1
    opcodes: str = ""


class Call(NamedTuple):
    """A pickle makes the loader call something.

    `callable` is the dotted name, or an expression when it is itself a result. `mode` says by which road (REDUCE,
    NEWOBJ, BUILD, …). `arguments` are symbolic and shortened: text for people. `shape` keeps what rules need:
    types of constants, dotted names of globals. `excerpt` is hexadecimal, the bytes around the opcode; `opcodes` are
    names of those that lead to it.
    """

    callable: str
    mode: CallMode
    arguments: str
    shape: str
    offset: int = 0
    excerpt: str = ""
    times: int = 1
    opcodes: str = ""


class ComputedImport(NamedTuple):
    """A pickle imports a name that it computes while loading, so that nobody can read it beforehand."""

    expression: str
    offset: int = 0
    excerpt: str = ""
    opcodes: str = ""


class PickleEnd(NamedTuple):
    """One pickle stream as a whole: where it lies, its highest protocol, whether STOP was reached."""

    offset: int
    size: int
    protocol: int
    complete: bool


class Tensor(NamedTuple):
    """One tensor as its container describes it; `offset` and `size` in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Operator(NamedTuple):
    """An operator that graphs of the model use, `times` times and first at `offset`.

    `domain` says whose it is (empty: the format's own). `defined` is true if the model itself defines it as a function
    of other operators. `text` shortens the string attributes of its first use.
    """

    domain: str
    name: str
    times: int
    offset: int
    defined: bool = False
    text: str = ""


class OperatorSet(NamedTuple):
    """A version of a domain's operators that the model asks its runtime for."""

    domain: str
    version: int
    offset: int


class Graph(NamedTuple):
    """A graph of `nodes` operators. `role`: `main`, `body` (of a control-flow operator), `function`, `training`.

    A function is called by `domain` and `name` like an operator.
    """

    role: str
    domain: str
    name: str
    nodes: int
    offset: int


class ExternalData(NamedTuple):
    """A tensor whose bytes lie in another file. `location` is relative to the folder of this one.

    `base` is a folder that the model names for it. `start` and `length` are bytes in that file (`length` is -1 if the
    model does not say), `wanted` the bytes that shape and type ask for (-1 if that is not known).
    """

    tensor: str
    location: str
    start: int
    length: int
    wanted: int
    base: str
    offset: int


class Metadata(NamedTuple):
    """A key and the first characters of its value in a format's own metadata; `size` is that of the whole value."""

    key: str
    value: str
    size: int
    offset: int


class Setting(NamedTuple):
    """A configuration key that loaders act upon (auto_map, architectures, …) with its shortened value."""

    key: str
    value: str
    offset: int


class Reference(NamedTuple):
    """The file names code that a loader imports, builds or calls.

    `road` is how the loader gets there (`auto_map`, `target`, `keras-class`, …: the format's documentation lists its
    own), `name` the class, function or file as the document writes it, `key` the place in the document, `arguments`
    what it would be called with, shortened for people.
    """

    road: str
    name: str
    key: str
    arguments: str = ""
    offset: int = 0


class FileReference(NamedTuple):
    """The file makes a loader read or write another file or address. `road` says how, `target` is as written."""

    road: str
    target: str
    key: str
    offset: int = 0


class TemplateUse(NamedTuple):
    """Something that a template does beyond printing its variables.

    `key` is where the template stands, `kind` what it does (`attribute`, `call`, `import`, `computed-name`, …),
    `expression` its source, shortened. The kind `whole` says which template it is: `expression` is its digest.
    """

    key: str
    kind: str
    expression: str
    offset: int = 0


class SourceUse(NamedTuple):
    """Source code that reaches outside of its program.

    `kind` is what it does (`run-code`, `process`, `http`, `pickle`, …), `name` what it uses, `text` the expression,
    shortened. `level` says when it runs: on `import`, on a `call` of a function, or in `main` when run as a script.
    `traits` are what is known of its arguments: `literal`, `decoded`, `downloaded`, `metadata`, `environment`, `file`,
    `hidden` (the name itself is put together).
    """

    kind: str
    name: str
    text: str
    level: str
    traits: tuple[str, ...] = ()
    offset: int = 0
    times: int = 1


class ActiveText(NamedTuple):
    """A text value that does something when it is evaluated, run or shown: `kind` is python, shell or markup.

    `key` is where the value stands, `text` the part of it that tells.
    """

    key: str
    kind: str
    text: str
    offset: int = 0


class Markup(NamedTuple):
    """Something in a document that does more than show its text.

    `kind` is what it does (`script`, `handler`, `frame`, …: `formats/markup/walk.py` lists them), `name` the element
    and attribute, `text` the part that tells, shortened.
    """

    kind: str
    name: str
    text: str = ""
    offset: int = 0
    times: int = 1


class Address(NamedTuple):
    """An address that something could be sent to or fetched from, of a kind that ordinary links are not.

    `kind` is that of the knowledge (`chat-hook`, `tunnel`, `catcher`, …) or `ip`, `ip-port`, `onion`; `target` the
    address without what gives access, `key` where it stands, `encoding` how it was hidden (empty: it was not).
    """

    kind: str
    target: str
    key: str
    encoding: str = ""
    offset: int = 0


class Secret(NamedTuple):
    """Something that gives access. It is never repeated: `size` are its characters, `digest` how its SHA-256 begins.

    `checked` is true if a checksum inside of it is right.
    """

    kind: str
    key: str
    size: int
    digest: str
    checked: bool = False
    offset: int = 0


class PersonalData(NamedTuple):
    """Data about people, `values` different values of one kind; no value is repeated."""

    kind: str
    values: int
    key: str
    offset: int = 0


class Embedded(NamedTuple):
    """Text that decodes to a known format.

    `encoding` lists the layers, outermost first: `base64+zlib`. `size` is that of what comes out, in bytes; `excerpt`
    its first bytes as hexadecimal; `text` the first characters of the encoded text.
    """

    key: str
    encoding: str
    format: str
    size: int
    text: str = ""
    offset: int = 0
    excerpt: str = ""


class Oddity(NamedTuple):
    """A structure that honest writers do not produce. `kind` is from the format's documentation."""

    kind: str
    detail: str
    offset: int = 0


class Limit(NamedTuple):
    """A limit of inspection was reached. `limit` is the field of `core.limits.Limits`, `value` its value."""

    limit: str
    value: int
    offset: int = 0


class NameMismatch(NamedTuple):
    """The name promises one format and the content is another."""

    promised: str
    found: str


class Native(NamedTuple):
    """Machine code or a script for a shell or another interpreter: `kind` is elf, pe, mach-o, script, …"""

    kind: str
    offset: int = 0


class Link(NamedTuple):
    """A symbolic link in the artifact; `inside` says whether it leads to a file of the same artifact."""

    target: str
    inside: bool


class JudgeSettings(NamedTuple):
    """The artifact brings a settings file for this tool. It was not obeyed."""

    name: str


class Pointer(NamedTuple):
    """A stand-in for a file that is kept elsewhere (Git LFS, …): the bytes that matter are not here."""

    kind: str
    digest: str
    size: int


class UnreadSpan(NamedTuple):
    """Bytes that could not be inspected, with the reason."""

    offset: int
    size: int
    why: str


Fact = (
    Import
    | Call
    | ComputedImport
    | PickleEnd
    | Tensor
    | Operator
    | OperatorSet
    | Graph
    | ExternalData
    | Metadata
    | Setting
    | Reference
    | FileReference
    | TemplateUse
    | ActiveText
    | SourceUse
    | Markup
    | Address
    | Secret
    | PersonalData
    | Embedded
    | Oddity
    | Limit
    | NameMismatch
    | Native
    | Link
    | JudgeSettings
    | Pointer
    | UnreadSpan
)


class Span(NamedTuple):
    """Bytes that a parser accounts for. What no span covers is opaque."""

    offset: int
    size: int
    kind: Literal["parsed", "data"]


class Child(NamedTuple):
    """A blob inside a blob, for the same loop of inspection.

    `offset` and `size` are the bytes that it takes in the parent (`offset` is -1 if it takes none of its own, as
    with decoded text: then the child is looked into but need not be accounted for). `reader` gives its content.
    """

    name: str
    offset: int
    size: int
    reader: Reader
