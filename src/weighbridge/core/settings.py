"""Settings: `weighbridge.toml` (or `[tool.weighbridge]` in pyproject.toml) found upwards, then the environment.

Nothing inside the artifact being judged ever configures the judge: a settings file found there is passed over (and
is a finding of the scan). An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import os

from weighbridge.core.errors import UsageError
from weighbridge.core.limits import Limits
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.stage_values import read_flag, read_index, read_path, read_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    evidence_list: bool = True
    """Whether the signed list of what was attached when the model was stored is needed. Where there is one, every
    piece that it names must be there."""
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
    registries: tuple[str, ...] = ()
    """Registries that models may be deployed from, as patterns of HOST/NAME or `oci:DIR:NAME`; `internal` is the
    registry of the settings; empty: any."""
    sources: tuple[str, ...] = ()
    """Places that a model may come from, as patterns (`hf://org/*`; `**` goes through slashes); empty: any."""
    publishers: tuple[str, ...] = ()
    """Publishers that a model may come from, as patterns; empty: any. Who signed counts before who is named."""
    blocked_publishers: tuple[str, ...] = ()
    """Publishers that never pass, as patterns, whoever signed."""
    countries: tuple[str, ...] = ()
    """Countries (ISO 3166-1, two letters) that a publisher may have its seat in; empty: any, known or not. Who signed
    counts, and only without a signature who is named."""
    blocked_countries: tuple[str, ...] = ()
    """Countries that a publisher may not have its seat in; one whose seat is not known does not pass then."""
    publisher_countries: dict[str, str] = {}  # noqa: RUF012 -- never changed
    """Seats of publishers and signers that are not known here, or are known otherwise: patterns of names."""
    lookalikes: bool = False
    """Whether an unsigned model may pass whose publisher could be taken for a well-known one."""
    formats: tuple[str, ...] = ()
    """Formats that files and what is inside them may have, as patterns; empty: any."""
    blocked_formats: tuple[str, ...] = ()
    """Formats that never pass, as patterns."""
    engines: tuple[str, ...] = ()
    """Other scanners that must have looked at the model and found nothing."""
    severity: str = "high"
    """The least severity of a finding that no exemption covers which keeps a model out."""
    max_knowledge_age_days: int = 0
    """Days after which the knowledge that is installed here is too old to decide with; 0: it never is."""
    signers: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 -- never changed
    """Who must have signed a kind of evidence (`scan`, `facts`, `engines`, `provenance`, `sbom`, `model-signature`,
    `exemption`), as patterns of names; a kind that is not named: anybody who is trusted for it."""
    most_bytes: int = 0
    """Bytes that all files of a model may have together; 0: any number."""
    sbom_completeness: int = 0
    """Percent that the bill of materials must be complete to, as it says itself; 0: any."""
    facts: bool = True
    """Whether stored facts are needed, so that the model can be judged with what is known today."""
    old_parsers: bool = False
    """Whether facts of an older parser count although a newer one could see more."""
    loader_advisories: str = "runtime"
    """Which versions of frameworks are held against known load-time vulnerabilities: those of the serving image if one
    is named (`runtime`), those that the model declares as well (`declared`), `required`: an image must be named;
    `off`."""
    exemptions: bool = True
    """Whether exemptions count."""
    exemptable: str = "high"
    """The worst severity of a finding that an exemption may cover."""
    max_exemption_days: int = 90
    """Days that an exemption may count at most."""
    dataset: str = "off"
    """Which models need a signed report on the data that they were made with (its version, its check, the parameters of
    the training): those that are `fine-tuned`, all (`required`), none (`off`)."""
    warn_as: str = ""
    """A stage whose demands are told as warnings where they are not met."""
    cel: tuple[str, ...] = ()
    """Expressions in CEL that must all be true (extra `cel`)."""


DEFAULT_STAGES: dict[str, StagePolicy] = {
    "sandbox": StagePolicy(
        ("clean", "incomplete", "suspicious"),
        max_scan_age_days=365,
        sbom=False,
        model_signature=False,
        evidence_list=False,
        contradicted=True,
        confirm=(),
        pickle="allow",
        lookalikes=True,
        severity="critical",
        facts=False,
        old_parsers=True,
        warn_as="production",
    ),
    "staging": StagePolicy(max_scan_age_days=30, max_knowledge_age_days=365, registries=("internal",)),
    "production": StagePolicy(max_scan_age_days=7, max_knowledge_age_days=365, registries=("internal",)),
}
"""What holds where the settings say nothing."""


class TrustSetting(NamedTuple):
    """A key that is trusted: its name for people, its PEM file, and the predicate types that it may sign."""

    name: str
    """Its name for people; decisions and `signers` speak of it so."""
    key: str
    """Its public half, a PEM file."""
    may_sign: tuple[str, ...] = ("*",)
    """Predicate types that it may sign, as patterns."""


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
    """Whose name to go by: `auto` is docker's credentials, and for Azure's registries Azure's identity; or `anonymous`,
    `azure`, `docker`."""


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


class AzureSettings(NamedTuple):
    """What the policies for Azure are written with."""

    registries: tuple[str, ...] = ()
    """Registries of Azure Machine Learning that models are deployed from in production, by name."""
    staging_registries: tuple[str, ...] = ()
    """The same for staging; none: those of production."""
    deployers: tuple[str, ...] = ()
    """Application ids of the pipelines that may deploy."""
    models: tuple[str, ...] = ()
    """Foundry models that may be deployed, as `FORMAT/NAME/VERSION`."""
    skus: tuple[str, ...] = ("Standard", "GlobalStandard", "DataZoneStandard")
    """What Foundry deployments may be sized as."""
    required_tags: tuple[str, ...] = ()
    """Tags that every deployment has to have, for people: their values are believed by nobody."""
    admitted: dict[str, str] = {}  # noqa: RUF012 -- never changed
    """Model assets that gate two admitted, each with its digest; with any, no other may be deployed."""
    prefix: str = "wb"
    """What the names of definitions begin with."""


KEYLESS = "sigstore"
"""In `key`: no key of ours, an identity that Sigstore certifies for ten minutes."""
VAULT_KEY = "azure-key-vault:"
"""In `key`: the beginning of the address of a key in a vault."""


class SignerSettings(NamedTuple):
    """What goes with a signature beside the key."""

    certificate: str = ""
    """A PEM file with the certificate of the key and its chain, the signer's first; empty: the key alone signs."""
    notation: bool = True
    """Whether a model is signed as the Notary Project does too, where there is a chain up to its root."""
    timestamp: str = ""
    """The address of an RFC 3161 authority that dates every signature; empty: none does."""
    sigstore_config: str = ""
    """A client trust configuration (JSON) of an own Sigstore; empty: the public instance."""


