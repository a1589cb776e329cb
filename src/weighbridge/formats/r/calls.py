"""Calls in code of R: which functions a call names, and what it hands to them.

A function need not stand where a call has its function: `do.call("system", …)` names it, `(system)(…)` computes it,
`f(system)` hands it on. So what is computed is told as such, names among the arguments of functions that call what
they are given count as called, and every other name is told with the functions that it is handed to, innermost first,
up to the next formula: in a formula a name is a column.
"""

from __future__ import annotations

import re

from weighbridge.core.records import NamedTuple

NAMES = 200
"""Functions that are listed for one piece of code."""
SHOWN = 8
"""Arguments of a call that are shown."""
HANDS = 6
"""Functions that a name is handed through; `…` stands for more."""
COMPUTED = "(computed)"
"""Stands for a function that has no name."""
QUALIFIED = frozenset(("::", ":::"))
INDIRECT = frozenset(
    (
        *("do.call", "match.fun", "get", "get0", "mget", "getFunction", "getExportedValue", "getFromNamespace"),
        *("lapply", "sapply", "vapply", "mapply", "Map", "Filter", "Reduce", "apply", "tapply", "outer", "rapply"),
        *("eapply", "sweep", "kronecker", "Vectorize", "exec", "invoke", "as.name", "as.symbol", "call", "UseMethod"),
    )
)
"""Functions that call, or give back, what is named by an argument."""
NAME = re.compile(r"[^\s()]+")
"""What an argument must be to name a function; a call is shown with parentheses."""
HOOKS = frozenset((".First", ".Last", ".First.sys", ".Last.sys", ".onLoad", ".onAttach", ".onUnload"))
"""Names of functions that R calls by itself."""


class Scope:
    """The code in which items stand: its kind, where it begins, the functions that it calls."""

    __slots__ = ("_names", "kind", "offset")

    def __init__(self, kind: str, offset: int) -> None:
        self.kind = kind
        self.offset = offset
        self._names: dict[str, None] = {}

    def calls(self, name: str) -> None:
        """Take down a function."""
        if len(self._names) <= NAMES:
            self._names[name] = None

    def listed(self) -> str:
        """All functions that the code calls; `…` stands for those that are not kept."""
        names = list(self._names)
        return ", ".join([*names[:NAMES], *(["…"] if len(names) > NAMES else [])])


class Called:
    """An open call, or another list whose first elements count; `head` is the function, empty as long as there is none.

    `outer` is the call that it is an argument of.
    """

    __slots__ = ("arguments", "head", "offset", "outer", "scope")

    def __init__(self, scope: Scope, offset: int, outer: Called | None = None) -> None:
        self.scope = scope
        self.offset = offset
        self.outer = outer
        self.head = ""
        self.arguments: list[str] = []

    @property
    def indirect(self) -> bool:
        """Whether the function calls what its arguments name."""
        return self.head.rpartition("::")[2] in INDIRECT

    @property
    def qualified(self) -> bool:
        """Whether it only names a function of a package."""
        return self.head in QUALIFIED and len(self.arguments) == 2

    def shown(self) -> str:
        """The call in short, for people."""
        return f"{self.head}({', '.join(word or '…' for word in self.arguments)[:200]})"

    def through(self) -> str:
        """The functions that an argument is handed to, innermost first."""
        heads: list[str] = []
        call: Called | None = self
        while call is not None and call.head and call.head != "~":
            heads.append(call.head)
            if len(heads) > HANDS:
                return " < ".join([*heads[:HANDS], "…"])
            call = call.outer
        return " < ".join(heads)


class Place(NamedTuple):
    """Where an item stands: in which code, as a member of which call, in the frame of an environment, at the top."""

    scope: Scope
    call: Called | None = None
    frame: bool = False
    top: bool = False
