"""What is needed to run a model: packages, platforms, operator sets and code, from everything that names them.

Lists of packages say what is wanted; versions in configurations and cards say what the model was made with. A version
with a local part such as `2.1.0+cu118` names the CUDA that its package was built for.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Call, Import, Metadata, Operator, OperatorSet, Reference
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sbom.bill import Dependency, OperatorUse, Said
from weighbridge.sbom.documents import FRAMEWORKS, LONGEST, MOST, text_of
from weighbridge.sbom.environments import ENVIRONMENT, PROJECT, environment, project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.sbom.documents import Documents
    from weighbridge.scan.report import BlobFacts

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_EXTRAS = re.compile(r"\[[\w.,\s-]{0,100}\]")
_WANTED = re.compile(r"(?:===?|~=|!=|[<>]=?)\s*[A-Za-z0-9.*!+_-]{1,60}")
_EXACT = re.compile(r"===?\s*([0-9][A-Za-z0-9.!+_-]*)")
_VERSION = re.compile(r"v?[0-9][A-Za-z0-9.!+_-]{0,60}")
_MADE_WITH = re.compile(r"[-*\s]*([A-Za-z][A-Za-z0-9 ._-]{0,40}?)[\s:=]+v?([0-9][A-Za-z0-9.!+_-]{0,60})\.?")
_CUDA = re.compile(r"\+cu(\d{2,3})\b")
_CUDA_NAME = re.compile(r"(?:nvidia-[a-z-]+-cu|cupy-cuda|tensorrt-cu)(\d\d)x?")
CUDA_OF_CONDA = frozenset(("cudatoolkit", "cuda-toolkit", "cuda-runtime", "cuda-version", "pytorch-cuda"))
_PACKAGES = {
    "pytorch": "torch",
    "sentence transformers": "sentence-transformers",
    "sentence_transformers": "sentence-transformers",
    "scikit-learn": "scikit-learn",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "keras": "keras",
}
"""Names in cards and configurations → names of packages, where they differ or need saying."""
KNOWN = frozenset(
    (
        "accelerate",
        "auto-gptq",
        "autoawq",
        "bitsandbytes",
        "datasets",
        "diffusers",
        "fastai",
        "flair",
        "flax",
        "gguf",
        "jax",
        "keras",
        "mlx",
        "numpy",
        "onnx",
        "onnxruntime",
        "optimum",
        "paddlepaddle",
        "peft",
        "python",
        "safetensors",
        "scikit-learn",
        "sentence-transformers",
        "setfit",
        "spacy",
        "tensorflow",
        "timm",
        "tokenizers",
        "torch",
        "transformers",
        "trl",
        "unsloth",
    )
)
"""Names of frameworks as packages. A word of a card that is none of them names nothing here."""
IN_TREES = (
    ("config.json", "transformers_version", "transformers"),
    ("generation_config.json", "transformers_version", "transformers"),
    ("adapter_config.json", "peft_version", "peft"),
    ("model_index.json", "_diffusers_version", "diffusers"),
    ("config.json", "_diffusers_version", "diffusers"),
    ("metadata.json", "keras_version", "keras"),
)
"""File, key and package of versions that frameworks write down."""
QUANTIZED_WITH = {
    "bitsandbytes": "bitsandbytes",
    "gptq": "optimum",
    "awq": "autoawq",
    "aqlm": "aqlm",
    "hqq": "hqq",
    "compressed-tensors": "compressed-tensors",
}
LIBRARY_OF_FORMAT = {"onnx": "onnxruntime", "ort": "onnxruntime", "executorch": "executorch"}
RUNTIMES = {"onnx": "ONNX", "ort": "ONNX", "tflite": "TensorFlow Lite", "executorch": "ExecuTorch", "gguf": "GGUF"}
DEVICES = {
    "tensorrt": "NVIDIA GPU with TensorRT",
    "rknn": "Rockchip NPU",
    "hailo": "Hailo accelerator",
    "qualcomm": "Qualcomm NPU",
    "openvino-blob": "Intel device with OpenVINO",
    "coreml-compiled": "Apple device with Core ML",
}
"""Formats that are compiled for a device."""
LIBRARIES = {
    "sklearn": "scikit-learn",
    "torch": "torch",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "joblib": "joblib",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "transformers": "transformers",
    "ultralytics": "ultralytics",
    "pytorch_lightning": "pytorch-lightning",
    "spacy": "spacy",
    "gensim": "gensim",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "statsmodels": "statsmodels",
}
"""Modules that pickles import → packages. A name that stands nowhere here names nothing that could be fetched."""
TRAINING_ARGUMENTS = "training_args.bin"
"""What a trainer leaves: nobody needs it to run the model."""
STANDARD = frozenset(("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "stablehlo"))
"""Domains of operators that belong to the format itself."""
GRAPHS = frozenset(("onnx", "ort", "tflite", "executorch", "xml-model", "prototxt", "caffe", "coreml", "paddle"))
CODE = frozenset(("local-code", "remote-code"))
"""Roads of references that lead to a Python file of this or of another repository."""


def dependencies(blobs: tuple[BlobFacts, ...], documents: Documents) -> tuple[Dependency, ...]:
    """Everything that is needed or that the model was made with; each once for each place and version."""
    found: dict[tuple[str, str, str, str], Dependency] = {}
    for one in _all(blobs, documents):
        found.setdefault((one.kind, one.name.lower(), one.version, one.wanted), one)
        for version in _cuda(one):
            found.setdefault(("platform", "CUDA", version, ""), Dependency("CUDA", one.where, "platform", version))
        if len(found) >= MOST:
            break
    exact = {(one.kind, one.name) for one in found.values() if one.version or one.wanted}
    kept = [one for one in found.values() if one.version or one.wanted or (one.kind, one.name) not in exact]
    return tuple(sorted(kept, key=lambda one: (one.kind, one.name.lower(), one.version, one.wanted)))


def _cuda(one: Dependency) -> Iterator[str]:
    """Versions of CUDA that a package was built for, as its version, its name or conda says."""
    for cuda in _CUDA.findall(one.version) + _CUDA.findall(one.wanted):
        yield f"{cuda[:-1]}.{cuda[-1]}"
    if match := _CUDA_NAME.fullmatch(one.name):
        yield match[1]
    if one.name in CUDA_OF_CONDA:
        yield one.version or one.wanted.lstrip("=").removesuffix(".*")


def operators(blobs: tuple[BlobFacts, ...]) -> tuple[OperatorUse, ...]:
    """Operators by format and domain, with the version of the domain that the model asks for."""
    used: dict[tuple[str, str], set[str]] = {}
    own: dict[tuple[str, str], set[str]] = {}
    versions: dict[tuple[str, str], int] = {}
    for blob in blobs:
        if blob.format not in GRAPHS and not blob.format.startswith("tensorflow"):
            continue
        for fact in blob.facts:
            if isinstance(fact, Operator):
                domain = "" if fact.domain == "ai.onnx" else fact.domain
                key = (blob.format, domain)
                used.setdefault(key, set()).add(fact.name)
                if not fact.defined and domain not in STANDARD:
                    own.setdefault(key, set()).add(fact.name)
            elif isinstance(fact, OperatorSet):
                key = (blob.format, "" if fact.domain == "ai.onnx" else fact.domain)
                versions[key] = max(fact.version, versions.get(key, fact.version))
    return tuple(
        OperatorUse(
            format_,
            domain,
            len(used.get((format_, domain), ())),
            versions.get((format_, domain)),
            tuple(sorted(own.get((format_, domain), ()))[:MOST]),
        )
        for format_, domain in sorted(used.keys() | versions.keys())
    )


def custom_code(blobs: tuple[BlobFacts, ...]) -> tuple[Said, ...]:
    """Code that a loader runs because a file of the model names it."""
    found: dict[tuple[str, str], Said] = {}
    for blob in blobs:
        for fact in blob.facts:
            if isinstance(fact, Reference) and fact.road in CODE:
                found.setdefault((fact.key, fact.name), Said(fact.key or fact.road, fact.name, blob.location, True))
    return tuple(found[key] for key in sorted(found))[:MOST]


def _all(blobs: tuple[BlobFacts, ...], documents: Documents) -> Iterator[Dependency]:
    for path, text in sorted(documents.requirements.items()):
        yield from _listed(text, path)
    for name, key, package in IN_TREES:
        for path, tree in documents.named(name):
            version = tree.get(key)
            if isinstance(version, str) and _VERSION.fullmatch(version):
                yield _package(package, path, version=version)
    for path, tree in documents.named("config_sentence_transformers.json"):
        versions = tree.get("__version__")
        for name, version in versions.items() if isinstance(versions, dict) else ():
            if isinstance(version, str) and _VERSION.fullmatch(version):
                yield from _made_with(str(name), version, path)
    for path, tree in documents.named("config.json"):
        quantized = tree.get("quantization_config")
        kind = text_of(quantized.get("quant_method")).lower() if isinstance(quantized, dict) else ""
        if kind in QUANTIZED_WITH:
            yield _package(QUANTIZED_WITH[kind], path)
    for path, versions in sorted(documents.versions.items()):
        for name, version in versions:
            yield _package(name, path, version=version)
    yield from _of_card(documents)
    yield from _of_formats(blobs)


def _listed(text: str, path: str) -> Iterator[Dependency]:
    """What a list asks for, whoever it is written for."""
    name = path.rpartition("/")[2]
    if name == PROJECT:
        yield from _required("\n".join(project(text)), path)
    elif ENVIRONMENT.fullmatch(name):
        for asked, pip in environment(text):
            for one in _required(asked, path):
                known = _PACKAGES.get(one.name, one.name)
                yield one if pip or one.kind != "package" else _of_conda(one, known)
    else:
        yield from _required(text, path)


def _of_conda(one: Dependency, name: str) -> Dependency:
    """A package of conda: the same one as PyPI's only where the name is one that is known on both."""
    return one._replace(name=name, purl=_package(name, "", version=one.version).purl if name in KNOWN else "")


