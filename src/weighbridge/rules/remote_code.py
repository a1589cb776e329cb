"""Rules on configuration that names code: from where it comes, and whether it is there to be looked at."""

from __future__ import annotations

from weighbridge.core.facts import Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIPELINES = frozenset(("stable_diffusion", "latent_diffusion", "deepfloyd_if", "kandinsky", "wuerstchen", "pipelines"))
"""Folders of diffusers' own pipelines that old configurations name as a library (diffusers 0.30 `pipelines/`)."""


def _beside(ctx: RuleContext, module: str) -> str:
    """The file of the artifact that a module beside this configuration is, or an empty string."""
    folder = ctx.location.rpartition("/")[0]
    stem = module.replace(".", "/")
    for path in (f"{stem}.py", f"{stem}/__init__.py"):
        if (whole := f"{folder}/{path}" if folder else path) in ctx.files:
            return whole
    return ""


@rule("config/remote-code", Severity.HIGH, on=Reference, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def remote_code(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A configuration makes the loader run code that is not part of the model.

    What it finds: Classes in another repository (`owner/repo--file.Class`), kernels by the name of a repository, files
        that the configuration names and that are not there.
    Why it matters: The code is fetched when the model is loaded, at whatever version it then has. Nobody inspected it,
        and whoever owns the other repository decides what it does.
    What to do: Copy the code into the model, read it, and name it there. Or take a model that needs none.
    Fires on:
        Reference("remote-code", "org/other--modeling.Net", "auto_map.AutoModel")
        Reference("local-code", "modeling.Net", "auto_map.AutoModel")
        Reference("kernel", "org/kernel", "attn_implementation")
    Stays silent on:
        Reference("target", "torch.nn.Linear", "_target_")
    """
    if found.road == "remote-code":
        yield Hit(f"{found.key} is {found.name}: code of another repository, without a version")
    elif found.road == "kernel":
        yield Hit(f"{found.key} is {found.name}: native code of another repository")
    elif found.road == "local-code" and not _beside(ctx, found.name.rpartition(".")[0]):
        yield Hit(f"{found.key} is {found.name}, and no such file is part of the model")


@rule("config/local-code", Severity.MEDIUM, on=Reference, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def local_code(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A configuration makes the loader run code of the model.

    What it finds: Classes of files in the model that a loader imports (`auto_map`, `custom_pipelines`, components).
    Why it matters: The file runs with the rights of whoever loads the model and allows it (`trust_remote_code`). It was
        inspected by the rules on code; a person should have read it too.
    What to do: Read the file. Pin the version of the model wherever it is loaded.
    Fires on:
        Reference("component", "my_pipeline.Net", "unet")
    Stays silent on:
        Reference("remote-code", "org/other--modeling.Net", "auto_map.AutoModel")
        Reference("component", "diffusers.UNet2DConditionModel", "unet")
    """
    module = found.name.rpartition(".")[0]
    if found.road == "local-code":
        path = _beside(ctx, module)
        if path:
            yield Hit(f"{found.key} is {found.name}: {path} runs when the model is loaded")
    elif found.road == "component" and not ctx.knowledge.globals.package(found.name) and module not in _PIPELINES:
        where = _beside(ctx, module) or _beside(ctx, f"{found.key}.{module}")
        yield Hit(f"{found.key} is {found.name}: {where or 'a library that nobody knows'}")


@rule("config/allows-code", Severity.HIGH, on=Reference, refs=("CWE-829", "CVE-2026-5241"), since="0.1")
def allows_code(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A configuration allows itself to run other people's code.

    What it finds: `trust_remote_code` set to true inside a configuration.
    Why it matters: Whether code may run is the decision of whoever loads the model. Loaders that hand the nested
        configuration on have taken it for consent.
    What to do: Do not load the model with a version that obeys the key. Ask the publisher to remove it.
    Fires on:
        Reference("allow", "trust_remote_code", "text_config.trust_remote_code")
    Stays silent on:
        Reference("target", "torch.nn.Linear", "_target_")
    """
    del ctx
    if found.road == "allow":
        yield Hit(f"{found.key} is true")


@rule("config/unsafe-target", Severity.CRITICAL, on=Reference, refs=("CWE-470", "CVE-2025-23304"), since="0.1")
def unsafe_target(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A configuration names something to be called.

    What it finds: Keys such as `_target_` and `class_path` that name something known to run code (critical), or
        something that nobody knows (high).
    Why it matters: Loaders import the name and call it with the arguments beside it. That is a program in the form of a
        configuration.
    What to do: Do not load the model if the name is dangerous. Else find out whose code it is.
    Fires on:
        Reference("target", "os.system", "_target_", "{'command': 'id'}")
        Reference("target", "torch.load", "model._target_")
        Reference("target", "mymodule.Net", "_target_")
    Stays silent on:
        Reference("target", "torch.nn.Linear", "_target_")
        Reference("target", "diffusers.schedulers.scheduling_ddim.DDIMScheduler", "_target_")
        Reference("local-code", "modeling.Net", "auto_map.AutoModel")
    """
    if found.road != "target":
        return
    entry = ctx.knowledge.globals.find(found.name)
    called = f"{found.key} is {found.name}" + (f" with {found.arguments}" if found.arguments else "")
    if entry is not None and entry.trust == "dangerous":
        yield Hit(f"{called}: {entry.why}")
    elif entry is None and not ctx.knowledge.globals.package(found.name):
        where = _beside(ctx, found.name.rpartition(".")[0])
        yield Hit(f"{called}: {where or 'nothing is known of it'}", Severity.HIGH)


RULES = (remote_code, local_code, allows_code, unsafe_target)
