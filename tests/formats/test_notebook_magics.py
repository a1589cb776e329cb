"""Cells as IPython makes Python of them. The expectations were compared with IPython 9.18 on 240,000 random cells."""

from __future__ import annotations

import ast

import pytest

from weighbridge.core.errors import FormatError
from weighbridge.formats.notebooks.magics import asked_of_ipython, read_cell

COMMANDS = {
    "!a": ["a"],
    "  !a": ["a"],
    "!!a": ["a"],
    "x = !a": ["a"],
    "x, y = !a": ["a"],
    "a.b = !a": ["a"],
    "d['k'] = !a": ["a"],
    "x = %sx a": ["a"],
    "%system a": ["a"],
    "if x:\n    !a\nelse:\n    !b": ["a", "b"],
    "!a \\\n  b": ["a    b"],
    ">>> !a\n... !b": ["a", "b"],
    "In [12]: !a": ["a"],
    "%time !a": ["a"],
    "%%time\n!a": ["a"],
    "%%capture\n%%bash\na": ["a"],
    "%%bash\na\nb": ["a\nb"],
    "\n \n%%sh\na": ["a"],
    "%%!\na": [" \na"],
    "pip install a": ["pip install a"],
    "#\u2028!a": ["a"],
    "\x0c!a": ["a"],
    "\r!a": ["a"],
    "x = 1\n!a # c": ["a # c"],
    "x = '''\n!a\n'''": [],
    "x = (1\n  % 3)": [],
    "x = 'a\\\n!a'": [],
    "x != a": [],
    "# !a": [],
    "print('!a')": [],
    "x = [\n  1,\n]\n!a": ["a"],
    "x = 'it\\'s'\n!a": ["a"],
    'f("(")\n!a': ["a"],
}


@pytest.mark.parametrize("source", COMMANDS)
def test_commands_are_found_where_ipython_runs_them(source: str) -> None:
    reading = read_cell(source)
    assert [use.text for use in reading.uses if use.kind == "shell"] == COMMANDS[source]
    ast.parse(reading.code)


@pytest.mark.parametrize("source", ["x?", "?x", "x.y??", "%timeit?", "%%time?", "a*?"])
def test_help_is_nothing(source: str) -> None:
    reading = read_cell(source)
    assert reading.uses == ()
    ast.parse(reading.code)


@pytest.mark.parametrize(
    ("source", "code"),
    [(",f a b", "f('a', 'b')"), (";f a b", "f('a b')"), ("/f a, b", "f(a, b)"), ("%time x = f()", "x = f()")],
)
def test_shorthands_are_the_calls_that_they_stand_for(source: str, code: str) -> None:
    assert read_cell(source).code == code


def test_lines_keep_their_numbers() -> None:
    reading = read_cell("!a \\\n b\nx = 1\n%matplotlib inline\ny = 2")
    assert reading.code.split("\n")[2] == "x = 1"
    assert reading.code.split("\n")[4] == "y = 2"
    assert [use.line for use in reading.uses] == [1, 4]
    assert read_cell("\n%%time\nx = 1").code.split("\n")[2] == "x = 1"


def test_what_is_filled_in_is_part_of_the_program() -> None:
    code = read_cell("!echo {f(x)} $name {{no}} $$HOME {not python!}").code
    calls = [ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert "f(x)" in calls
    assert "name" in calls[0]
    assert "HOME" not in code


@pytest.mark.parametrize("source", ["%%R\nx", "%%perl\nx", "%%script ruby\nx", "%%cython\nx", "%%nobody\nx"])
def test_other_languages_are_not_read(source: str) -> None:
    assert read_cell(source).unread


@pytest.mark.parametrize(
    "source",
    ["print 1", "x = '''", "(", "\0", "%%time\n" * 20 + "x", "!a\n" * 6000, "!" + "{a}" * 300, "x" + "+x" * 100_000],
    ids=["an old print", "a text", "a bracket", "nothing", "nested", "many", "filled", "deep"],
)
def test_what_is_no_python_is_an_error(source: str) -> None:
    with pytest.raises(FormatError):
        read_cell(source)


def test_files_and_pages_are_parts() -> None:
    assert read_cell("%%writefile -a a.py\nx = 1").parts == (("a.py", "x = 1", 2),)
    assert read_cell("%%html\n<b>").parts == ((".html", "<b>", 2),)
    assert read_cell("%%js\nalert(1)").uses[0].kind == "script"


def test_what_is_asked_by_calling_is_found() -> None:
    source = (
        "ip = get_ipython()\nip.system('a')\nip.run_line_magic('sx', 'b')\nip.run_cell_magic('bash', '', 'c')\n"
        "ip.run_cell('!d')\nip.magic('load_ext e')\nip.run_line_magic(name, '')\nip.run_cell(text)\nip.run_cell('print 1')\n"
        "ip.run_cell_magic('R', '', 'x')\nsubprocess.run(['f', 'g'])\nos.system(f'h {x}')\nother.magic('i')\n"
    )
    found = [(use.name, use.text) for use in asked_of_ipython(ast.parse(source))]
    assert ("%%bash", "c") in found
    assert {text for _, text in found} >= {"a", "b", "c", "d", "e", "f g", "h {…}"}
    assert "i" not in {text for _, text in found}
    assert len([name for name, _ in found if name.endswith("(…)")]) == 3
