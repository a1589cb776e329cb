"""Settings: `weighbridge.toml` (or `[tool.weighbridge]` in pyproject.toml) found upwards, then the environment.

Nothing inside the artifact being judged ever configures the judge: a settings file found there is passed over (and
is a finding of the scan). An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import os

from weighbridge.core.errors import UsageError
from weighbridge.core.limits import Limits
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

FILE = "weighbridge.toml"
TRUST_STORE = "trust.toml"
STAGES = ("sandbox", "staging", "production")
PICKLE = ("convert", "block", "allow")
"""What a stage can do with pickles."""


class StagePolicy(NamedTuple):
    """What a gate demands at one stage."""

    verdicts: tuple[str, ...] = ("clean",)
    """Verdicts of the scan that may pass. `malicious` never passes, whatever stands here."""
    max_scan_age_days: int = 30
    """Days after which a scan no longer counts: knowledge grows, and so does what it would say."""
    sbom: bool = True
    """Whether a signed bill of materials that names every file is needed."""
    model_signature: bool = True
    """Whether an OpenSSF model signature over every file is needed."""
    licences: tuple[str, ...] = ()
    """Licences that a model may declare, as SPDX or the Hub writes them (`apache-2.0`); empty: any."""
    pickle: str = "convert"
    """What intake does with a file whose loading runs a pickle: make safetensors of it, refuse it, or let it be."""
    provenance: tuple[str, ...] = ()
    """Claims of the provenance report that must be verified (`commit-signature`, `model-signature`, …)."""
    contradicted: bool = False
    """Whether a model may pass although the evidence speaks against one of its claims."""
    confirm: tuple[str, ...] = ("regulated-data/*",)
    """Flags of the provenance report that keep a model out until a person confirms them (`*` at the end: all such)."""
    acknowledged: tuple[str, ...] = ()
    """Flags that a person has confirmed (`regulated-data/hipaa`; `*` at the end: all such)."""


DEFAULT_STAGES: dict[str, StagePolicy] = {
    "sandbox": StagePolicy(
        ("clean", "incomplete", "suspicious"),
        max_scan_age_days=365,
        sbom=False,
        model_signature=False,
        contradicted=True,
        confirm=(),
        pickle="allow",
    ),
    "staging": StagePolicy(max_scan_age_days=30),
    "production": StagePolicy(max_scan_age_days=7),
}
"""What holds where the settings say nothing."""


class TrustSetting(NamedTuple):
    """A key that is trusted: its name for people, its PEM file, and the predicate types that it may sign."""

    name: str
    key: str
    may_sign: tuple[str, ...] = ("*",)


ENGINES = ("fickling", "modelaudit", "modelscan", "nbdefense", "picklescan", "semgrep", "yara-x")
"""Other scanners that can be asked; `engines/ask.py` has their adapters."""


class EngineSettings(NamedTuple):
    """How other scanners are run, when a scan asks for them."""

    paths: dict[str, str] = {}  # noqa: RUF012 -- never changed
    """Their programs by name, where they are not on PATH."""
    yara_rules: str = ""
    """A file with rules for yara-x."""
    seconds: int = 300
    """How long one of them may take."""
    unsafe_no_sandbox: bool = False
    """Run them although no sandbox can be built. They then read what we can read, and reach the network."""


LOGINS = ("auto", "anonymous", "azure", "docker")
"""Whose name we go by at a registry: `auto` is docker's credentials, and for Azure's registries Azure's identity."""


class RegistrySetting(NamedTuple):
    """How one registry host is spoken to."""

    ca_file: str = ""
    """The certificate authorities to believe for it, instead of the system's."""
    plain_http: bool | None = None
    """Whether to speak to it without TLS. Not set: only if it is on this machine and has no `ca_file`."""
    mirror: str = ""
    """HOST or HOST/PREFIX that is asked first for what has a digest."""
    login: str = "auto"


class QuarantineSettings(NamedTuple):
    """Where models land before anybody trusts them."""

    folder: str = ""
    """The folder that has one private folder per intake; empty: one of this user in the place for temporary files."""
    keep: bool = False
    """Leave the folder of an intake behind for people to look at. Whoever wants it gone removes it."""
    most_bytes: int = 256 * 1024**3
    """Bytes that one intake may take there."""


