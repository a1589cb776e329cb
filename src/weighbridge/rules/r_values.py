"""Rules on serialized values of R: what they evaluate when somebody looks at them, and what they bring to be called."""

from __future__ import annotations

import re

from weighbridge.core.facts import Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.r_names import RNames

_REFS = ("CWE-502", "CWE-94", "CVE-2024-27322", "ATLAS AML.T0011.000")
_PACKAGE = re.compile(r"(?:package:)?[A-Za-z][A-Za-z0-9.]*")


@rule("code/r-promise", Severity.CRITICAL, on=Reference, refs=_REFS, since="0.1")
def r_promise(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Looking at the R value runs code that the file brings.

    What it finds: Promises whose expression is a call or bytecode and that have no value yet. One in an environment,
        where functions leave arguments that nobody used, is critical only if it calls what runs programs or code,
        high if it is bytecode or calls something that is not known to be harmless, and nothing otherwise.
    Why it matters: R evaluates a promise at the first look at it: printing, or assigning the result of readRDS. Current
        versions refuse a promise as the value itself, but not one further inside.
    What to do: Do not open the file with R. Ask for a format without code, or for the numbers alone.
    Fires on:
        Reference("r-promise", "call", "loose", "sum")
        Reference("r-promise", "call", "bound", "system")
        Reference("r-promise", "call", "bound", "mypackage::f")
        Reference("r-promise", "bytecode", "loose", "")
    Stays silent on:
        Reference("r-promise", "constant", "bound", "")
        Reference("r-promise", "call", "bound", "nrow")
        Reference("r-call", "sum", "promise")
    """
    if reference.road != "r-promise" or reference.name in ("constant", "symbol", "promise"):
        return
    shown = f"a {reference.name} that waits to be evaluated, with {reference.arguments[:200] or 'no function'}"
    if reference.key != "bound":
        yield Hit(shown)
        return
    strange = _strange(reference, ctx.knowledge.r)
    known = [ctx.knowledge.r.find(name) for name in strange]
    if any(entry is not None and entry.trust == "runs" for entry in known):
        yield Hit(f"in an environment: {shown}")
    elif strange or reference.name == "bytecode":
        yield Hit(f"in an environment: {shown}", Severity.HIGH)


_STATEMENTS = frozenset(("<-", "=", "function", "for", "while", "repeat"))
"""What a function has in it, and no formula."""


@rule("code/r-call", Severity.CRITICAL, on=Reference, refs=("CWE-94", "CWE-78"), since="0.1")
def r_call(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """An R value holds code that runs programs, evaluates text or reaches files.

    What it finds: Calls, in formulas, saved calls, functions and promises, of functions known to run programs or
        foreign code. High for those that evaluate, load packages, call native code or open files; for calls of what is
        computed; for statements where only a formula or a saved call should be; and for names of functions that run
        programs where they are handed to a function that may call them. Functions that are named to another one
        (do.call, sapply) count as called.
    Why it matters: Formulas and calls inside a model are evaluated when it predicts, is updated or printed, with
        nothing to tell them from the ones that the modelling function wrote.
    What to do: Do not use the model before somebody has read the code.
    Fires on:
        Reference("r-call", "system", "language", "system(id)")
        Reference("r-call", "base::system", "language")
        Reference("r-call", "eval", "closure")
        Reference("r-call", "system", "bytecode")
        Reference("r-call", "(computed)", "language")
        Reference("r-call", "<-", "language")
        Reference("r-argument", "system", "mypackage::f", "language")
        Reference("r-argument", "system", "list < mypackage::f", "language")
        Reference("r-argument", "system", "list", "closure")
    Stays silent on:
        Reference("r-call", "poly", "language")
        Reference("r-call", "mean", "closure")
        Reference("r-call", "<-", "closure")
        Reference("r-argument", "system", "list", "language")
        Reference("r-argument", "x", "mypackage::f", "language")
        Reference("other", "system", "language")
    """
    road, name, key = reference.road, reference.name, reference.key
    entry = ctx.knowledge.r.find(name)
    trust = entry.trust if entry is not None else ""
    shown = reference.arguments or name
    if road == "r-argument":
        harmless = all(_harmless(head, ctx.knowledge.r) for head in key.split(" < ") if head)
        if trust == "runs" and not (harmless and reference.arguments == "language"):
            yield Hit(f"{name} is handed to {key or 'a list'} in {shown} code", Severity.HIGH)
    elif road == "r-call" and entry is not None and trust in ("runs", "dangerous"):
        yield Hit(f"{shown} in {key} code: it {entry.why}", None if trust == "runs" else Severity.HIGH)
    elif road == "r-call" and name == "(computed)":
        yield Hit(f"{shown} in {key} code: what it calls is computed", Severity.HIGH)
    elif road == "r-call" and name in _STATEMENTS and key == "language":
        yield Hit(f"{shown}: a statement outside of a function", Severity.HIGH)


@rule("code/r-function", Severity.HIGH, on=Reference, refs=("CWE-94", "CWE-829"), since="0.1")
def r_function(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """An R value brings functions of its own.

    What it finds: Functions that call something which is not known to be harmless, functions in bytecode, bindings that
        call a function at every look, primitive functions other than those known to be harmless.
    Why it matters: Methods for predicting and printing call functions that they find in the model. Bytecode need not do
        what its source says, and R does not check it.
    What to do: Have somebody read the functions. Save the model without them, or as numbers.
    Fires on:
        Reference("r-closure", "function", "value", "sum, mypackage::f")
        Reference("r-bytecode", "function", "closure", "sum")
        Reference("r-active", "b", "")
        Reference("r-call", "environment<-", "primitive")
    Stays silent on:
        Reference("r-closure", "function", "value", "{, +, stats::pnorm")
        Reference("r-closure", "function", "value", "")
        Reference("r-call", "sum", "primitive")
    """
    shown = reference.arguments[:300]
    if reference.road == "r-bytecode":
        yield Hit(f"{reference.name[:100]} in bytecode, with {shown or 'no function'}")
    elif reference.road == "r-active":
        yield Hit(f"looking at {reference.name[:100]!r} calls a function")
    elif reference.road == "r-closure":
        strange = _strange(reference, ctx.knowledge.r)
        if strange:
            yield Hit(f"{reference.name[:100]} calls {', '.join(strange)[:300]}")
    elif reference.road == "r-call" and reference.key == "primitive":
        entry = ctx.knowledge.r.find(reference.name)
        if entry is None or entry.trust != "harmless":
            yield Hit(f"the primitive function {reference.name[:100]!r}")


@rule("code/r-hook", Severity.CRITICAL, on=Reference, refs=("CWE-94", "ATLAS AML.T0011.000"), since="0.1")
def r_hook(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The workspace holds a function that R calls by itself.

    What it finds: Objects of the names `.First`, `.Last` and such at the top of a workspace.
    Why it matters: R loads a file `.RData` of the working folder when it starts, and calls `.First` of it; `.Last` runs
        when it ends.
    What to do: Do not load the workspace. Ask for the model alone, as an `.rds` file.
    Fires on:
        Reference("r-hook", ".First", "")
    Stays silent on:
        Reference("r-call", ".First", "language")
    """
    del ctx
    if reference.road == "r-hook":
        yield Hit(f"an object named {reference.name}")


@rule("code/r-outside", Severity.HIGH, on=Reference, refs=("CWE-829",), since="0.1")
def r_outside(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The R value needs something from outside of its file.

    What it finds: Values that a hook of the reader has to supply, compact vectors of classes that do not come with R,
        packages whose names are no names of packages. Medium for other packages that do not come with R, low for
        external pointers, which are empty after loading.
    Why it matters: Reading the file loads the package, and its code runs; a compact vector may map another file.
    What to do: Look which package is loaded, and whether it is the one that you know.
    Fires on:
        Reference("r-persistent", "a", "package")
        Reference("r-altrep", "base::mmap_real", "")
        Reference("r-package", "../../tmp/evil", "namespace")
        Reference("r-package", "randomForest", "namespace")
        Reference("r-external", "pointer", "")
    Stays silent on:
        Reference("r-package", "stats", "namespace")
        Reference("r-altrep", "base::compact_intseq", "")
    """
    road, name = reference.road, reference.name[:200]
    if road == "r-persistent":
        yield Hit(f"a value {name!r} that the reader has to supply")
    elif road == "r-external":
        yield Hit("an external pointer", Severity.LOW)
    elif road == "r-altrep":
        entry = ctx.knowledge.r.find(name)
        if entry is None or entry.trust != "compact":
            yield Hit(f"a compact vector of the class {name}")
    elif road == "r-package":
        entry = ctx.knowledge.r.find(name.removeprefix("package:"))
        if not _PACKAGE.fullmatch(name) and name not in (".GlobalEnv", "R_GlobalEnv"):
            yield Hit(f"a package of the name {name!r}")
        elif (entry is None or entry.trust != "package") and name != ".GlobalEnv":
            yield Hit(f"the package {name}", Severity.MEDIUM)


def _strange(reference: Reference, names: RNames) -> list[str]:
    """The functions of a piece of code that are not known to be harmless."""
    listed = reference.arguments.split(", ") if reference.arguments else []
    return [name for name in listed if not _harmless(name, names)]


def _harmless(name: str, names: RNames) -> bool:
    entry = names.find(name)
    return entry is not None and entry.trust == "harmless"


RULES = (r_promise, r_call, r_function, r_hook, r_outside)