class SignInSettings(NamedTuple):
    """How people sign in at the server: OpenID Connect. The client's secret, if it has one, is in the environment."""

    issuer: str = ""
    """The address of the issuer, as its tokens name it; empty: nobody can sign in."""
    client_id: str = ""
    """The name that the issuer knows this server by, and that its tokens are for."""
    url: str = ""
    """Where people find this server, as `https://HOST`; the issuer sends them back to it."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    """What the issuer is asked for."""
    name_claim: str = "preferred_username"
    """The claim with the name that the audit shows, behind which stands the subject, which cannot change."""
    roles_claim: str = "roles"
    """The claim with the values that `roles` is about."""
    roles: dict[str, str] = {}  # noqa: RUF012 -- never changed
    """Value of the claim → viewer, submitter, approver or admin; the highest counts, and without one nobody gets in."""
    tenants_claim: str = "groups"
    """The claim with the values that `tenants` is about."""
    tenants: dict[str, list[str]] = {}  # noqa: RUF012 -- never changed
    """Value of the claim → namespaces of the registry, `*` for all; `*` as the value is anybody who gets in."""
    session_hours: int = 8
    """Hours after which people sign in again."""
    ca_file: str = ""
    """The certificate authorities to believe for the issuer, instead of the system's."""


class ServerSettings(NamedTuple):
    """What the server takes from whom, and what the admission webhook lets pass beside admitted models."""

    registries: tuple[str, ...] = ()
    """Registries (HOST or HOST/PREFIX) whose models may be asked about, beside the default registry."""
    images: tuple[str, ...] = ()
    """Container images that may run: NAME@sha256:DIGEST, or HOST/PREFIX/ for all below it that have a digest."""
    volumes: tuple[str, ...] = ("configMap", "downwardAPI", "emptyDir", "projected", "secret")
    """Kinds of volumes that may be mounted. `image` always may, and is judged as a model."""
    sources: tuple[str, ...] = ("hf://",)
    """How a source that is submitted may begin: `hf://`, `https://HOST/`, `git+https://HOST/`, `/FOLDER/`."""
    queue: int = 1000
    """Intakes that may wait; who submits one more is told to come back later."""
    attempts: int = 3
    """How often an intake is tried whose worker died or whose source or registry did not answer."""
    job_seconds: int = 6 * 3600
    """Seconds that one intake may take."""
    job_memory_mb: int = 4096
    """Megabytes of memory that one intake may take; 0: as much as there is."""
    rate: int = 50
    """Requests per second that one caller may make for long; four times as many at once. 0: any number."""
    audits: str = ""
    """The folder that holds reports of `azure audit` as JSON, named by their day; the dashboard shows the last."""
    sign_in: SignInSettings = SignInSettings()
    """Who signs in, at which issuer, and as what; without an issuer nobody does."""


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
    """The private key that signs: a PEM file, `azure-key-vault:https://VAULT/keys/NAME/VERSION`, or `sigstore`."""
    signer: SignerSettings = SignerSettings()
    fail_on: str = "high"
    """The least severity that shuts the gate of `scan` and other commands with `--fail-on`."""
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
    server: ServerSettings = ServerSettings()
    azure: AzureSettings = AzureSettings()
    index_address: str = ""
    """The database of decisions, as SQLAlchemy writes it; empty: `.weighbridge/index.db` beside the settings."""
    feeds: tuple[str, ...] = ()
    """Files and folders with digests that are known to be bad; read again at every decision."""
    feeds_signed: bool = False
    """Whether a feed counts only if a trusted key signed it; one that nobody signed then denies everything."""
    advisories: str = ""
    """A file of loader advisories that is newer than what comes with Weighbridge."""
    exemptions: str = ""
    """The folder with exemptions; empty: `.weighbridge/exemptions` beside the settings."""
    given: frozenset[str] = frozenset()
    """Keys of stages that the settings file sets (`production.verdicts`)."""