DEFAULT_QUARANTINE = QuarantineSettings()


class HttpsSettings(NamedTuple):
    """What may be done on the way to an address on the web. Hosts are names or addresses, without a port."""

    plain_http: tuple[str, ...] = ()
    """Hosts that may be asked without encryption. This machine itself always may."""
    private_hosts: tuple[str, ...] = ()
    """Hosts inside of the own network that others may redirect to."""


class MonitorSettings(NamedTuple):
    """How logs are judged after deployment."""

    state: str = ""
    """The file that is kept between runs; empty: every run begins anew."""
    keep_days: int = 30
    """Days that records are looked back at."""
    memory_mb: int = 512
    """Megabytes that a run may use before it goes to disk."""
    webhook: str = ""
    """An https address that alerts are sent to."""
    parameters: dict[str, str | int | float | list[str]] = {}  # noqa: RUF012 -- never changed
    """Values of the detections' parameters by name; `weighbridge monitor explain` shows what there are."""


class Settings(NamedTuple):
    """Everything that can be set. Paths are absolute or relative to the working directory."""

    file: str = ""
    """Where the settings come from; empty if there is no file."""
    registry: str = ""
    """The default registry: `oci:DIR` or `HOST/PREFIX`."""
    key: str = ""
    """The private key that signs."""
    fail_on: str = "high"
    trust: tuple[TrustSetting, ...] = ()
    trust_store: str = ""
    """The trust store; if it is not set, the file trust.toml beside the settings, if there is one."""
    sigstore_root: str = ""
    """A trusted_root.json that Sigstore identities are checked with; empty: that of the public instance."""
    limits: Limits = Limits()
    stages: dict[str, StagePolicy] = DEFAULT_STAGES
    engines: EngineSettings = EngineSettings()
    registries: dict[str, RegistrySetting] = {}  # noqa: RUF012 -- never changed
    quarantine: QuarantineSettings = QuarantineSettings()
    https: HttpsSettings = HttpsSettings()
    monitor: MonitorSettings = MonitorSettings()


def find_settings(start: str, artifacts: Iterable[str] = ()) -> tuple[str, str]:
    """The settings file that holds for the folder `start`, looking upwards, and one that was passed over.

    A file inside one of `artifacts` is never used. Both are empty strings if there is none.
    """
    judged = [os.path.realpath(path) for path in artifacts]
    folder = os.path.realpath(start)
    passed_over = ""
    while True:
        for name in (FILE, "pyproject.toml"):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and (name == FILE or _has_table(path)):
                if not any(_inside(path, artifact) for artifact in judged):
                    return path, passed_over
                passed_over = passed_over or path
        parent = os.path.dirname(folder)
        if parent == folder:
            return "", passed_over
        folder = parent


def load_settings(path: str, environ: Mapping[str, str]) -> Settings:
    """Read the settings file at `path` (none if empty) and let the environment override it.

    Raises UsageError for a file that cannot be read, an unknown key, or a value of the wrong type.
    """
    settings = _from_file(path) if path else Settings()
    return settings._replace(
        registry=environ.get("WEIGHBRIDGE_REGISTRY") or settings.registry,
        key=environ.get("WEIGHBRIDGE_KEY") or settings.key,
        fail_on=environ.get("WEIGHBRIDGE_FAIL_ON") or settings.fail_on,
    )


def _from_file(path: str) -> Settings:
    import tomllib

    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"the settings {path} cannot be read: {error}", "mend the file, or name another one"
        ) from error
    if os.path.basename(path) != FILE:
        table = table["tool"]["weighbridge"]
    where = f"the settings {path}"
    known = (*(field for field in Settings._fields if field not in ("file", "stages")), "stage")
    _check_keys(table, known, where)
    folder = os.path.dirname(path)
    registry = _text(table, "registry", where)
    if registry.startswith("oci:"):
        registry = f"oci:{os.path.join(folder, registry.removeprefix('oci:'))}"
    key = _text(table, "key", where)
    store = _text(table, "trust_store", where)
    beside = os.path.join(folder, TRUST_STORE)
    root = _text(table, "sigstore_root", where)
    return Settings(
        file=path,
        registry=registry,
        key=os.path.join(folder, key) if key else "",
        fail_on=_text(table, "fail_on", where) or "high",
        trust=tuple(_trust(entry, folder, where) for entry in _tables(table, "trust", where)),
        trust_store=os.path.join(folder, store) if store else beside if os.path.lexists(beside) else "",
        sigstore_root=os.path.join(folder, root) if root else "",
        limits=_limits(table.get("limits", {}), f"{where}, [limits]"),
        stages=_stages(table.get("stage", {}), where),
        engines=_engines(table.get("engines", {}), folder, f"{where}, [engines]"),
        registries=_registries(table.get("registries", {}), folder, where),
        quarantine=_quarantine(table.get("quarantine", {}), folder, f"{where}, [quarantine]"),
        https=_https(table.get("https", {}), f"{where}, [https]"),
        monitor=_monitor(table.get("monitor", {}), folder, f"{where}, [monitor]"),
    )