def _required(text: str, path: str) -> Iterator[Dependency]:
    """Packages by name. Addresses and options are no packages of a known registry: rules of the scan judge those."""
    for line in text.splitlines()[:5_000]:
        asked = line[:1_000].split(" #")[0].split(" --hash")[0].split(";")[0].rstrip("\\").strip()
        name = _NAME.match(asked)
        if name is None:
            continue
        rest = asked[name.end() :].strip()
        if extras := _EXTRAS.match(rest):
            rest = rest[extras.end() :].strip()
        wanted = [part.strip() for part in rest.split(",")] if rest else []
        if all(map(_WANTED.fullmatch, wanted)):
            exact = _EXACT.fullmatch(wanted[0]) if len(wanted) == 1 else None
            yield _package(name[0].rstrip("._-"), path, version=exact[1] if exact else "", wanted=",".join(wanted))


def _of_card(documents: Documents) -> Iterator[Dependency]:
    card = documents.card
    if card is None:
        return
    for name in card.of("library_name"):
        yield from _made_with(name, "", "README.md")
    for passage in card.passages:
        if passage.subject == FRAMEWORKS:
            for line in passage.text.splitlines()[:100]:
                if match := _MADE_WITH.fullmatch(line.strip()):
                    yield from _made_with(match[1], match[2], "README.md")


