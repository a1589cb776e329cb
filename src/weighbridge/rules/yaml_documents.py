"""Rules on YAML: tags that build objects, aliases that grow, and what MLflow imports and runs."""

from __future__ import annotations

from weighbridge.core.facts import Oddity, Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_PYTHON = "tag:yaml.org,2002:python/"
_BUILDS = ("object", "name", "module")
_HARMLESS = ("inert", "callable", "container", "enum")


@rule("config/yaml-tag", Severity.MEDIUM, on=Oddity, refs=("CWE-502", "ATLAS AML.T0011.000"), since="0.1")
def yaml_tag(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The YAML tells its loader to build something.

    What it finds: Tags that make a Python loader create objects, call functions or import modules (critical; high if
        the knowledge says that the class is harmless), tags for Python's own values such as tuples (info), and tags
        that only some loader knows.
    Why it matters: A loader that obeys such a tag calls what it names while it reads the file. Loaders that are safe
        stop at the tag, so no honest configuration needs one.
    What to do: Do not load the file with anything but a safe loader. Write the value without the tag.
    Fires on:
        Oddity("yaml-tag", "tag:yaml.org,2002:python/object/apply:os.system at a.b")
        Oddity("yaml-tag", "tag:yaml.org,2002:python/tuple at a.b")
        Oddity("yaml-tag", "!include at a.b")
    Stays silent on:
        Oddity("yaml-aliases", "its aliases stand for more nodes")
    """
    if oddity.kind != "yaml-tag":
        return
    tag = oddity.detail.partition(" at ")[0]
    kind = tag.removeprefix(_PYTHON)
    if kind == tag:
        yield Hit(oddity.detail)
    elif kind.startswith(_BUILDS):
        entry = ctx.knowledge.globals.find(kind.partition(":")[2])
        known = entry is not None and entry.trust in _HARMLESS and not kind.startswith("module")
        yield Hit(oddity.detail, Severity.HIGH if known else Severity.CRITICAL)
    else:
        yield Hit(oddity.detail, Severity.INFO)


@rule("config/yaml-aliases", Severity.HIGH, on=Oddity, refs=("CWE-776", "CWE-400"), since="0.1")
def yaml_aliases(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The YAML grows without end when it is loaded.

    What it finds: Aliases that stand for lists of aliases, so that a small file comes to a hundred thousand values.
    Why it matters: Whoever walks the loaded tree, prints it or writes it again runs out of memory or time.
    What to do: Do not load the file. Write it without aliases.
    Fires on:
        Oddity("yaml-aliases", "its aliases stand for more nodes than any loader should build")
    Stays silent on:
        Oddity("yaml-tag", "!include at a.b")
    """
    del ctx
    if oddity.kind == "yaml-aliases":
        yield Hit(oddity.detail)


@rule("config/yaml-resolver", Severity.LOW, on=Oddity, refs=("CWE-526",), since="0.1")
def yaml_resolver(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The configuration takes a value from the environment of the process.

    What it finds: Resolvers of OmegaConf that read a variable.
    Why it matters: A variable can hold a secret, and where the value goes is up to the same configuration.
    What to do: See which variable is meant and what it is used for.
    Fires on:
        Oddity("yaml-resolver", "data.dir is '${oc.env:HOME}'")
    Stays silent on:
        Oddity("yaml-tag", "!include at a.b")
    """
    del ctx
    if oddity.kind == "yaml-resolver":
        yield Hit(oddity.detail)


@rule("config/mlflow-code", Severity.HIGH, on=Reference, refs=("CWE-829", "CWE-470", "CVE-2024-37052"), since="0.1")
def mlflow_code(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the model with MLflow imports or runs code that comes with it.

    What it finds: A loader module that is not one of MLflow's own, a folder of code, a file that is run to get the
        model.
    Why it matters: MLflow puts the folder in front of the path of modules, imports the loader module and calls it, with
        the rights of the serving process.
    What to do: Review the code, which is part of the artifact, before the model is loaded.
    Fires on:
        Reference("mlflow", "evil_loader", "flavors.python_function.loader_module")
        Reference("mlflow", "code", "flavors.python_function.code")
    Stays silent on:
        Reference("mlflow", "mlflow.sklearn", "flavors.python_function.loader_module")
        Reference("target", "evil_loader", "model._target_")
    """
    del ctx
    if reference.road == "mlflow":
        own = reference.key.endswith("loader_module") and (reference.name + ".").startswith("mlflow.")
        if not own:
            yield Hit(f"{reference.key} is {reference.name[:200]!r}")


RULES = (yaml_tag, yaml_aliases, yaml_resolver, mlflow_code)