def _trust(entry: Mapping[str, Any], folder: str, where: str) -> TrustSetting:
    _check_keys(entry, TrustSetting._fields, f"{where}, [[trust]]")
    name, key = _text(entry, "name", where), _text(entry, "key", where)
    if not name or not key:
        raise UsageError(f"{where}: an entry of [[trust]] lacks its name or key", "give both")
    may_sign = entry.get("may_sign", ["*"])
    if not _is_texts(may_sign):
        raise UsageError(f"{where}: may_sign of {name!r} is no list of texts", 'write may_sign = ["*"]')
    return TrustSetting(name, os.path.join(folder, key), tuple(may_sign))


def _limits(table: Any, where: str) -> Limits:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [limits] and one limit per line")
    _check_keys(table, Limits._fields, where)
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise UsageError(f"{where}: {name} is not a number above zero", "write a number")
    return Limits(**table)


def _stages(table: Any, where: str) -> dict[str, StagePolicy]:
    if not isinstance(table, dict):
        raise UsageError(f"{where}: [stage] is no table", "write [stage.production]")
    _check_keys(table, STAGES, f"{where}, [stage]")
    stages = dict(DEFAULT_STAGES)
    for name, values in table.items():
        here = f"{where}, [stage.{name}]"
        if not isinstance(values, dict):
            raise UsageError(f"{here} is no table", "write one requirement per line")
        _check_keys(values, StagePolicy._fields, here)
        stages[name] = stages[name]._replace(**{key: _stage_value(key, value, here) for key, value in values.items()})
    return stages


def _stage_value(key: str, value: Any, where: str) -> Any:
    if key == "verdicts":
        if _is_texts(value) and set(value) <= {"clean", "incomplete", "suspicious"}:
            return tuple(value)
        raise UsageError(f"{where}: verdicts can be clean, incomplete, suspicious", 'write verdicts = ["clean"]')
    if key == "licences":
        if _is_texts(value) and all(name.strip() for name in value):
            return tuple(value)
        raise UsageError(f"{where}: licences is no list of names", 'write licences = ["apache-2.0", "mit"]')
    if key == "max_scan_age_days":
        if type(value) is int and value > 0:
            return value
        raise UsageError(f"{where}: {key} is not a number of days above zero", "write a whole number")
    if key == "pickle":
        if value in PICKLE:
            return value
        raise UsageError(f"{where}: pickle can be convert, block or allow", 'write pickle = "convert"')
    if key in ("provenance", "confirm", "acknowledged"):
        if _is_texts(value):
            return tuple(value)
        raise UsageError(f"{where}: {key} is no list of claims", f'write {key} = ["commit-signature"]')
    if type(value) is bool:
        return value
    raise UsageError(f"{where}: {key} is neither true nor false", "write true or false")


def _engines(table: Any, folder: str, where: str) -> EngineSettings:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [engines] and one setting per line")
    _check_keys(table, EngineSettings._fields, where)
    paths = table.get("paths", {})
    if not isinstance(paths, dict):
        raise UsageError(f"{where}: paths is no table", 'write [engines.paths] and picklescan = "PROGRAM"')
    _check_keys(paths, ENGINES, f"{where[:-1]}.paths]")
    seconds, unsafe = table.get("seconds", EngineSettings().seconds), table.get("unsafe_no_sandbox", False)
    if type(seconds) is not int or seconds <= 0:
        raise UsageError(f"{where}: seconds is not a number of seconds above zero", "write a whole number")
    if type(unsafe) is not bool:
        raise UsageError(f"{where}: unsafe_no_sandbox is neither true nor false", "write true or false")
    rules = _text(table, "yara_rules", where)
    return EngineSettings(
        paths={name: os.path.join(folder, _text(paths, name, where)) for name in paths},
        yara_rules=os.path.join(folder, rules) if rules else "",
        seconds=seconds,
        unsafe_no_sandbox=unsafe,
    )


