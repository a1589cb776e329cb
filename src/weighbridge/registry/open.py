"""From a reference to its store: the folder or the registry over HTTP."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.registry.base import parse_reference
from weighbridge.registry.layout import open_layout, repositories

if TYPE_CHECKING:
    from weighbridge.core.settings import Settings
    from weighbridge.registry.base import Reference, Store
    from weighbridge.registry.contents import Contents


def open_store(
    reference: Reference, settings: Settings, *, create: bool = False, contents: Contents | None = None
) -> Store:
    """The repository that a reference is in. `create` is for writers: a folder is made if it is absent.
    `contents` keeps what a registry over HTTP gave; a folder is read anew each time.

    Raises NotFound if there is no such folder; a registry over HTTP is not asked anything yet.
    """
    if reference.kind == "layout":
        return open_layout(reference.place, reference.name, create=create)
    from weighbridge.registry.remote import open_remote

    return open_remote(reference.place, reference.name, settings.registries, contents=contents)


def find_repositories(registry: str, settings: Settings) -> tuple[tuple[str, str], ...]:
    """What `registry` (`oci:DIR`, `HOST` or `HOST/PREFIX`) holds, as (registry, name) with which a reference begins.

    Raises UsageError for something else, RegistryError if the registry does not tell.
    """
    if registry.startswith("oci:"):
        folder = registry.removeprefix("oci:")
        return tuple((f"oci:{folder}:", name) for name in repositories(folder))
    from weighbridge.registry.remote import open_wire, remote_repositories

    host, _, prefix = registry.partition("/")
    parse_reference(f"{host}/name:tag")
    names = remote_repositories(open_wire(host, settings.registries))
    return tuple((f"{host}/", name) for name in names if not prefix or f"{name}/".startswith(f"{prefix.rstrip('/')}/"))
