"""What `doctor` looks at beside keys and walls: libraries, knowledge, clock, registry, log, other programs."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from datetime import UTC, datetime, timedelta

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError, WeighbridgeError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import KEYLESS, VAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.settings import Settings
    from weighbridge.index.log import Entry

EXTRAS: dict[str, tuple[str, ...]] = {
    "avro": ("fastavro",),
    "azure": ("azure-identity", "azure-keyvault-keys", "azure-storage-blob"),
    "cel": ("cel-expr-python",),
    "dask": ("dask",),
    "data": ("duckdb", "numpy", "pillow", "scikit-learn"),
    "hub": ("huggingface_hub",),
    "monitor": ("duckdb",),
    "otel": ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"),
    "postgres": ("psycopg",),
    "server": ("joserfc", "prometheus-client", "starlette", "uvicorn"),
    "sigstore": ("sigstore",),
}
"""The libraries of each extra by the names of their packages; other scanners are looked for as programs."""
PROGRAMS = (
    ("git", "sources in git repositories", "install git"),
    ("git-lfs", "large files of git repositories that no server gives over https", "install git-lfs"),
    ("gpg", "commits that were signed with OpenPGP", "install gnupg"),
    ("ssh-keygen", "commits that were signed with SSH keys", "install openssh-client"),
)
OLD_DAYS = 90
"""Days after which the knowledge is called old, where no stage says how old it may be."""
CLOCK_SKEW = timedelta(minutes=10)
LEAST_FREE = 10 * 1024**3
"""Bytes below which the quarantine is called small: a model of ten billion parameters takes twenty."""
ENGINES_MEND = "pip install 'weighbridge[engines]'; weighbridge scan --engine list says how to have each"
LOCAL = "pip install --force-reinstall weighbridge"


class Check(NamedTuple):
    """One thing that was looked at: `well`, or what is wrong and how to mend it. Without what is `optional`, some
    commands do not work, and nothing else is wrong.
    """

    name: str
    well: bool
    text: str
    mend: str = ""
    optional: bool = False


class Registry(NamedTuple):
    """What a look at the registry came to; `date` is what its clock shows, if it shows one."""

    check: Check
    date: datetime | None = None


def libraries() -> Check:
    """Whether the packages that Weighbridge always needs are there, in versions that it was made for."""
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in requires("weighbridge") or ()]
    except PackageNotFoundError:
        return Check("libraries", well=True, text="run from its source: no list of what it needs is installed")
    wrong = []
    for one in wanted:
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            found = _version(one.name)
            if not found or not one.specifier.contains(found, prereleases=True):
                wrong.append(f"{one.name} {found or 'is missing'}, wanted {one.specifier}")
    if wrong:
        return Check("libraries", well=False, text="; ".join(wrong), mend=LOCAL)
    return Check("libraries", well=True, text=f"cryptography {_version('cryptography')} and what else is needed")


def extras(settings: Settings) -> Iterator[Check]:
    """Which extras are installed. One that the settings need is no option any more."""
    needed = _needed(settings)
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        missing = [package for package, version in found.items() if not version]
        mend = f"pip install 'weighbridge[{extra}]'"
        if not missing:
            text = ", ".join(f"{package} {version}" for package, version in found.items())
            yield Check(f"[{extra}]", well=True, text=text)
        elif extra in needed:
            text = f"the settings need it ({needed[extra]}), and {', '.join(missing)} is missing"
            yield Check(f"[{extra}]", well=False, text=text, mend=mend)
        else:
            yield Check(f"[{extra}]", well=False, text=f"without {', '.join(missing)}", mend=mend, optional=True)


def _needed(settings: Settings) -> dict[str, str]:
    """The extras that the settings need, each with the setting that does."""
    needed = {}
    if settings.key.startswith(VAULT_KEY):
        needed["azure"] = "key in a vault"
    if settings.key == KEYLESS:
        needed["sigstore"] = 'key = "sigstore"'
    elif settings.signer.timestamp:
        needed["sigstore"] = "timestamp in [signer]"
    for name, stage in settings.stages.items():
        if stage.cel:
            needed["cel"] = f"cel in [stage.{name}]"
    return needed


def engines(settings: Settings) -> Check:
    """Which other scanners are installed. One that a stage demands has to be."""
    from weighbridge.engines.ask import ENGINES, program_of
    from weighbridge.engines.find import version_of

    there, missing = [], []
    for engine in ENGINES.values():
        try:
            program = program_of(engine, settings.engines.paths.get(engine.name, ""))
        except UsageError:
            missing.append(engine.name)
        else:
            there.append(f"{engine.name} {version_of(program, engine.distribution)}".strip())
    demanded = [name for stage in settings.stages.values() for name in stage.engines if name in missing]
    mend = ENGINES[demanded[0]].install if demanded else ENGINES_MEND if missing else ""
    text = f"{', '.join(there) or 'none'}" + (f"; not installed: {', '.join(missing)}" if missing else "")
    return Check("engines", well=not missing, text=text, mend=mend, optional=not demanded)


def programs() -> Iterator[Check]:
    """Programs of others that some sources and signatures are read with."""
    for name, use, mend in PROGRAMS:
        place = shutil.which(name)
        text = place or f"not installed; it is for {use}"
        yield Check(name, well=bool(place), text=text, mend="" if place else mend, optional=True)


def knowledge(settings: Settings, now: datetime) -> Check:
    """Version and age of what is known, and whether its files are those that were released."""
    try:
        version = load_knowledge().version
        changed = _changed(FOLDER)
    except (WeighbridgeError, OSError, ValueError) as error:
        return Check("knowledge", well=False, text=f"it cannot be read: {error}", mend=LOCAL)
    if changed:
        return Check("knowledge", well=False, text=f"changed after its release: {', '.join(changed[:3])}", mend=LOCAL)
    day = knowledge_day(version)
    if day is None:
        return Check("knowledge", well=True, text=f"version {version}")
    days = (now - day).days
    text = f"version {version}, {days} {'day' if days == 1 else 'days'} old"
    limits = [stage.max_knowledge_age_days for stage in settings.stages.values() if stage.max_knowledge_age_days]
    mend = "pip install --upgrade weighbridge"
    if limits and days > min(limits):
        return Check("knowledge", well=False, text=f"{text}; a stage allows {min(limits)}", mend=mend)
    return Check("knowledge", well=days <= OLD_DAYS, text=text, mend=mend if days > OLD_DAYS else "", optional=True)


def knowledge_day(version: str) -> datetime | None:
    """The day that a version of the knowledge begins with."""
    try:
        return datetime.fromisoformat(version.partition("+")[0].replace(".", "-")).replace(tzinfo=UTC)
    except ValueError:
        return None


def _changed(folder: str) -> list[str]:
    """Files of the knowledge whose bytes are not those that its index names."""
    with open(os.path.join(folder, "index.json"), "rb") as file:
        tables = json.load(file)["tables"]
    wrong = []
    for name, wanted in tables.items():
        path = os.path.join(folder, name) if "." in name else os.path.join(folder, "classes", f"{name}.tsv")
        try:
            with open(path, "rb") as file:
                same = digest_bytes(file.read()).hex == wanted
        except OSError:
            same = False
        if not same:
            wrong.append(name)
    return wrong


def clock(now: datetime, seen: dict[str, datetime | None]) -> Check:
    """Whether this clock agrees with what is known to have happened, and with the registry's."""
    for what, then in seen.items():
        if then is not None and then > now + CLOCK_SKEW:
            text = f"it shows {now:%Y-%m-%d %H:%M} UTC, and {what} is of {then:%Y-%m-%d %H:%M}"
            return Check("clock", well=False, text=text, mend="set the clock, and let NTP keep it")
    other = seen.get("the answer of the registry")
    if other is not None and now - other > CLOCK_SKEW:
        text = f"it shows {now:%Y-%m-%d %H:%M} UTC, and that of the registry {other:%Y-%m-%d %H:%M}"
        return Check("clock", well=False, text=text, mend="set the clock that is wrong, and let NTP keep it")
    return Check("clock", well=True, text=f"{now:%Y-%m-%d %H:%M} UTC")


