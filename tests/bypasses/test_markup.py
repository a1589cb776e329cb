"""Documents that one viewer shows in another way than we first read them. Each is a way that once was open."""

from __future__ import annotations

import pytest

from build.inspecting import rules_of, scanned

SCRIPT = "<script>alert(1)</script>"
CLICK = "[x](javascript:alert(1))"
SVG = 'xmlns="http://www.w3.org/2000/svg"'
LONG = "<!--" + "a" * 70_000 + "-->"

CARDS = {
    "front matter that a viewer shows": f"---\nlicense: mit\nx: {SCRIPT}\n---\nhello\n",
    "a comment of the front matter": "---\n# <img src=x onerror=alert(1)>\nlicense: mit\n---\nhello\n",
    "a link in the front matter": f"---\nx: '{CLICK}'\n---\nhello\n",
    "below forty quotations": ">" * 40 + f" {CLICK}\n",
    "a footnote that looks like a definition": f"a[^1]\n\n[^1]: {CLICK}\n",
    "a link in a formula": "$\\href{javascript:alert(1)}{click}$\n",
    "a link by another name in a formula": "$\\let\\x\\href \\x{java\nscript:alert(1)}{click}$\n",
    "what is text to one and a declaration to the next": f"x<!y{SCRIPT}>\n",
    "a link in such a declaration": f"x<!y{CLICK}>\n",
    "a tag that is not closed before a quotation": "``<kbd>> ```\n<svg onload=alert(1)\n> ```</kbd>",
    "a character that only some decode": "[x](&#1;javascript:alert(1))\n",
    "a tabulator inside of a scheme": "[x](<javascr&#9;ipt:alert(1)>)\n",
    "code to one and a block of HTML to the next": '{{```a\n<meta http-equiv=refresh content="0;url=https://evil.example/">\n    ```}}\n',
    "code behind what only some take for a table": f"| a |\n---\nx: |\n  \t{CLICK}\n---\nbody\n",
    "a style longer than is looked at": f"<style>{'p{color:red}' * 6000}@import url(https://evil.example/x.css);</style>",
}
PAGES = {
    "a NUL in a comment": ("x.html", f"<!-\0- >{SCRIPT}"),
    "a comment inside of a text of a style": (
        "x.html",
        '<style>a{content:"/*";background:url(https://evil.example/x);content:"*/"}</style>',
    ),
    "CDATA where a drawing may not stand": (
        "x.html",
        "<select><option><svg><![CDATA[<svg><script>alert(1)</script>]]></svg>",
    ),
    "an attribute from the document type": (
        "x.svg",
        f'<!DOCTYPE svg [<!ATTLIST svg onload CDATA "alert(1)">]><svg {SVG}/>',
    ),
    "a comment to HTML alone": (
        "x.svg",
        f"<x:svg {SVG.replace('=', ':x=', 1)}><![CDATA[ > <!-- ]]><x:script>alert(1)</x:script><![CDATA[ --> ]]></x:svg>",
    ),
    "an entity behind a long comment": (
        "x.svg",
        f'<?xml version="1.0"?>{LONG}<!DOCTYPE svg [<!ENTITY x "&#60;script>1&#60;/script>">]><svg {SVG}>&x;</svg>',
    ),
    "a style sheet behind a long comment": (
        "x.svg",
        f'<?xml version="1.0"?>{LONG}<?xml-stylesheet href="https://evil.example/x.xsl" type="text/xsl"?><svg {SVG}/>',
    ),
    "an encoding that hides": ("x.svg", f'<?xml version="1.0" encoding="iso-2022-jp"?><svg {SVG}/>'),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card(name, tmp_path):
    report = scanned(tmp_path, "README.md", CARDS[name].encode())
    assert report.verdict.value == "suspicious", name
    assert rules_of(report) & {"card/script", "card/style", "card/redirect"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page(name, tmp_path):
    file, text = PAGES[name]
    assert scanned(tmp_path, file, text.encode()).verdict.value == "suspicious", name


def test_what_is_nested_too_deeply_is_not_clean(tmp_path):
    for text in (">" * 200 + " [x](y)\n", "[" * 200 + "a" + "](x)" * 200):
        assert scanned(tmp_path, "README.md", text.encode()).verdict.value == "incomplete"


def test_a_finding_outlives_what_breaks_behind_it(tmp_path):
    assert "card/script" in rules_of(scanned(tmp_path, "README.md", f"{SCRIPT}\n\n{'>' * 200} [x](y)\n".encode()))


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("x.qmd", "```{python}\nimport os\nos.system('echo x')\n```\n", "malicious"),
        ("x.Rmd", "<!--\n```{python, echo=FALSE}\nimport os\nos.system('echo x')\n```\n-->\n", "malicious"),
        ("x.Rmd", "> ```{bash}\n> echo x\n> ```\n", "suspicious"),
        ("x.Rmd", "```{r}\nsystem('echo x')\n```\n", "incomplete"),
        ("x.Rmd", "It is `r system('echo x')`.\n", "incomplete"),
        ("x.mdx", "import x from 'evil'\n\n# Title\n", "incomplete"),
        ("x.mdx", "# Title\n\n{fetch('https://evil.example/')}\n", "incomplete"),
        ("x.mdx", "# Title\n\n```js\nimport x from 'y'\n```\n", "clean"),
        ("x.qmd", "---\ntitle: x\n---\n\n```python\nprint(1)\n```\n", "clean"),
    ],
)
def test_documents_that_are_programs(name, text, verdict, tmp_path):
    assert scanned(tmp_path, name, text.encode()).verdict.value == verdict


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "See `<!DOCTYPE html>` [^1].\n\n[^1]: A note: https://example.org/ [y](http://example.org)\n"),
        (
            "README.md",
            "---\nwidget:\n- text: '<mask> is <s>x</s> [MASK](a)'\n- src: https://example.org/a.png\n---\nx\n",
        ),
        ("README.md", "$\\text{data: x} \\href{https://example.org}{y} \\frac{a}{b}$ and file: x\n"),
        (
            "plot.svg",
            (
                '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
                f'"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n<svg {SVG}><path d="M 1 2\nQ 2531 2678 2651 2914\n'
                'Q 4539 1488 0343 6467"/><defs><style type="text/css">'
                "<![CDATA[*{stroke-linejoin: round}]]></style></defs><g><text>x &amp; y</text></g></svg>"
            ),
        ),
    ],
)
def test_what_is_honest_stays_quiet(name, text, tmp_path):
    report = scanned(tmp_path, name, text.encode())
    assert (report.verdict.value, rules_of(report)) == ("clean", set())
