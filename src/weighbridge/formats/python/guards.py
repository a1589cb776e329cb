"""What of a Python file stands behind a question about who is looking: the host, the user, a debugger, the date.

    if socket.gethostname() == "x": …           the body, and what else there is
    if sys.gettrace(): return                   everything that follows in the block
    time.sleep(600)                             everything that follows in the block
    if not watched(): …                         `watched` is a function of the file that asks

A program for machines other than the reviewer's asks so. What it asks is said by one word: `host`, `user`, `debugger`,
`machine`, `tests`, `date`, `sleep`. Questions for the operating system or the kind of processor are ordinary.
"""

from __future__ import annotations

import ast

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.formats.python.names import Names

_ASKS = {
    "socket.gethostname": "host", "socket.getfqdn": "host", "platform.node": "host", "uuid.getnode": "host",
    "getpass.getuser": "user", "os.getlogin": "user", "pwd.getpwuid": "user", "os.geteuid": "user",
    "sys.gettrace": "debugger", "sys.getprofile": "debugger", "sys.monitoring.get_tool": "debugger",
    "os.cpu_count": "machine", "multiprocessing.cpu_count": "machine", "psutil.cpu_count": "machine",
    "psutil.virtual_memory": "machine", "psutil.boot_time": "machine", "psutil.process_iter": "machine",
    "shutil.disk_usage": "machine", "psutil.disk_usage": "machine",
}  # fmt: skip
_ATTRIBUTES = {"nodename": "host", "IsDebuggerPresent": "debugger", "CheckRemoteDebuggerPresent": "debugger"}
_WORDS = {
    "vmware": "machine", "virtualbox": "machine", "vbox": "machine", "qemu": "machine", "hypervisor": "machine",
    "xen": "machine", "kvm": "machine", "sandbox": "machine", "cuckoo": "machine", "wireshark": "machine",
    "/.dockerenv": "machine", "pydevd": "debugger", "debugpy": "debugger", "pdb": "debugger", "tracerpid": "debugger",
    "pytest_current_test": "tests", "github_actions": "tests", "ci": "tests", "pytest": "tests",
    "computername": "host", "hostname": "host", "userdomain": "host", "logname": "user",
}  # fmt: skip
_DATES = frozenset(
    """datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today time.localtime
    time.gmtime time.strftime datetime.now""".split()  # noqa: SIM905 -- words read better than a list of them
)
_PARTS = frozenset(
    """year month day hour minute weekday isoweekday isoformat strftime date tm_year tm_mon tm_mday
    tm_hour tm_wday""".split()  # noqa: SIM905 -- as above
)
_EPOCH = 1_000_000_000
"""Seconds since 1970 on 2001-09-09: a larger number beside the clock is a date."""
SLEEP = 30
"""Seconds of waiting from which on it is no pause between two tries."""
FOLLOWED = 3
"""Names and functions behind each other that a question is looked for in."""


def guarded(tree: ast.Module, names: Names) -> dict[int, str]:
    """The `id` of each statement or expression that stands behind such a question, and the word for it."""
    return _Guards(tree, names).found