def registry(settings: Settings, *, ask: bool = True) -> Registry:
    """Whether the registry of the settings answers. With `ask` false nothing is sent."""
    place = settings.registry
    if not place:
        mend = 'write registry = "HOST/PREFIX" or "oci:DIR" in weighbridge.toml'
        return Registry(Check("registry", well=False, text="none is set", mend=mend))
    if place.startswith("oci:"):
        return Registry(_folder(place.removeprefix("oci:")))
    if not ask:
        return Registry(Check("registry", well=True, text=f"{place}, not asked"))
    from weighbridge.registry.remote import open_wire

    host = place.partition("/")[0]
    try:
        with open_wire(host, settings.registries).stream("GET", "/v2/") as answer:
            status, date = answer.status, _http_date(answer.headers.get("Date"))
    except WeighbridgeError as error:
        return Registry(Check("registry", well=False, text=f"{place}: {error.cause}", mend=error.mend))
    if status == 200:
        return Registry(Check("registry", well=True, text=f"{place} answers"), date)
    if status in (401, 403):
        text = f"{place} answers, and lets nobody in without a name (status {status})"
        mend = f"log in with docker login {host}, or set login in [registries.{host!r}]".replace("'", '"')
        return Registry(Check("registry", well=False, text=text, mend=mend), date)
    mend = "look whether that host is a registry: its address /v2/ has to answer"
    return Registry(Check("registry", well=False, text=f"{place} answers with status {status}", mend=mend), date)


