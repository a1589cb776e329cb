"""What the index gives and takes: frozen records, all text of models in them escaped and cut."""

from __future__ import annotations

from weighbridge.core.records import NamedTuple

Scope = tuple[str, ...] | None
"""Whose models may be seen: whole names of repositories, or how those begin, in whole parts (`oci:/registry:team`,
`registry.example.com/team/vision`). None: everybody's. Nothing (an empty tuple): nobody's.
"""


class IndexedFile(NamedTuple):
    """A file of a model. Sizes and what was `parsed`, `data` or `opaque` are bytes; `sha256` is hexadecimal."""

    path: str
    size: int
    sha256: str
    format: str
    parsed: int = 0
    data: int = 0
    opaque: int = 0


class IndexedFinding(NamedTuple):
    """A finding of the scan that is stored beside the model."""

    rule: str
    severity: str
    title: str
    location: str
    evidence: str


class IndexedEvidence(NamedTuple):
    """Something that refers to the model: its manifest's digest, what it is, and whether it holds.

    `result` is `verified`, `broken` or `unchecked`; `why` says what decides. `made` is a time in UTC, or empty.
    """

    referrer: str
    kind: str
    type: str
    signer: str
    made: str
    result: str
    why: str


class Term(NamedTuple):
    """Something that a model has or says, by which it is asked for: (`global`, `os.system`), (`licence`, `mit`)."""

    kind: str
    value: str


class Edge(NamedTuple):
    """Where a model comes from. `relation`: `base`, `dataset`, `converted-from`; `target` a name or a digest.

    `proof` is the status of the claim: `verified`, `declared`, …
    """

    relation: str
    target: str
    proof: str = "declared"


class IndexedModel(NamedTuple):
    """Everything that the index holds of one manifest in one repository.

    `repository` is the whole name (`HOST/team/net`, `oci:/folder:team/net`), `path` the part inside its registry
    (`team/net`). `manifest` and `model` are digests as text. `verdict` is that of a verified scan, else `unknown`.
    `proof` is `verified` (some evidence holds and none is broken), `broken` or `missing`. `facts` is the digest of the
    referrer that has them; `facts_state` is `known`, `cut` (more terms than are kept), `unreadable` or `missing`.
    `newest` is when the newest evidence was made. Times are UTC as RFC 3339 writes them, empty if not known.
    """

    repository: str
    path: str
    manifest: str
    model: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    verdict: str = "unknown"
    proof: str = "missing"
    scanned: str = ""
    size: int = 0
    source: str = ""
    revision: str = ""
    publisher: str = ""
    licence: str = ""
    knowledge: str = ""
    facts: str = ""
    facts_state: str = "missing"
    newest: str = ""
    files: tuple[IndexedFile, ...] = ()
    findings: tuple[IndexedFinding, ...] = ()
    evidence: tuple[IndexedEvidence, ...] = ()
    terms: tuple[Term, ...] = ()
    lineage: tuple[Edge, ...] = ()
    sheet: bytes | None = None
    """Its packed facts, by which it is judged again (`index/sheets.py`); empty if there are none. None: not said."""


class Standing(NamedTuple):
    """The newest answer of gate two for one stage, and its place in the log."""

    stage: str
    allowed: bool
    made: str
    sequence: int


class Row(NamedTuple):
    """A model in a list. `changed` is the number of its last change: the place to go on from; `before` the verdict
    that it had before that change (empty: it was not known, or the verdict is the same).
    """

    repository: str
    path: str
    manifest: str
    model: str
    name: str
    tags: tuple[str, ...]
    verdict: str
    proof: str
    scanned: str
    size: int
    source: str
    publisher: str
    licence: str
    deployed: tuple[str, ...]
    newest: str
    changed: int
    before: str


class Page(NamedTuple):
    """Some rows, the last changed first. `after` goes on; 0: there are no more."""

    rows: tuple[Row, ...]
    after: int


class Filters(NamedTuple):
    """What a page is to show; empty: anything. `name` is how a repository's path begins; `stage`: allowed there."""

    verdict: str = ""
    proof: str = ""
    publisher: str = ""
    source: str = ""
    name: str = ""
    stage: str = ""


class Known(NamedTuple):
    """One model with everything, and where it stands in the stages."""

    model: IndexedModel
    standing: tuple[Standing, ...]
    changed: int
    before: str


class Counts(NamedTuple):
    """How many models there are, in all and of each verdict; `bytes` of their files; `deployed`: allowed, by stage."""

    models: int
    bytes: int
    verdicts: dict[str, int]
    deployed: dict[str, int]
    sequence: int


class Found(NamedTuple):
    """The models that a search found. `more`: there may be others."""

    rows: tuple[Row, ...]
    more: bool


class Kin(NamedTuple):
    """One line of a lineage: `child` (a manifest's digest and its repository) comes from `target`.

    `parents` are manifests of the index that `target` names.
    """

    repository: str
    child: str
    relation: str
    target: str
    proof: str
    parents: tuple[str, ...]


class Family(NamedTuple):
    """What a model comes from and what comes from it. `more`: there is more than is shown."""

    edges: tuple[Kin, ...]
    more: bool


class Decided(NamedTuple):
    """A decision of the log about a digest. `refused` are the requirements that were not met."""

    sequence: int
    hash: str
    digest: str
    stage: str
    allowed: bool
    made: str
    reference: str
    refused: tuple[str, ...]
