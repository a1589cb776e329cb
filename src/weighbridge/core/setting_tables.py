"""The tables of a settings file, read into the records of `core/settings.py`; a wrong key or value names its place.

Loaded only where there is a settings file.
"""

from __future__ import annotations

import os
import re

from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.limits import Limits
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import (
    DEFAULT_STAGES,
    ENGINES,
    LOGINS,
    PICKLE,
    STAGES,
    AzureSettings,
    EngineSettings,
    HttpsSettings,
    MonitorSettings,
    QuarantineSettings,
    RegistrySetting,
    ServerSettings,
    SignerSettings,
    SignInSettings,
    StagePolicy,
    TrustSetting,
)
from weighbridge.core.stage_values import STAGE_VALUES, stage_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

ROLES = ("viewer", "submitter", "approver", "admin")
"""What a caller of the server may be, the lowest first."""
MOST_NUMBER = 2**31
_TEXTS_OF_SIGN_IN = ("issuer", "client_id", "url", "name_claim", "roles_claim", "tenants_claim", "ca_file")
_ADDRESS = re.compile(
    r"https://[^\s/?#@]+(?:/[^\s?#]*)?|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:/[^\s?#]*)?"
)
_SOURCE = re.compile(r"(?:hf|az|oci)://\S*|(?:git\+)?https?://[^\s/?#@]+/\S*|/(?:.*/)?")


def read_signer(table: Any, folder: str, where: str) -> SignerSettings:
    """The table [signer]. Raises UsageError, as all of these do, for an unknown key and a value of another type."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [signer] and one setting per line")
    check_keys(table, SignerSettings._fields, where)
    notation = table.get("notation", True)
    if type(notation) is not bool:
        raise UsageError(f"{where}: notation is neither true nor false", "write true or false")
    certificate, config = text_of(table, "certificate", where), text_of(table, "sigstore_config", where)
    return SignerSettings(
        os.path.join(folder, certificate) if certificate else "",
        notation,
        text_of(table, "timestamp", where),
        os.path.join(folder, config) if config else "",
    )


def read_trust(entry: Mapping[str, Any], folder: str, where: str) -> TrustSetting:
    """One entry of [[trust]], its key below `folder`."""
    check_keys(entry, TrustSetting._fields, f"{where}, [[trust]]")
    name, key = text_of(entry, "name", where), text_of(entry, "key", where)
    if not name or not key:
        raise UsageError(f"{where}: an entry of [[trust]] lacks its name or key", "give both")
    may_sign = entry.get("may_sign", ["*"])
    if not is_texts(may_sign):
        raise UsageError(f"{where}: may_sign of {name!r} is no list of texts", 'write may_sign = ["*"]')
    return TrustSetting(name, os.path.join(folder, key), tuple(may_sign))


def read_limits(table: Any, where: str) -> Limits:
    """The table [limits]."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [limits] and one limit per line")
    check_keys(table, Limits._fields, where)
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise UsageError(f"{where}: {name} is not a number above zero", "write a number")
    return Limits(**table)


def read_stages(table: Any, where: str) -> dict[str, StagePolicy]:
    """The tables of [stage]: the stages that come with Weighbridge, with what is said otherwise."""
    if not isinstance(table, dict):
        raise UsageError(f"{where}: [stage] is no table", "write [stage.production]")
    check_keys(table, STAGES, f"{where}, [stage]")
    stages = dict(DEFAULT_STAGES)
    for name, values in table.items():
        here = f"{where}, [stage.{name}]"
        if not isinstance(values, dict):
            raise UsageError(f"{here} is no table", "write one requirement per line")
        check_keys(values, StagePolicy._fields, here)
        stages[name] = stages[name]._replace(**{key: _stage_value(key, value, here) for key, value in values.items()})
    return stages


def _stage_value(key: str, value: Any, where: str) -> Any:
    if key == "verdicts":
        if is_texts(value) and set(value) <= {"clean", "incomplete", "suspicious"}:
            return tuple(value)
        raise UsageError(f"{where}: verdicts can be clean, incomplete, suspicious", 'write verdicts = ["clean"]')
    if key == "licences":
        if is_texts(value) and all(name.strip() for name in value):
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
    if key in STAGE_VALUES:
        return stage_value(key, value, where)
    if key in ("provenance", "confirm", "acknowledged"):
        if is_texts(value):
            return tuple(value)
        raise UsageError(f"{where}: {key} is no list of claims", f'write {key} = ["commit-signature"]')
    if type(value) is bool:
        return value
    raise UsageError(f"{where}: {key} is neither true nor false", "write true or false")