def _folder(folder: str) -> Check:
    from weighbridge.registry.layout import repositories

    if not os.path.lexists(folder):
        text = f"oci:{folder} is not there yet; the first intake makes it"
        return Check("registry", well=os.access(os.path.dirname(folder) or ".", os.W_OK), text=text)
    try:
        count = len(repositories(folder))
    except (WeighbridgeError, OSError) as error:
        cause = error.cause if isinstance(error, WeighbridgeError) else str(error)
        return Check("registry", well=False, text=f"oci:{folder}: {cause}", mend="name another folder, or remove it")
    return Check("registry", well=True, text=f"oci:{folder}, {count} {'model' if count == 1 else 'models'}")


def _http_date(text: str | None) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def index(settings: Settings) -> tuple[Check, datetime | None]:
    """Whether the log of decisions can be read, and when its last one was made."""
    from weighbridge.index.log import open_log
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX

    address = settings.index_address or DEFAULT_INDEX
    place = address.removeprefix("sqlite:///")
    if place != address and not os.path.lexists(place):
        return Check("decisions", well=True, text="none yet; the first admission begins the log"), None
    try:
        log = open_log(address)
        head, newest = log.head(), log.newest()
        log.close()
    except WeighbridgeError as error:
        return Check("decisions", well=False, text=error.cause, mend=error.mend), None
    text = f"{head.sequence} in log {head.log[:12]}; weighbridge decisions verify proves it whole"
    return Check("decisions", well=True, text=text), _made(newest)


def _made(newest: list[Entry]) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(newest[0].document)["madeAt"]) if newest else None
    except (ValueError, KeyError, TypeError):
        return None


def key_file(settings: Settings) -> Check | None:
    """Whether only its owner can read the signing key; None if it is no file."""
    if not settings.key or settings.key == KEYLESS or settings.key.startswith(VAULT_KEY):
        return None
    try:
        mode = stat.S_IMODE(os.stat(settings.key).st_mode)
    except OSError:
        return None
    if mode & 0o077:
        text = f"{settings.key} can be read by others than its owner (mode {mode:o})"
        return Check("key file", well=False, text=text, mend=f"chmod 600 {settings.key}")
    return Check("key file", well=True, text=f"mode {mode:o}: for its owner alone")


def quarantine(settings: Settings, fallback: str) -> Check:
    """Whether there is a place for what is fetched, and room in it."""
    place = settings.quarantine.folder or fallback
    there = place
    while not os.path.isdir(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK):
        text = f"{place} cannot be written"
        return Check("quarantine", well=False, text=text, mend="set folder in [quarantine] to one that can")
    free = shutil.disk_usage(there).free
    text = f"{place}, {free / 1e9:.1f} GB free"
    if free < min(LEAST_FREE, settings.quarantine.most_bytes):
        mend = "make room, or set folder in [quarantine] to a larger place"
        return Check("quarantine", well=False, text=f"{text}: too little for a large model", mend=mend, optional=True)
    return Check("quarantine", well=True, text=text)


def python() -> Check:
    """Which Weighbridge this is, and on which Python."""
    from weighbridge import __version__

    return Check("weighbridge", well=True, text=f"{__version__} on Python {sys.version.split()[0]}")


def _version(package: str) -> str:
    """The version of an installed package; empty if it is not there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
