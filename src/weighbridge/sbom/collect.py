"""What goes into the bill of materials: collected from an inspection alone, so that no file is read twice.

Sizes, digests, formats and tensors were observed; what stands in `config.json` is declared by whoever wrote it.
Nothing is invented: what is not known is None or empty.
"""

from __future__ import annotations

from weighbridge.core.facts import Setting, Tensor
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weighbridge.core.artifact import CoverageBytes
    from weighbridge.core.digests import Digest
    from weighbridge.core.evidence import Tool
    from weighbridge.scan.report import BlobFacts, Inspection

CODE_FORMATS = frozenset(("pickle", "torch-zip"))
"""Formats whose loading runs what the file says."""


class BillFile(NamedTuple):
    """One file of the model; `can_carry_code` says that its format runs code on loading or was not understood."""

    path: str
    size: int
    sha256: Digest
    format: str
    can_carry_code: bool


class Declared(NamedTuple):
    """What `config.json` says of the model; empty strings where it says nothing."""

    architectures: tuple[str, ...]
    model_type: str
    dtype: str
    library_version: str
    base_model: str
    quantization: str
    custom_code: tuple[str, ...]


class Observed(NamedTuple):
    """What the tensors say: how many, their elements together, and elements by dtype (sorted)."""

    tensors: int
    parameters: int
    dtypes: tuple[tuple[str, int], ...]


class ModelBill(NamedTuple):
    """Everything that a bill of materials of one model says, whatever it is written as."""

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

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of the files, each once, sorted."""
        return tuple(sorted({file.format for file in self.files}))


def collect(inspection: Inspection, *, source: str | None, revision: str | None) -> ModelBill:
    """The bill of an inspected model. `source` and `revision` are where it came from, if that is known."""
    report = inspection.report
    files = tuple(
        BillFile(file.path, file.size, file.sha256, file.format, _can_carry_code(file.format))
        for file in report.artifact.files
    )
    coverages = [file.coverage for file in report.artifact.files]
    parsed, data, opaque = (sum(column) for column in zip(*coverages, strict=True)) if coverages else (0, 0, 0)
    blobs = inspection.facts.blobs
    return ModelBill(
        name=report.artifact.name,
        digest=report.artifact.digest,
        files=files,
        declared=_declared(blobs),
        observed=_observed(blobs),
        verdict=report.verdict.value,
        coverage=type(coverages[0])(parsed, data, opaque) if coverages else _no_coverage(),
        pickle_present=any(blob.format in CODE_FORMATS for blob in blobs),
        scanned_at=report.envelope.finished,
        knowledge=report.knowledge,
        tool=report.tool,
        source=source,
        revision=revision,
    )


def _can_carry_code(format_: str) -> bool:
    return format_ in CODE_FORMATS or format_ in ("opaque", "zip", "gzip", "zlib", "bzip2", "xz", "lzma")


def _declared(blobs: tuple[BlobFacts, ...]) -> Declared:
    settings: dict[str, str] = {}
    for blob in blobs:
        if blob.location == "config.json":
            settings.update((fact.key, fact.value) for fact in blob.facts if isinstance(fact, Setting))

    def several(prefix: str) -> tuple[str, ...]:
        return tuple(value for key, value in settings.items() if key.startswith(prefix) and value)

    return Declared(
        architectures=several("architectures."),
        model_type=settings.get("model_type", ""),
        dtype=settings.get("torch_dtype", "") or settings.get("dtype", ""),
        library_version=settings.get("transformers_version", ""),
        base_model=settings.get("base_model_name_or_path", "") or settings.get("_name_or_path", ""),
        quantization=settings.get("quantization_config.quant_method", ""),
        custom_code=several("auto_map."),
    )


def _observed(blobs: tuple[BlobFacts, ...]) -> Observed:
    by_dtype: dict[str, int] = {}
    count = 0
    for blob in blobs:
        for fact in blob.facts:
            if isinstance(fact, Tensor):
                count += 1
                elements = 1
                for length in fact.shape:
                    elements *= length
                by_dtype[fact.dtype] = by_dtype.get(fact.dtype, 0) + elements
    return Observed(count, sum(by_dtype.values()), tuple(sorted(by_dtype.items())))


def _no_coverage() -> CoverageBytes:
    from weighbridge.core.artifact import CoverageBytes

    return CoverageBytes(0, 0, 0)