def read_engines(table: Any, folder: str, where: str) -> EngineSettings:
    """The table [engines], its files below `folder`."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [engines] and one setting per line")
    check_keys(table, EngineSettings._fields, where)
    paths = table.get("paths", {})
    if not isinstance(paths, dict):
        raise UsageError(f"{where}: paths is no table", 'write [engines.paths] and picklescan = "PROGRAM"')
    check_keys(paths, ENGINES, f"{where[:-1]}.paths]")
    seconds, unsafe = table.get("seconds", EngineSettings().seconds), table.get("unsafe_no_sandbox", False)
    if type(seconds) is not int or seconds <= 0:
        raise UsageError(f"{where}: seconds is not a number of seconds above zero", "write a whole number")
    if type(unsafe) is not bool:
        raise UsageError(f"{where}: unsafe_no_sandbox is neither true nor false", "write true or false")
    rules = text_of(table, "yara_rules", where)
    return EngineSettings(
        paths={name: os.path.join(folder, text_of(paths, name, where)) for name in paths},
        yara_rules=os.path.join(folder, rules) if rules else "",
        seconds=seconds,
        unsafe_no_sandbox=unsafe,
    )


def read_registries(table: Any, folder: str, where: str) -> dict[str, RegistrySetting]:
    """The tables of [registries], by host."""
    if not isinstance(table, dict):
        raise UsageError(f"{where}: [registries] is no table", 'write [registries."HOST"]')
    found = {}
    for host, values in table.items():
        here = f"{where}, [registries.{host!r}]"
        if not isinstance(values, dict):
            raise UsageError(f"{here} is no table", 'write [registries."HOST"] with the host in quotes')
        check_keys(values, RegistrySetting._fields, here)
        plain_http = values.get("plain_http")
        if plain_http is not None and type(plain_http) is not bool:
            raise UsageError(f"{here}: plain_http is neither true nor false", "write true or false")
        login = text_of(values, "login", here) or "auto"
        if login not in LOGINS:
            raise UsageError(f"{here}: login is not one of {', '.join(LOGINS)}", 'write login = "auto"')
        ca_file = text_of(values, "ca_file", here)
        found[host] = RegistrySetting(
            ca_file=os.path.join(folder, ca_file) if ca_file else "",
            plain_http=plain_http,
            mirror=text_of(values, "mirror", here),
            login=login,
        )
    return found


def read_server(table: Any, folder: str, where: str) -> ServerSettings:
    """The table [server]."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [server] and one setting per line")
    check_keys(table, ServerSettings._fields, where)
    default = ServerSettings()
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key == "sign_in":
            found[key] = read_sign_in(value, folder, f"{where[:-1]}.sign_in]")
        elif key == "audits":
            found[key] = os.path.join(folder, text_of(table, key, where))
        elif isinstance(getattr(default, key), int):
            least = 0 if key in ("rate", "job_memory_mb") else 1
            if type(value) is not int or not least <= value <= MOST_NUMBER:
                mend = f"write {key} = {getattr(default, key)}"
                raise UsageError(f"{where}: {key} is no number that makes sense", mend)
            found[key] = value
        elif not is_texts(value) or not all(value):
            raise UsageError(f"{where}: {key} is no list of names", f'write {key} = ["NAME"]')
        else:
            found[key] = tuple(value)
    for one in found.get("sources", ()):
        if not _SOURCE.fullmatch(one):
            mend = "write hf://, https://HOST/, git+https://HOST/ or /FOLDER/, with the slash at its end"
            raise UsageError(f"{where}: {one!r} in sources is no beginning of a source", mend)
    return ServerSettings(**found)


