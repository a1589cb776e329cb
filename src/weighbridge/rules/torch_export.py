"""Rules on programs of torch.export: what their loader evaluates, looks up and imports."""

from __future__ import annotations

import re
from keyword import iskeyword

from weighbridge.core.facts import Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = frozenset(
    """Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv ModularIndexing Where LShift RShift PowByNatural FloatPow
    FloatTrueDiv IntTrueDiv TruncToFloat TruncToInt CeilToInt FloorToInt RoundToInt RoundDecimal ToFloat Identity
    IsNonOverlappingAndDenseIndicator Eq Ne Gt Ge Lt Le And Or Not Piecewise ITE Abs ceiling floor sqrt
    True False oo int_oo nan""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""What PyTorch itself writes into symbolic sizes (`torch/utils/_sympy/functions.py`, 2.9)."""
_SYMBOL = re.compile(r"z?[suf]\d+|u?nbacked\w{0,20}|zuf\d+|OpaqueUnaryFn_\w{1,20}|BitwiseFn_\w{1,20}|[a-z]\w{0,15}")
_WORD = re.compile(r"[^\W\d]\w*")
_PLAIN = re.compile(r"(?:(?<!\w)\d+\.\d*(?!\w)|[\w\s+*/%(),<>=&|~^!-])*", re.ASCII)
_ARITHMETIC = re.compile(
    r"_operator\.(?:i?(?:add|sub|mul|truediv|floordiv|mod|pow|and_|or_|xor|lshift|rshift)|neg|pos|abs|inv|invert|not_|"
    r"eq|ne|lt|le|gt|ge|getitem|index)|torch\.(?:_?sym_\w{1,20})|math\.\w{1,20}"
)
_IMPORTED = re.compile(r"default_factory_module\W{1,12}(?:builtins|collections)\W")


@rule(
    "torchscript/exported-expression",
    Severity.CRITICAL,
    on=Reference,
    refs=("CWE-95", "ATLAS AML.T0011.000"),
    since="0.1",
)
def exported_expression(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A symbolic size of the exported program is more than arithmetic.

    What it finds: Sizes that hold texts, attributes, indexes, or names that PyTorch does not write there.
    Why it matters: `torch.export.load` hands a size to `sympy.sympify`, which evaluates it as Python: such a size runs
        code while the program is loaded.
    What to do: Do not load the file, and report the publisher.
    Fires on:
        Reference("torch-expression", "__import__('os').system('id')", "expr_str")
        Reference("torch-expression", "s0.__class__", "expr_str")
        Reference("torch-expression", "lambdify(s0)", "expr_str")
    Stays silent on:
        Reference("torch-expression", "2*s0 + Max(1, FloorDiv(s1, 2))", "expr_str")
        Reference("torch-target", "torch.os.system", "target")
    """
    del ctx
    if reference.road != "torch-expression":
        return
    called = {word for word in re.findall(r"([^\W\d]\w*)\s*\(", reference.name) if word not in _FUNCTIONS}
    called = {word for word in called if not word.startswith(("OpaqueUnaryFn_", "BitwiseFn_"))}
    strange = {
        word
        for word in _WORD.findall(reference.name)
        if word not in _FUNCTIONS and (iskeyword(word) or not _SYMBOL.fullmatch(word))
    }
    if called or strange or "__" in reference.name or reference.arguments or not _PLAIN.fullmatch(reference.name):
        yield Hit(f"a size is {reference.name!r}{reference.arguments}")


@rule("torchscript/exported-target", Severity.CRITICAL, on=Reference, refs=("CWE-470", "CWE-502"), since="0.1")
def exported_target(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A node of the exported program calls something that is no operator.

    What it finds: Targets of nodes that lead from `torch` to anything but an operator or the arithmetic of sizes, and
        modules that a tree specification makes the loader import.
    Why it matters: The loader walks the name attribute by attribute: `torch.os.system` is found that way, and called
        when the program runs.
    What to do: Do not load the file, and report the publisher.
    Fires on:
        Reference("torch-target", "torch.os.system", "target")
        Reference("torch-import", '{"default_factory_module": "evil", "default_factory_name": "f"}', "in_spec")
    Stays silent on:
        Reference("torch-target", "_operator.add", "target")
        Reference("torch-import", '{"default_factory_module": "builtins", "default_factory_name": "list"}', "in_spec")
        Reference("torch-expression", "s0", "expr_str")
    """
    del ctx
    if reference.road == "torch-target" and not _ARITHMETIC.fullmatch(reference.name):
        outside = not reference.name.startswith(("torch", "_operator", "#"))
        # Nothing is looked up for any other name, but nothing honest has one.
        yield Hit(f"a node calls {reference.name!r}", Severity.HIGH if outside else None)
    elif reference.road == "torch-import" and not _IMPORTED.search(reference.name):
        yield Hit(f"a tree specification imports: {reference.name!r}")


RULES = (exported_expression, exported_target)
