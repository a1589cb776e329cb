"""One harmful thing written in many ways, for tests that ask its real reader whether it is still there.

Every generator takes a seeded `random.Random` and gives texts without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_TAGS = (
    "!!python/object/apply:os.system",
    "!<tag:yaml.org,2002:python/object/apply:os.system>",
    "!!python/name:os.system",
    "!!python/object/apply:os.%73ystem",
    "!e!object/apply:os.system",
    "!python/object/apply:os.system",
)
_TAGGED = (
    *("x: %", "%", "- %", "? %\n: 1", "x: {a: %}", "[%]", "--- %", "x: 1\n---\ny: %", "{? % : 1}", "<<: %"),
    *("x: &b {y: %}\nz: *b", "x: >-\n  fold\n\ny: %", "x:\t%", "...\n---\n%\n...", "\ufeffx: %", "[a: %]"),
    "%YAML 1.1\n---\nx: %",
    "%TAG !e! tag:yaml.org,2002:python/\n---\nx: %",
    "%TAG ! tag:yaml.org,2002:\n---\nx: %",
)
_KEYED = (
    *("K: V\nargs: [x]", '"K": "V"', "? K\n: V", "x: {K: V}", '{"K":"V"}', "- K: V", "x:\n  K: |-\n    V"),
    *("a: &a K\nx:\n  *a : V", "a: &a V\nx:\n  K: *a", "a: &a {K: V}\nx:\n  <<: *a", "a: &a K\nb: &b V\nx: {*a : *b}"),
    *("x:\n  !!str K: !!str V", '"\\x5ftarget_": V', 'x:\n  K: "\\x6fs.system"', "a: [&k K]\nx:\n  ? *k\n  : V"),
    *("x:\n  K: &z V", "x: {K: torch.nn.Linear, K: V}", "x:\n  ? >-\n    K\n  : V", "x:\n  K:\n    V", "K: ${y}\ny: V"),
)
TARGETS = ("_target_", "class_path", "loader_module")


def yaml_documents(chance: random.Random) -> Iterator[str]:
    """Documents with a tag that calls, or with a key whose class is built."""
    while True:
        if chance.random() < 0.5:
            shape, tag = chance.choice(_TAGGED), chance.choice(_TAGS) + chance.choice((" [x]", ' ""', " {}", " &q [x]"))
            before, _, behind = shape.rpartition("%")
            text = before + tag + behind
        else:
            text = chance.choice(_KEYED).replace("K", chance.choice(TARGETS)).replace("V", "os.system")
        for _ in range(chance.choice((0, 0, 1, 2))):
            text = _changed(text, chance)
        yield text


def _changed(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    return chance.choice(
        (
            text.replace("\n", "\r\n"),
            text.replace("\n", "\r"),
            f"# comment\n{text}",
            f"{text}\nz: 1\n",
            f"\n\n{text}",
            text.replace(": ", ":  "),
            text[:place] + chance.choice("\t \n\u2028\x85\ufeff#\xa0") + text[place:],
        )
    )


_NAMES = (
    *("'N'", "'A'~'B'", "'A'+'B'", "['A','B']|join", "'R'|reverse", "'U'|lower", "'Nx'[:-1]", "'%s'%'N'", "'R'[::-1]"),
    *("'{}'.format('N')", "'A-B'|replace('-','')", "'a,N'.split(',')[1]", "dict(N=1)|list|first", "{'N':1}|first"),
    *("{'a':'N'}.a", "['N'][0]", "namespace(a='N').a", "('N' if true)", "(zz or 'N')", "zz|default('N')", "'N'|trim"),
    *(
        "'N'|list|join",
        "['N']|map('lower')|first",
        "['N']|sort|first",
        "['x','N'][messages|length]",
        "{'N':1}|items|first|first",
    ),
    *("messages[0].role and 'N'", "messages[0].content|replace('hi','N')", "('N'|tojson)[1:-1]", "v"),
)
_ACCESS = (
    *("O[X]", "(O|attr(X))", "([O]|map(attribute=X)|list|first)", "([O]|map('attr',X)|list|first)", "O.N"),
    *("([O]|map(**{'attribute':X})|list|first)", "([O]|map(*['attr',X])|list|first)", "([O]|groupby(X)|first).grouper"),
    *("([O]|selectattr(X)|list|first)", "([O]|sort(false,false,X)|first)", "([O]|max(false,X))", "([O]|join(',',X))"),
    *(
        "'{0.N}'.format(O)",
        "([[O]]|map('map','attr',X)|map('list')|list)",
        "([[O]]|map('first')|map(attribute=X)|list)",
    ),
)
_AROUND = (
    *("{{ E }}", "{% if E %}a{% endif %}", "{% set q=E %}{{ q }}", "{% set v %}N{% endset %}{{ E }}"),
    *("{% set v='N' %}{{ E }}", "{% for v in {'N':1} %}{{ E }}{% endfor %}", "{% with v='N' %}{{ E }}{% endwith %}"),
    *(
        "{% macro m(v) %}{{ E }}{% endmacro %}{{ m('N') }}",
        "{% set l=[] %}{% do l.append('N') %}{% set v=l[0] %}{{ E }}",
    ),
    *(
        "{% set ns=namespace(v='') %}{% set ns.v='N' %}{% set v=ns.v %}{{ E }}",
        "{% filter upper %}{{ E }}{% endfilter %}",
    ),
    "{% macro mm() %}{{ caller('N') }}{% endmacro %}{% call(v) mm() %}{{ E }}{% endcall %}",
)
_OWNERS = ("messages", "''", "range", "namespace", "dict", "bos_token", "lipsum", "cycler", "messages[0]", "[]")


def templates(chance: random.Random) -> Iterator[str]:
    """Templates that reach for a name of Python's own."""
    while True:
        name = chance.choice(("__class__", "__globals__", "__init__", "__mro__"))
        spelt = {"N": name, "A": name[:5], "B": name[5:], "R": name[::-1], "U": name.upper()}
        written = "".join(spelt.get(char, char) for char in chance.choice(_NAMES))
        access = chance.choice(_ACCESS).replace("N", name).replace("X", written).replace("O", chance.choice(_OWNERS))
        around = chance.choice(_AROUND).replace("N", name)
        yield around.replace("E", access)
