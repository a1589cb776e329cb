"""Which files `weighbridge init WHAT` writes, and writing them: never over one that is there.

Templates are data files of the package. A template has slots `<<NAME>>`; what goes into a slot is written as a JSON
text, which YAML, Bicep parameters and Terraform variables read as the same text, so that nothing in it is syntax.
"""

from __future__ import annotations

import json
import os
import re

from weighbridge import __version__
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
_SLOT = re.compile(r"<<([A-Z]+)>>")


class File(NamedTuple):
    """One file to write: its template below `templates/`, and where it goes below the folder of the project."""

    template: str
    path: str


LOCK = File("ci/requirements.in", ".weighbridge/requirements.in")
BICEP = (
    *("main.bicep", "main.bicepparam", "identities.bicep", "monitoring.bicep", "registry.bicep", "hub.bicep"),
    "policies.bicep",
)
TERRAFORM = ("main.tf", "variables.tf", "identities.tf", "monitoring.tf", "registry.tf", "hubs.tf", "policies.tf")
SCAFFOLDS: dict[str, tuple[File, ...]] = {
    "github": (File("ci/github.yml", ".github/workflows/weighbridge.yml"), LOCK),
    "azure-pipelines": (File("ci/azure-pipelines.yml", "azure-pipelines.yml"), LOCK),
    "gitlab": (File("ci/gitlab.yml", ".gitlab-ci.yml"), LOCK),
    "azure": (
        *(File(f"azure/bicep/{name}", f"bicep/{name}") for name in BICEP),
        *(File(f"azure/terraform/{name}", f"terraform/{name}") for name in TERRAFORM),
    ),
}
"""What can be asked for, and what it consists of."""


def render(file: File, values: Mapping[str, str]) -> str:
    """The text of a file. Raises KeyError for a slot that nothing fills."""
    with open(os.path.join(TEMPLATES, file.template), encoding="utf-8") as stream:
        text = stream.read()
    return _SLOT.sub(lambda slot: _filled(slot[1], values), text)


def write(
    files: Iterable[File], folder: str, values: Mapping[str, str], more: Mapping[str, str] | None = None
) -> list[str]:
    """Write all files, and give their paths; `more` are texts by their paths below the folder.

    Raises UsageError before anything is written if one is there already.
    """
    texts = {os.path.join(folder, file.path): render(file, values) for file in files}
    texts |= {os.path.join(folder, path): text for path, text in (more or {}).items()}
    for path in texts:
        if os.path.lexists(path):
            raise UsageError(f"{path} is there already", "move it away first, or take over by hand what you need")
    try:
        for path, text in texts.items():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise UsageError(f"{folder!r} cannot be written: {error.strerror}", "choose a folder of yours") from error
    return list(texts)


def _filled(slot: str, values: Mapping[str, str]) -> str:
    if slot == "VERSION":
        return __version__
    # The dollar would be a variable to one of the readers, and a line end breaks all of them.
    if re.search(r"[$\x00-\x1f\x7f{}]", values[slot]):
        raise UsageError(f"{values[slot]!r} has a sign that pipelines read as something else", "name it without $ { }")
    return json.dumps(values[slot], ensure_ascii=False)