def read_sign_in(table: Any, folder: str, where: str) -> SignInSettings:
    """The table [server.sign_in]."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [server.sign_in] and one setting per line")
    check_keys(table, SignInSettings._fields, where)
    default = SignInSettings()
    scopes, hours = table.get("scopes", list(default.scopes)), table.get("session_hours", default.session_hours)
    roles, tenants = table.get("roles", {}), table.get("tenants", {})
    if not is_texts(scopes) or "openid" not in scopes:
        raise UsageError(f"{where}: scopes is no list with openid in it", 'write scopes = ["openid", "profile"]')
    if type(hours) is not int or not 1 <= hours <= 24 * 7:
        raise UsageError(f"{where}: session_hours is not a number of hours up to a week", "write session_hours = 8")
    if not isinstance(roles, dict) or not all(one in ROLES for one in roles.values()):
        raise UsageError(f"{where}: a value of roles is not one of {', '.join(ROLES)}", 'write VALUE = "viewer"')
    if not isinstance(tenants, dict) or not all(is_texts(one) for one in tenants.values()):
        raise UsageError(f"{where}: a value of tenants is no list of namespaces", 'write VALUE = ["team"]')
    texts: dict[str, str] = {key: text_of(table, key, where) or getattr(default, key) for key in _TEXTS_OF_SIGN_IN}
    if texts["issuer"] and not (texts["client_id"] and texts["url"]):
        raise UsageError(f"{where}: sign-in needs a client_id and the url of this server", "give both")
    for key in ("issuer", "url"):
        if texts[key] and not _ADDRESS.fullmatch(texts[key]):
            raise UsageError(f"{where}: {key} is no https address", f'write {key} = "https://HOST"')
    if texts["ca_file"]:
        texts["ca_file"] = os.path.join(folder, texts["ca_file"])
    return SignInSettings(**texts, scopes=tuple(scopes), roles=dict(roles), tenants=dict(tenants), session_hours=hours)


def read_quarantine(table: Any, folder: str, where: str) -> QuarantineSettings:
    """The table [quarantine], its folder below `folder`."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [quarantine] and one setting per line")
    default = QuarantineSettings()
    check_keys(table, QuarantineSettings._fields, where)
    place, keep, most = (
        text_of(table, "folder", where),
        table.get("keep", False),
        table.get("most_bytes", default.most_bytes),
    )
    if type(keep) is not bool:
        raise UsageError(f"{where}: keep is neither true nor false", "write true or false")
    if type(most) is not int or most <= 0:
        raise UsageError(f"{where}: most_bytes is not a number of bytes above zero", "write a whole number")
    return QuarantineSettings(os.path.join(folder, place) if place else "", keep, most)


def read_https(table: Any, where: str) -> HttpsSettings:
    """The table [https]."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [https] and one setting per line")
    check_keys(table, HttpsSettings._fields, where)
    hosts = {}
    for key in table:
        if not is_texts(table[key]):
            raise UsageError(f"{where}: {key} is no list of hosts", f'write {key} = ["models.example.com"]')
        hosts[key] = tuple(host.lower() for host in table[key])
    return HttpsSettings(**hosts)


def read_azure(table: Any, where: str) -> AzureSettings:
    """The table [azure]."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [azure] and one setting per line")
    check_keys(table, AzureSettings._fields, where)
    lists = {}
    for key in AzureSettings._fields:
        if key in ("prefix", "admitted") or key not in table:
            continue
        if not is_texts(table[key]) or not all(value.strip() for value in table[key]):
            raise UsageError(f"{where}: {key} is no list of texts", f'write {key} = ["…"]')
        lists[key] = tuple(table[key])
    prefix = text_of(table, "prefix", where) or AzureSettings().prefix
    admitted = table.get("admitted", {})
    if not isinstance(admitted, dict) or not all(isinstance(value, str) for value in admitted.values()):
        raise UsageError(
            f"{where}: admitted is no table of texts", 'write [azure.admitted] and "azureml://…" = "sha256:…"'
        )
    return AzureSettings(**lists, admitted=dict(admitted), prefix=prefix)


def read_monitor(table: Any, folder: str, where: str) -> MonitorSettings:
    """The table [monitor], its files below `folder`."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [monitor] and one setting per line")
    default = MonitorSettings()
    check_keys(table, MonitorSettings._fields, where)
    numbers = {}
    for key in ("keep_days", "memory_mb"):
        numbers[key] = table.get(key, getattr(default, key))
        if type(numbers[key]) is not int or numbers[key] <= 0:
            raise UsageError(f"{where}: {key} is not a number above zero", "write a whole number")
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise UsageError(f"{where}: parameters is no table", "write [monitor.parameters] and one per line")
    state = text_of(table, "state", where)
    return MonitorSettings(
        state=os.path.join(folder, state) if state else "",
        webhook=text_of(table, "webhook", where),
        parameters=dict(parameters),
        **numbers,
    )


def check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raises UsageError for a key that nobody knows, and names the nearest."""
    names = list(known)
    for key in table:
        if key not in names:
            mend = did_you_mean(key, names, f"known are {', '.join(names)}")
            raise UsageError(f"{where}: {key!r} is not a setting", mend)


def text_of(table: Mapping[str, Any], key: str, where: str) -> str:
    """A text; empty if it is not there. Raises UsageError for anything else."""
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{where}: {key} is no text", f'write {key} = "…"')
    return value


def tables_of(table: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    """A list of tables; none if it is not there. Raises UsageError for anything else."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UsageError(f"{where}: {key} is no list of tables", f"write [[{key}]]")
    return value


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