NOT_KEYS = ("file", "stages", "given", "index_address")
"""Fields of the settings that are no keys of their file, or have another name there."""


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
        index_address=environ.get("WEIGHBRIDGE_INDEX") or settings.index_address,
    )


def _from_file(path: str) -> Settings:
    import tomllib

    from weighbridge.core import setting_tables as tables

    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"the settings {path} cannot be read: {error}", "mend the file, or name another one"
        ) from error
    if os.path.basename(path) == "pyproject.toml":
        table = table.get("tool", {}).get("weighbridge", {})
    where = f"the settings {path}"
    known = (*(field for field in Settings._fields if field not in NOT_KEYS), "stage", "index")
    tables.check_keys(table, known, where)
    folder = os.path.dirname(path)
    registry = tables.text_of(table, "registry", where)
    if registry.startswith("oci:"):
        registry = f"oci:{os.path.join(folder, registry.removeprefix('oci:'))}"
    key = tables.text_of(table, "key", where)
    store = tables.text_of(table, "trust_store", where)
    beside = os.path.join(folder, TRUST_STORE)
    root = tables.text_of(table, "sigstore_root", where)
    return Settings(
        file=path,
        registry=registry,
        key=os.path.join(folder, key) if key and not key.startswith(VAULT_KEY) and key != KEYLESS else key,
        signer=tables.read_signer(table.get("signer", {}), folder, f"{where}, [signer]"),
        fail_on=tables.text_of(table, "fail_on", where) or "high",
        trust=tuple(tables.read_trust(entry, folder, where) for entry in tables.tables_of(table, "trust", where)),
        trust_store=os.path.join(folder, store) if store else beside if os.path.lexists(beside) else "",
        sigstore_root=os.path.join(folder, root) if root else "",
        limits=tables.read_limits(table.get("limits", {}), f"{where}, [limits]"),
        stages=tables.read_stages(table.get("stage", {}), where),
        engines=tables.read_engines(table.get("engines", {}), folder, f"{where}, [engines]"),
        registries=tables.read_registries(table.get("registries", {}), folder, where),
        quarantine=tables.read_quarantine(table.get("quarantine", {}), folder, f"{where}, [quarantine]"),
        https=tables.read_https(table.get("https", {}), f"{where}, [https]"),
        monitor=tables.read_monitor(table.get("monitor", {}), folder, f"{where}, [monitor]"),
        server=tables.read_server(table.get("server", {}), folder, f"{where}, [server]"),
        azure=tables.read_azure(table.get("azure", {}), f"{where}, [azure]"),
        index_address=read_index(table, folder, where),
        feeds=read_paths(table, "feeds", folder, where),
        feeds_signed=read_flag(table, "feeds_signed", where),
        advisories=read_path(table, "advisories", folder, where),
        exemptions=os.path.join(folder, tables.text_of(table, "exemptions", where) or ".weighbridge/exemptions"),
        given=frozenset(f"{stage}.{key}" for stage, values in table.get("stage", {}).items() for key in values),
    )


def _has_table(path: str) -> bool:
    """Whether a pyproject.toml has a table for us; looked for as text, so that most need no parser."""
    try:
        with open(path, "rb") as file:
            return b"[tool.weighbridge" in file.read(1 << 20)
    except OSError:
        return False


def _inside(path: str, artifact: str) -> bool:
    return path == artifact or path.startswith(artifact.rstrip("/") + "/")
