"""Rules on values of settings: paths of one machine, paths that climb, addresses, marks that deceive."""

from __future__ import annotations

import re

from weighbridge.core.facts import FileReference, Oddity
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
_LOADED = re.compile(
    r"(?:^|[._-])(?:file|files|path|paths|dir|directory|folder|root|checkpoint|ckpt|weights?|pretrained|module|script|"
    r"library|plugin|include|extends|src|source|url|uri|endpoint|download|base_url|host|repo|repository|image)$",
    re.IGNORECASE,
)
"""Last parts of keys whose value a program opens, fetches or asks."""
_ENDPOINT = re.compile(
    r"(?:endpoint|proxy|proxies|base_?url|api_?base|registry|index_?url|mirror|callback|webhook)$", re.IGNORECASE
)
_USER = re.compile(r"(?:/home/|/Users/|[A-Za-z]:[\\/]Users[\\/]|[A-Za-z]:[\\/]Documents and Settings[\\/])([^\\/]+)")
_SENSITIVE = re.compile(
    r"^/(?:etc/(?:shadow|passwd|sudoers|ssh)|proc/|sys/|dev/(?!null|shm)|boot/|var/run/)|[\\/]\.(?:ssh|aws|azure|kube|gnupg)[\\/]|"
    r"docker\.sock|id_rsa|\.git-credentials|[\\/]windows[\\/]system32",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"\.(?:bin|pt|pth|ckpt|h5|onnx|pkl|pickle|npy|npz|json|ya?ml|py|so|dll|exe|sh|zip|tar|t?gz|tgz|whl|safetensors|gguf|txt|"
    r"model|msgpack|tflite|pb|jar)(?:[?#].*)?$|/resolve/|/download",
    re.IGNORECASE,
)
"""The end of an address whose file a program fetches."""
_KNOWN = re.compile(
    r"https?://(?:[\w-]+\.)*(?:huggingface\.co|hf\.co|github\.com|githubusercontent\.com|github\.io|gitlab\.com|"
    r"bitbucket\.org|arxiv\.org|doi\.org|pytorch\.org|tensorflow\.org|python\.org|pypi\.org|json-schema\.org|w3\.org|schema\.org|"
    r"schemastore\.org|microsoft\.com|apache\.org|creativecommons\.org|opensource\.org|google\.com|googleapis\.com|"
    r"googleblog\.com|nvidia\.com|modelscope\.cn|kaggle\.com|wandb\.ai|readthedocs\.io|readthedocs\.org|wikipedia\.org|"
    r"openai\.com|anthropic\.com|mistral\.ai|meta\.com|ai\.meta\.com|amazonaws\.com|azureedge\.net|windows\.net|zenodo\.org|"
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|example\.(?:com|org|net)|[\w-]+\.(?:edu|gov))(?=[:/?#]|$)",
    re.IGNORECASE,
)
"""Hosts that settings of published models name, for documentation, weights and data; looked at on 2026-11-29."""


@rule("config/machine-path", Severity.INFO, on=FileReference, refs=("CWE-200", "CWE-426"), since="0.2")
def machine_path(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """A setting names a path of one machine.

    What it finds: Absolute paths: info, with the name of the user if it is in the path; low where a loader opens what
        it finds there; high for files of the system and of keys, for shares of other machines and for `file:`.
    Why it matters: The path tells how the publisher's machine is laid out, and who works on it. Where a loader opens
        it, whoever can write there decides what is loaded.
    What to do: Name files relative to the model. Remove what is only left over.
    Fires on:
        FileReference("path", "D:/models/base", "_name_or_path")
        FileReference("path", "/data/vocab.txt", "vocab_file")
        FileReference("path", "/etc/shadow", "data")
    Stays silent on:
        FileReference("climbing-path", "../x", "data")
        FileReference("weights", "/etc/passwd", "a")
    """
    del ctx
    if found.road != "path":
        return
    target, key = found.target, found.key
    user = _USER.match(target)
    said = f"{key} is {target!r}" + (f", which tells the name of the user {user[1]!r}" if user else "")
    if _SENSITIVE.search(target) or target.startswith(("\\\\", "//")):
        yield Hit(said, _HIGH)
    elif target.startswith("file:"):
        yield Hit(said, _MEDIUM)
    elif key.endswith("name_or_path") or user:
        yield Hit(said)
    else:
        yield Hit(said, _LOW if _LOADED.search(key) else None)


@rule("config/climbing-path", Severity.LOW, on=FileReference, refs=("CWE-22", "CWE-426"), since="0.2")
def climbing_path(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """A setting names a path that leads out of the model.

    What it finds: Paths with `..` that climb above the folder of the model: low; medium where a loader opens what it
        finds there; high for files of the system and of keys. Paths that end inside of the model are left out.
    Why it matters: What lies there was not inspected with the model, and is another file on every machine.
    What to do: Put the file into the model, and name it there.
    Fires on:
        FileReference("climbing-path", "../../data", "dataset")
        FileReference("climbing-path", "../../../etc/passwd", "vocab_file")
    Stays silent on:
        FileReference("path", "/data/ada/x", "_name_or_path")
    """
    if found.road != "climbing-path":
        return
    level = least = ctx.location.partition("!")[0].count("/")
    for part in re.split(r"[\\/]", found.target):
        level += -1 if part == ".." else 0 if part in ("", ".") else 1
        least = min(least, level)
    if least >= 0 and not re.match(r"[\\/~]|[A-Za-z]:", found.target):
        return
    system = _SENSITIVE.search(found.target) or re.search(
        r"\.\.[\\/]+(?:etc|proc|root|home|var|usr)[\\/]", found.target
    )
    yield Hit(f"{found.key} is {found.target!r}", _HIGH if system else _MEDIUM if _LOADED.search(found.key) else None)


@rule("config/address", Severity.INFO, on=FileReference, refs=("CWE-829", "CWE-918"), since="0.2")
def address(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """A setting names an address of another host.

    What it finds: Addresses that are the whole value. Info for most; low where a program fetches a file; medium
        for endpoints, proxies and registries, and for files that are fetched without encryption; high for schemes that
        run something (`ext::`, `javascript:`). Hosts that publish models, code and papers are left out.
    Why it matters: What comes from there was not inspected with the model; what goes there leaves the machine.
    What to do: Find out what is fetched or sent, and whose the host is.
    Fires on:
        FileReference("address", "https://models.somebody.dev/net.bin", "weights_url")
        FileReference("address", "https://proxy.somebody.dev", "hf_endpoint")
        FileReference("address", "ext::sh -c id", "repository")
    Stays silent on:
        FileReference("address", "https://huggingface.co/org/name", "homepage")
        FileReference("path", "/data/ada/x", "_name_or_path")
    """
    del ctx
    if found.road != "address":
        return
    scheme = found.target.partition(":")[0].lower()
    endpoint = _ENDPOINT.search(found.key) is not None
    loaded = _LOADED.search(found.key) is not None or endpoint
    said = f"{found.key} is {found.target!r}"
    if "::" in found.target[:12] or scheme in ("javascript", "vbscript", "ext", "fd"):
        if re.match(r"(?:ext|fd|javascript|vbscript):", found.target, re.IGNORECASE):
            yield Hit(said, _HIGH)
    elif scheme in ("http", "https"):
        known = _KNOWN.match(found.target) is not None
        fetched = _FILE.search(found.target) is not None and loaded
        plain = scheme == "http" and fetched
        if (endpoint or plain) and not known:
            yield Hit(said, _MEDIUM)
        elif not known:
            yield Hit(said, _LOW if fetched else None)
    elif scheme in ("ftp", "smb", "telnet", "gopher", "ldap", "rmi", "nfs", "dict", "tftp"):
        yield Hit(said, _MEDIUM)
    elif scheme in ("s3", "gs", "gcs", "az", "abfs", "abfss", "wasbs", "hdfs", "oci", "dbfs", "ssh", "git"):
        yield Hit(said)


@rule("config/deceiving-marks", Severity.HIGH, on=Oddity, refs=("CVE-2021-42574", "CWE-451"), since="0.2")
def deceiving_marks(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A setting is another than people see.

    What it finds: Marks that turn the reading direction, and characters that cannot be seen, in keys and in values that
        programs look up: names, paths, addresses. In values that people read, the marks that turn the direction are a
        remark (low). Vocabularies, labels and chat texts are left out.
    Why it matters: A reviewer reads one name, path or address, and the program takes another.
    What to do: Do not use the file. Look at it in an editor that shows such characters.
    Fires on:
        Oddity("value-marks", "acting key 'auto_map' holds U+202E, which turns the reading direction")
        Oddity("value-marks", "shown value 'title' holds U+202E, which turns the reading direction")
    Stays silent on:
        Oddity("source-marks", "line 3 holds something that cannot be seen")
    """
    del ctx
    if oddity.kind == "value-marks":
        acting, _, said = oddity.detail.partition(" ")
        yield Hit(said, None if acting == "acting" else _LOW)


RULES = (machine_path, climbing_path, address, deceiving_marks)
