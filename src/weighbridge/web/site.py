"""What the HTTP side answers from: one gate and a clock; and asking it about one reference."""

from __future__ import annotations

import math
import re
import time

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.base import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.settings import Settings
    from weighbridge.gate.decision import Decision
    from weighbridge.pipelines.gate_two import Gate
    from weighbridge.registry.base import Reference

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PINNED = re.compile(r"(?P<name>[^@]+)@sha256:[0-9a-f]{64}")


class Site(NamedTuple):
    """What every answer depends on. Each decision stands in the gate's log before it is told, if it keeps one."""

    gate: Gate
    now: Callable[[], datetime]
    log: Callable[[Mapping[str, Any]], None]
    """Takes one record for each decision."""
    seconds: float = 8.0
    """How long one answer may take. Kubernetes waits ten by default; an answer says more than silence."""

    @property
    def settings(self) -> Settings:
        return self.gate.settings


def decide_on(
    site: Site, text: str, stage: str, *, pinned: bool, until: float = math.inf, record: bool = True
) -> Decision:
    """Ask gate two about a reference. `pinned`: only by digest; `oci://` may stand before it.

    `until` (seconds of the monotonic clock) is when nobody waits for the answer any more: TimeoutError then, and
    nothing is recorded that nobody was told. Without `record` the decision is only looked at.
    Raises UsageError for a reference that may not be asked about: what a stranger sends must not make this machine
    read its own folders or talk to hosts of their choice. Raises RegistryError if the registry cannot answer.
    """
    if text.startswith("oci://"):
        text = text.removeprefix("oci://")
    elif found := _SCHEME.match(text):
        raise UsageError(f"{plain(text, 200)!r} is fetched past the registry ({found[0]})", "name it by its digest")
    reference = parse_reference(text, site.settings.registry)
    if pinned and reference.digest is None:
        raise UsageError(f"{plain(text, 200)!r} names a tag, and a tag can move", "write NAME@sha256:…")
    if not is_ours(reference, site.settings):
        where = f"{reference.place}/{reference.name}" if reference.kind == "remote" else "a folder"
        raise UsageError(f"{plain(where, 200)} is not in a registry of ours", "list it in registries of [server]")
    decision, _ = site.gate.judge(text, stage, now=site.now())
    if time.monotonic() > until:
        raise TimeoutError
    return site.gate.record(decision) if record else decision


def is_ours(reference: Reference, settings: Settings) -> bool:
    """Whether a reference is in the default registry, or in one that the settings list for the server."""
    if reference.kind == "layout":
        return settings.registry == f"oci:{reference.place}"
    full = f"{reference.place}/{reference.name}/"
    listed = (*settings.server.registries, *(() if settings.registry.startswith("oci:") else (settings.registry,)))
    return any(place and full.startswith(f"{place.rstrip('/')}/") for place in listed)


def image_problem(image: str, allowed: tuple[str, ...]) -> str:
    """Why a container image may not run; empty if it may."""
    found = _PINNED.fullmatch(image)
    shown = plain(image, 200)
    if not found:
        return f"the image {shown} has no digest, and a tag can move"
    try:
        name = re.sub(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", "", found["name"])
        parse_reference(f"{name}{image[found.end('name') :]}", "docker.io/library")
    except UsageError:
        return f"the image {shown} has no name that is understood"
    if image in allowed or any(place.endswith("/") and image.startswith(place) for place in allowed):
        return ""
    return f"the image {shown} is not one of those that images in [server] lists"