def _made_with(name: str, version: str, where: str) -> Iterator[Dependency]:
    """A name that people write, if it is one of a framework that is known."""
    lower = name.strip().lower()
    package = _PACKAGES.get(lower, lower.replace("_", "-"))
    if package in KNOWN:
        yield _package(package, where, version=version)


def _of_formats(blobs: tuple[BlobFacts, ...]) -> Iterator[Dependency]:
    for blob in blobs:
        where = blob.location[:LONGEST]
        if blob.format in DEVICES:
            yield Dependency(DEVICES[blob.format], where, "platform")
        for fact in blob.facts:
            if isinstance(fact, OperatorSet) and blob.format in RUNTIMES:
                domain = fact.domain or "ai.onnx"
                yield Dependency(f"{RUNTIMES[blob.format]} {domain}"[:200], where, "runtime", str(fact.version))
            elif isinstance(fact, Operator) and fact.domain == "com.microsoft":
                yield _package(LIBRARY_OF_FORMAT.get(blob.format, "onnxruntime"), where)
            elif isinstance(fact, Import | Call):
                package = LIBRARIES.get(_first(fact.name if isinstance(fact, Import) else fact.callable))
                if package and TRAINING_ARGUMENTS not in where:
                    yield _package(package, where)
            elif isinstance(fact, Reference) and fact.road.startswith("keras"):
                yield _package("keras", where)
            elif isinstance(fact, Metadata) and fact.value:
                if fact.key == "keras_version" and blob.format == "hdf5" and _VERSION.fullmatch(fact.value):
                    yield _package("keras", where, version=fact.value)
                elif fact.key == "tensorflow_version" and _VERSION.fullmatch(fact.value):
                    yield _package("tensorflow", where, version=fact.value)
                elif blob.format == "r-data" and fact.key == "R":
                    yield Dependency("R", where, "runtime", fact.value)


def _first(name: str) -> str:
    return name.partition(".")[0]


def _package(name: str, where: str, *, version: str = "", wanted: str = "") -> Dependency:
    """A package of PyPI. Its address names a version only where one is known."""
    normal = re.sub(r"[-_.]+", "-", name).lower()
    if normal == "python":
        return Dependency("Python", where, "runtime", version, wanted)
    shown = version if _VERSION.fullmatch(version) else ""
    from urllib.parse import quote

    purl = f"pkg:pypi/{quote(normal, safe='-')}" + (f"@{quote(shown, safe='.!-_~')}" if shown else "")
    return Dependency(normal, where, "package", version, wanted, purl)
