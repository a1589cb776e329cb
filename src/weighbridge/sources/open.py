"""What a SOURCE on the command line stands for: a path, or one of the kinds in `KINDS`."""

from __future__ import annotations

import re
from importlib import import_module

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.settings import Settings
    from weighbridge.sources.base import Source

KINDS: dict[str, tuple[str, str, str]] = {
    "hf://": ("hub", "open_hub", "models of the Hugging Face Hub"),
    "https://": ("https", "open_web", "files on the web"),
    "http://": ("https", "open_web", "files on the web"),
    "git+": ("git", "open_git", "git repositories"),
    "az://": ("azure_blob", "open_blob", "Azure storage"),
    "oci:": ("oci", "open_oci", "registries"),
}
"""How a SOURCE begins → the module of this package that opens it, the function in it, and what it is for people."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def open_source(text: str, settings: Settings) -> Source:
    """The source that `text` names. Raises UsageError for one that this version does not know.

    Something that exists as a path is a path only if it does not look like another kind of source.
    """
    for prefix, (module, function, about) in KINDS.items():
        if _begins(text, prefix):
            opener = _opener(module, function, about)
            return opener(prefix + text[len(prefix) :], settings)
    scheme = _SCHEME.match(text)
    if scheme:
        import difflib

        names = [prefix for prefix in KINDS if prefix.endswith("://")]
        near = difflib.get_close_matches(scheme[0].lower(), names, 1, 0.8)
        mend = (
            f"did you mean {near[0]}…?" if near else "write a path, hf://…, https://…, git+https://…, az://… or oci:…"
        )
        raise UsageError(f"{scheme[0]}… is no source", mend)
    from weighbridge.sources.local import LocalFolder

    return LocalFolder(text, settings.limits.files, settings.quarantine.most_bytes)


def is_remote(text: str) -> bool:
    """Whether `text` names something that is not a path on this machine."""
    return any(_begins(text, prefix) for prefix in KINDS) or bool(_SCHEME.match(text))


def _begins(text: str, prefix: str) -> bool:
    return text[: len(prefix)].lower() == prefix and (prefix == "oci:" or bool(_SCHEME.match(text)))


def _opener(module: str, function: str, about: str) -> Callable[[str, Settings], Source]:
    name = f"weighbridge.sources.{module}"
    try:
        found: Callable[[str, Settings], Source] = getattr(import_module(name), function)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError(f"this version does not read {about}", "fetch the model, and name the folder") from error
    return found