def _registries(table: Any, folder: str, where: str) -> dict[str, RegistrySetting]:
    if not isinstance(table, dict):
        raise UsageError(f"{where}: [registries] is no table", 'write [registries."HOST"]')
    found = {}
    for host, values in table.items():
        here = f"{where}, [registries.{host!r}]"
        if not isinstance(values, dict):
            raise UsageError(f"{here} is no table", 'write [registries."HOST"] with the host in quotes')
        _check_keys(values, RegistrySetting._fields, here)
        plain_http = values.get("plain_http")
        if plain_http is not None and type(plain_http) is not bool:
            raise UsageError(f"{here}: plain_http is neither true nor false", "write true or false")
        login = _text(values, "login", here) or "auto"
        if login not in LOGINS:
            raise UsageError(f"{here}: login is not one of {', '.join(LOGINS)}", 'write login = "auto"')
        ca_file = _text(values, "ca_file", here)
        found[host] = RegistrySetting(
            ca_file=os.path.join(folder, ca_file) if ca_file else "",
            plain_http=plain_http,
            mirror=_text(values, "mirror", here),
            login=login,
        )
    return found


def _quarantine(table: Any, folder: str, where: str) -> QuarantineSettings:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [quarantine] and one setting per line")
    default = QuarantineSettings()
    _check_keys(table, QuarantineSettings._fields, where)
    place, keep, most = (
        _text(table, "folder", where),
        table.get("keep", False),
        table.get("most_bytes", default.most_bytes),
    )
    if type(keep) is not bool:
        raise UsageError(f"{where}: keep is neither true nor false", "write true or false")
    if type(most) is not int or most <= 0:
        raise UsageError(f"{where}: most_bytes is not a number of bytes above zero", "write a whole number")
    return QuarantineSettings(os.path.join(folder, place) if place else "", keep, most)


def _https(table: Any, where: str) -> HttpsSettings:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [https] and one setting per line")
    _check_keys(table, HttpsSettings._fields, where)
    hosts = {}
    for key in table:
        if not _is_texts(table[key]):
            raise UsageError(f"{where}: {key} is no list of hosts", f'write {key} = ["models.example.com"]')
        hosts[key] = tuple(host.lower() for host in table[key])
    return HttpsSettings(**hosts)


def _monitor(table: Any, folder: str, where: str) -> MonitorSettings:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [monitor] and one setting per line")
    default = MonitorSettings()
    _check_keys(table, MonitorSettings._fields, where)
    numbers = {}
    for key in ("keep_days", "memory_mb"):
        numbers[key] = table.get(key, getattr(default, key))
        if type(numbers[key]) is not int or numbers[key] <= 0:
            raise UsageError(f"{where}: {key} is not a number above zero", "write a whole number")
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise UsageError(f"{where}: parameters is no table", "write [monitor.parameters] and one per line")
    state = _text(table, "state", where)
    return MonitorSettings(
        state=os.path.join(folder, state) if state else "",
        webhook=_text(table, "webhook", where),
        parameters=dict(parameters),
        **numbers,
    )


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            import difflib

            near = difflib.get_close_matches(key, names, 1)
            mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
            raise UsageError(f"{where}: {key!r} is not a setting", mend)


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{where}: {key} is no text", f'write {key} = "…"')
    return value


def _tables(table: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UsageError(f"{where}: {key} is no list of tables", f"write [[{key}]]")
    return value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _has_table(path: str) -> bool:
    """Whether a pyproject.toml has a table for us; looked for as text, so that most need no parser."""
    try:
        with open(path, "rb") as file:
            return b"[tool.weighbridge" in file.read(1 << 20)
    except OSError:
        return False


def _inside(path: str, artifact: str) -> bool:
    return path == artifact or path.startswith(artifact.rstrip("/") + "/")
