"""Versions of frameworks, those that a model declares and those of a serving image, against loader advisories."""

from __future__ import annotations

import re

from weighbridge.core.advisories import Advisories, normal_name
from weighbridge.core.errors import UsageError
from weighbridge.core.facts import Metadata, Setting
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.case import Affected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from weighbridge.scan.report import BlobFacts

DECLARING = {
    "transformers_version": "transformers",
    "_transformers_version": "transformers",
    "_diffusers_version": "diffusers",
    "keras_version": "keras",
    "tensorflow_version": "tensorflow",
    "torch_version": "torch",
    "__version__.transformers": "transformers",
    "__version__.pytorch": "torch",
}
"""Keys of configurations and metadata in which a model names the version that wrote it."""
MOST = 4 * 1024 * 1024
MOST_DECLARED = 100
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+_-]{0,60}")


class Runtime(NamedTuple):
    """The packages of a serving image: name and exact version, None where it is not pinned. `problems` are lines
    that name packages in another way than this.
    """

    packages: tuple[tuple[str, str | None], ...] = ()
    problems: tuple[str, ...] = ()


def declared(blobs: Iterable[BlobFacts]) -> tuple[tuple[str, str], ...]:
    """The versions that a model names, each once."""
    found: dict[tuple[str, str], None] = {}
    for blob in blobs:
        for fact in blob.facts:
            if isinstance(fact, Setting | Metadata) and fact.key in DECLARING and _VERSION.fullmatch(fact.value):
                found[DECLARING[fact.key], fact.value] = None
        if len(found) >= MOST_DECLARED:
            break
    return tuple(found)


def read_runtime(path: str) -> Runtime:
    """A requirements file as `pip freeze` or a compiler of locks writes it. Raises UsageError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{plain(path)} cannot be read: {why}", "name the requirements of the image") from error
    if len(raw) > MOST:
        raise UsageError(f"{plain(path)} has more than {MOST} bytes", "name a requirements file")
    return parse_runtime(text)


def parse_runtime(text: str) -> Runtime:
    """The packages of a requirements file."""
    from packaging.requirements import InvalidRequirement, Requirement

    packages: list[tuple[str, str | None]] = []
    problems: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if re.match(r"(?:-r|-c|--requirement|--constraint)\b", bare):
            problems.append(f"the requirements name another list, which was not read: {plain(bare, 60)}")
            continue
        bare = re.sub(r"\s--hash[= ]\S+", "", bare)
        if not bare or (bare.startswith("-") and not bare.startswith(("-e", "--editable"))):
            continue
        try:
            wanted = Requirement(bare)
        except InvalidRequirement:
            problems.append(f"the requirements have a line that names no package: {plain(bare, 60)}")
            continue
        exact = [one.version for one in wanted.specifier if one.operator in ("==", "===") and "*" not in one.version]
        packages.append((normal_name(wanted.name), exact[0] if exact else None))
    return Runtime(tuple(packages), tuple(problems))


def affected(
    packages: Iterable[tuple[str, str | None]], formats: frozenset[str], advisories: Advisories, whose: str
) -> tuple[Affected, ...]:
    """Every advisory that a package of these versions has for a model of these formats. The version is empty where it
    is not pinned: then nobody can say.
    """
    found: list[Affected] = []
    for package, version in packages:
        for one in advisories.of(package):
            if not one.concerns(formats):
                continue
            exact = version or ""
            try:
                hit = not exact or one.hits(exact)
            except ValueError:
                hit, exact = True, ""
            if hit and (exact or whose == "runtime"):
                found.append(Affected(package, exact, one.id, one.fixed, whose, one.source))
    return tuple(found)


def runtime_problems(runtime: Sequence[Runtime]) -> tuple[str, ...]:
    """What could not be read of all files together."""
    return tuple(problem for one in runtime for problem in one.problems)
