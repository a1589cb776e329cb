"""The bill of materials as one record, whatever it is written as.

Sizes, digests, formats, tensors and operators were observed in bytes. What somebody only says (in a card, in a
configuration, on the command line) is a `Said` with the place where it stands. Nothing is invented: what is not known
is None or empty, and `unknown` names it.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weighbridge.core.artifact import CoverageBytes
    from weighbridge.core.digests import Digest
    from weighbridge.core.evidence import Tool


class BillFile(NamedTuple):
    """One file of the model; `can_carry_code` says that its format runs code on loading or was not understood."""

    path: str
    size: int
    sha256: Digest
    format: str
    can_carry_code: bool


class Declared(NamedTuple):
    """What `config.json` says of the model; empty strings where it says nothing."""

    architectures: tuple[str, ...] = ()
    model_type: str = ""
    dtype: str = ""
    library_version: str = ""
    base_model: str = ""
    quantization: str = ""
    custom_code: tuple[str, ...] = ()


class Weights(NamedTuple):
    """The tensors of one file: how many, their elements together, and elements by dtype (sorted)."""

    path: str
    tensors: int
    parameters: int
    dtypes: tuple[tuple[str, int], ...]


class Observed(NamedTuple):
    """What the tensors of all files say together."""

    tensors: int = 0
    parameters: int = 0
    dtypes: tuple[tuple[str, int], ...] = ()
    weights: tuple[Weights, ...] = ()


class Said(NamedTuple):
    """A value and the place where it stands. `observed`: the place is the format itself, read as data."""

    name: str
    value: str
    where: str
    observed: bool = False


class BaseModel(NamedTuple):
    """A model that this one was made of. `relation` as the card calls it; `digest` and `revision` where known."""

    name: str
    where: str
    relation: str = ""
    digest: str = ""
    revision: str = ""


class DataSet(NamedTuple):
    """A reference to data. `role` is `training` or `evaluation`; `version` a commit, a snapshot or a version.

    `digest` is a fingerprint of the data as sha256 in hexadecimal, `records` how many there are and the root of their
    tree. Empty: not known.
    """

    name: str
    role: str
    where: str
    version: str = ""
    digest: str = ""
    records: str = ""


class Dependency(NamedTuple):
    """Something that is needed to run the model. `kind` is `package`, `platform` or `runtime`.

    `version` is one version, `wanted` what is asked for as it is written. `purl` is empty where the name is no package
    of a known registry.
    """

    name: str
    where: str
    kind: str = "package"
    version: str = ""
    wanted: str = ""
    purl: str = ""


class OperatorUse(NamedTuple):
    """Operators of one domain that graphs use. `custom` are those that neither the format nor the model defines."""

    format: str
    domain: str
    operators: int
    version: int | None = None
    custom: tuple[str, ...] = ()


class Metric(NamedTuple):
    """A measured quality as the card's results say it."""

    type: str
    value: str
    data_set: str = ""


class Licence(NamedTuple):
    """`declared` as written, alternatives and all; `concluded` what the text of the licence itself was found to be.

    `problem` says what contradicts it; empty if nothing does.
    """

    declared: str = ""
    concluded: str = ""
    problem: str = ""


class EvidenceReference(NamedTuple):
    """An attestation about the same model, by the digest of its signed bundle."""

    kind: str
    predicate_type: str
    digest: Digest


class ModelBill(NamedTuple):
    """Everything that a bill of materials of one model says.

    `prose` is what the card says in words, by subject (`intended-use`, `limitations`, …). `signature_verified` is None
    if there was no signature to check with. `problems` are what could not be read for this bill.
    """

    name: str
    digest: Digest
    files: tuple[BillFile, ...]
    declared: Declared
    observed: Observed
    verdict: str
    coverage: CoverageBytes
    pickle_present: bool
    scanned_at: str
    knowledge: str
    tool: Tool
    source: str | None
    revision: str | None
    findings: tuple[tuple[str, int], ...] = ()
    architecture: tuple[Said, ...] = ()
    bases: tuple[BaseModel, ...] = ()
    scratch: bool = False
    data_sets: tuple[DataSet, ...] = ()
    method: tuple[Said, ...] = ()
    training: tuple[Said, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    operators: tuple[OperatorUse, ...] = ()
    custom_code: tuple[Said, ...] = ()
    licence: Licence = Licence()
    prose: tuple[Said, ...] = ()
    task: str = ""
    supplier: str = ""
    released: str = ""
    metrics: tuple[Metric, ...] = ()
    signature_verified: bool | None = None
    evidence: tuple[EvidenceReference, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of the files, each once, sorted."""
        return tuple(sorted({file.format for file in self.files}))

    @property
    def said(self) -> dict[str, str]:
        """What the card says in words, by subject."""
        return {one.name: one.value for one in self.prose}
