"""Rules on Python source: what it changes for others, what it leaves open, what it takes unpinned, how it looks."""

from __future__ import annotations

from weighbridge.core.facts import Oddity, SourceUse
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule
from weighbridge.rules.source_code import said

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO


@rule("code/import-hook", Severity.HIGH, on=SourceUse, refs=("CWE-913", "ATLAS AML.T0011"), since="0.2")
def import_hook(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source decides what other code gets when it imports something.

    What it finds: Finders that are put in front of Python's own, modules that are put in the place of others, builtins
        that are replaced.
    Why it matters: Every import that follows, in whatever program the model is loaded, may give other code than the
        text says.
    What to do: Read what is put in place. Models need no imports of their own kind.
    Fires on:
        SourceUse("import-hook", "sys.meta_path.insert", "sys.meta_path.insert(0, x)", "import")
        SourceUse("import-hook", "sys.modules", "sys.modules['x'] = y", "call")
    Stays silent on:
        SourceUse("patch", "torch.load", "torch.load = mine", "import")
    """
    del ctx
    if use.kind == "import-hook":
        yield Hit(said(use), _MEDIUM if use.level == "main" else None)


@rule("code/reduce", Severity.HIGH, on=SourceUse, refs=("CWE-502", "ATLAS AML.T0011.000"), since="0.2")
def reduce(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """A class decides what runs when its objects are unpickled.

    What it finds: `__reduce__` that gives a function which runs code or starts programs; `__setstate__` (info).
    Why it matters: Whoever pickles such an object makes a file that attacks whoever loads it.
    What to do: Do not use the class. Of `__setstate__`, read what it does.
    Fires on:
        SourceUse("reduce", "__reduce__ gives os.system", "return (os.system, ('id',))", "call")
        SourceUse("reduce", "__setstate__", "def __setstate__(self, d): …", "call", ("state",))
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "call")
    """
    del ctx
    if use.kind == "reduce":
        state = "state" in use.traits
        yield Hit(use.text.partition("\n")[0] if state else f"{use.name}: {said(use)}", _INFO if state else None)


@rule("code/insecure-connection", Severity.MEDIUM, on=SourceUse, refs=("CWE-295",), since="0.2")
def insecure_connection(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source connects without asking who answers.

    What it finds: `verify=False`, contexts of TLS without certificates.
    Why it matters: Whoever is on the way can answer in the place of the host, and give other weights or code.
    What to do: Leave the check of certificates switched on.
    Fires on:
        SourceUse("insecure", "verify=False", "requests.get(url, verify=False)", "call")
        SourceUse("insecure", "ssl._create_unverified_context", "ssl._create_unverified_context()", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "insecure":
        yield Hit(said(use), _LOW if use.level == "main" else None)


@rule("code/unpacks", Severity.MEDIUM, on=SourceUse, refs=("CWE-22",), since="0.2")
def unpacks(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source unpacks an archive wherever the archive says.

    What it finds: `extractall` and `unpack_archive` of tar files without `filter="data"`; high on import.
    Why it matters: Before Python 3.14 a member called `../x` is written outside of the folder.
    What to do: Unpack with `filter="data"`, or inspect the archive first.
    Fires on:
        SourceUse("unpack", "tarfile.open.extractall", "tarfile.open(p).extractall(d)", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "unpack":
        yield Hit(said(use), {"import": _HIGH, "main": _LOW}.get(use.level))


@rule("code/unpinned", Severity.INFO, on=SourceUse, refs=("CWE-829", "ATLAS AML.T0010"), since="0.2")
def unpinned(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source takes something from a hub without naming a commit.

    What it finds: `from_pretrained("owner/name")`, downloads, data sets and torch.hub without `revision`, or with that
        of a branch.
    Why it matters: What the name stands for can change every day, and was not inspected with this model.
    What to do: Name the commit that was inspected, or take the files from the registry.
    Fires on:
        SourceUse("unpinned", "owner/name", "AutoModel.from_pretrained('owner/name')", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "unpinned":
        yield Hit(f"{use.name}: {said(use)}")


@rule("code/build-hook", Severity.MEDIUM, on=SourceUse, refs=("CWE-829",), since="0.2")
def build_hook(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """Installing the folder runs commands of its own.

    What it finds: `cmdclass` of setuptools. What the commands do is judged as what runs on import.
    Why it matters: `pip install` runs them with the rights of whoever installs.
    What to do: Do not install the folder of a model. Read the commands if it must be.
    Fires on:
        SourceUse("build-hook", "cmdclass", "setup(cmdclass={'install': Mine})", "import")
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "call")
    """
    del ctx
    if use.kind == "build-hook":
        yield Hit(said(use))


@rule("code/blob", Severity.INFO, on=SourceUse, refs=("CWE-506",), since="0.2")
def blob(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source holds a long constant that is nothing known.

    What it finds: Texts of letters and digits of 2,000 characters and more in which no known format was found.
    Why it matters: What is encoded in it cannot be said. Where it is decoded and run, another rule tells.
    What to do: Find out what the constant is. Compiled kernels are kept so by some honest models.
    Fires on:
        SourceUse("blob", "text", "'AAAA'… of 4000 characters", "import")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "blob":
        yield Hit(use.text)


@rule("code/marks", Severity.HIGH, on=Oddity, refs=("CVE-2021-42574", "CWE-451"), since="0.1")
def marks(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The source shows people another text than Python reads.

    What it finds: Marks that reverse the reading direction, characters that cannot be seen, code far behind the right
        edge.
    Why it matters: A reviewer reads one program, and Python another.
    What to do: Do not use the file. Look at it in an editor that shows such characters.
    Fires on:
        Oddity("source-marks", "line 3 holds something that cannot be seen")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "source-marks":
        yield Hit(oddity.detail)


@rule("code/runs-by-name", Severity.MEDIUM, on=Oddity, refs=("CWE-829",), since="0.1")
def runs_by_name(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A file has a name by which tools run it.

    What it finds: `sitecustomize.py`, `conftest.py`, `setup.py` and their likes; lines of path files that are run
        (high).
    Why it matters: It runs without anybody asking for the model.
    What to do: Read the file. A model does not need it.
    Fires on:
        Oddity("runs-by-name", "setup.py is run by its name: pip runs it")
        Oddity("runs-at-start", "line 1 is run by every Python that starts: import os; os.remove('x')")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("runs-by-name", "runs-at-start"):
        yield Hit(oddity.detail, _HIGH if oddity.kind == "runs-at-start" else None)


RULES = (import_hook, reduce, insecure_connection, unpacks, unpinned, build_hook, blob, marks, runs_by_name)