class _Guards:
    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.names = names
        self.found: dict[int, str] = {}
        self.functions = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self.asked: dict[str, str] = {}
        for node in ast.walk(tree):
            for block in _blocks(node):
                self._block(block)
            if isinstance(node, ast.If | ast.While):
                self._mark(self._asks(node.test), (*node.body, *node.orelse))
            elif isinstance(node, ast.IfExp):
                self._mark(self._asks(node.test), (node.body, node.orelse))
            elif isinstance(node, ast.BoolOp):
                for index, value in enumerate(node.values[:-1]):
                    self._mark(self._asks(value), node.values[index + 1 :])
        self._called(tree)

    def _mark(self, word: str, nodes: Iterable[ast.AST]) -> None:
        if word:
            for node in nodes:
                self.found.setdefault(id(node), word)

    def _block(self, block: list[ast.stmt]) -> None:
        """What comes after a question that leaves, or after a long sleep."""
        behind = ""
        for node in block:
            if behind:
                self.found.setdefault(id(node), behind)
            if isinstance(node, ast.If) and self._leaves(node.body):
                behind = behind or self._asks(node.test)
            elif (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await) and self._sleeps(node.value)
            ):
                behind = behind or "sleep"

    def _leaves(self, body: list[ast.stmt]) -> bool:
        last = body[-1]
        if isinstance(last, ast.Return | ast.Raise | ast.Continue | ast.Break):
            return True
        if not (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)):
            return False
        function = last.value.func
        return self.names.resolve(function) in ("sys.exit", "os._exit") or (
            isinstance(function, ast.Name) and function.id in ("exit", "quit")
        )

    def _sleeps(self, node: ast.expr) -> bool:
        call = node.value if isinstance(node, ast.Await) else node
        if not isinstance(call, ast.Call) or not call.args:
            return False
        if self.names.resolve(call.func) not in ("time.sleep", "asyncio.sleep"):
            return False
        seconds = self.names.fold(call.args[0])
        return isinstance(seconds, int | float) and seconds >= SLEEP

    def _asks(self, test: ast.AST, depth: int = FOLLOWED) -> str:
        """The word for what is asked, or an empty string."""
        dated = clock = False
        for part in ast.walk(test):
            word = self._asked(part, depth)
            if word:
                return word
            name = self.names.resolve(part) if isinstance(part, ast.Attribute | ast.Name) else ""
            if isinstance(part, ast.Call):
                name = self.names.resolve(part.func)
                dated = dated or (name in ("datetime.datetime", "datetime.date") and bool(part.args))
            clock = clock or name in _DATES or name in ("time.time", "time.time_ns")
            dated = dated or (isinstance(part, ast.Attribute) and part.attr in _PARTS) or name == "time.strftime"
            dated = dated or (isinstance(part, ast.Constant) and _is_late(part.value))
        return "date" if clock and dated else ""

    def _asked(self, part: ast.AST, depth: int) -> str:
        if isinstance(part, ast.Constant):
            return _word(part.value) if isinstance(part.value, str) else ""
        if isinstance(part, ast.Attribute) and part.attr in _ATTRIBUTES:
            return _ATTRIBUTES[part.attr]
        if isinstance(part, ast.Attribute | ast.Name):
            known = _ASKS.get(self.names.resolve(part), "")
            if known:
                return known
        if depth <= 0 or not isinstance(part, ast.Name) or not isinstance(part.ctx, ast.Load):
            return ""
        return self._named(part.id, depth - 1)

    def _named(self, name: str, depth: int) -> str:
        """What a variable was set to, or a function of the file gives, asks."""
        if name not in self.asked:
            self.asked[name] = ""
            values: list[ast.AST] = [*self.names.assigned.get(name, ())[:8]]
            if name in self.functions:
                values += [
                    node.value
                    for node in ast.walk(self.functions[name])
                    if isinstance(node, ast.Return) and node.value is not None
                ]
                values += [node.test for node in ast.walk(self.functions[name]) if isinstance(node, ast.If)]
            self.asked[name] = next((word for value in values if (word := self._asks(value, depth))), "")
        return self.asked[name]

    def _called(self, tree: ast.Module) -> None:
        """Functions of the file that are called behind a question stand behind it too."""
        waiting: list[tuple[ast.AST, str]] = [(tree, "")]
        while waiting:
            node, word = waiting.pop()
            word = self.found.get(id(node), word)
            if word and isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = self.functions.get(node.func.id)
                self._mark(word, called.body if called is not None else ())
            waiting.extend((part, word) for part in ast.iter_child_nodes(node))


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block


def _word(text: str) -> str:
    lowered = text.lower().strip()
    if len(lowered) > 40:
        return ""
    exact = _WORDS.get(lowered)
    if exact:
        return exact
    return next((word for key, word in _WORDS.items() if len(key) > 4 and key in lowered), "")


def _is_late(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > _EPOCH
