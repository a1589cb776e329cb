"""Scripts of plotting libraries are known by their shape; what is put into them makes them unknown."""

from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression

from build.inspecting import rules_of, scanned
from build.notebooks import cell, notebook, output
from weighbridge.core.findings import Verdict
from weighbridge.formats.notebooks.script_shapes import known_script, shape, without_known_scripts

SKLEARN = LogisticRegression()._repr_html_()
COLAB = """<div id="df-0123"><table><tr><td>1</td></tr></table>
<button class="colab-df-convert" onclick="convertToInteractive('df-0123')" title="Convert">x</button>
<script>
  const buttonEl = document.querySelector('#df-0123 button.colab-df-convert');
  buttonEl.style.display = google.colab.kernel.accessAllowed ? 'block' : 'none';
  async function convertToInteractive(key) {
    const element = document.querySelector('#df-0123');
    const dataTable = await google.colab.kernel.invokeFunction('convertToInteractive', [key], {});
    if (!dataTable) return;
    const docLinkHtml = 'Like what you see? Visit the ' +
      '<a target="_blank" href=https://colab.research.google.com/notebooks/data_table.ipynb>data table notebook</a>'
      + ' to learn more about interactive tables.';
    element.innerHTML = '';
    dataTable['output_type'] = 'display_data';
    await google.colab.output.renderOutput(dataTable, element);
    const docLink = document.createElement('div');
    docLink.innerHTML = docLinkHtml;
    element.appendChild(docLink);
  }
</script></div>"""


@pytest.mark.parametrize("page", [SKLEARN, COLAB])
def test_what_well_known_programs_write_is_clean(tmp_path, page):
    assert "<script" not in without_known_scripts(page).text
    assert "onclick" not in without_known_scripts(page).text
    report = scanned(tmp_path, "n.ipynb", notebook(cell("x", output("text/html", page))))
    assert report.verdict is Verdict.CLEAN, report.findings
    assert "notebook/script" in rules_of(report)


def test_data_and_identifiers_are_not_part_of_the_shape():
    first = 'draw("a1b2c3d4-0000", [{"x": [1, 2], "y": null}], {"a": {}});'
    assert shape(first) == shape('draw( "ffffffff-1", [{"z": "w"}], {} ); // done')
    assert shape(first) != shape('drew("a1b2c3d4-0000", [{"x": [1, 2]}], {"a": {}});')
    assert shape(first) != shape('draw("a1b2c3d4-0000", [{"x": alert(1)}], {"a": {}});')
    assert shape('a["b"]()') != shape('a["eval"]()')
    assert shape('f("https://cdn.plot.ly/plotly-1.2.3.min.js")') == shape('f("https://cdn.plot.ly/plotly-2.0.min.js")')
    assert shape('f("https://cdn.plot.ly/plotly-1.2.3.min.js")') != shape(
        'f("https://example.invalid/plotly-1.2.3.min.js")'
    )


CHANGES = {
    "a word": ("const element = ", "eval(key); const element = "),
    "another function of the kernel": ("invokeFunction('convertToInteractive'", "invokeFunction('evil'"),
    "a computed function": ("invokeFunction('convertToInteractive'", "invokeFunction(key"),
    "the text of an element": ("element.innerHTML = ''", "element.innerHTML = element.textContent"),
    "a value": ("element.innerHTML = ''", "element.innerHTML = dataTable"),
    "markup": ("'Like what you see? Visit the '", "'<img src=x onerror=alert(1)>'"),
    "markup in escapes": ("'Like what you see? Visit the '", "'\\x3cimg src=x>'"),
    "another link": ("const docLinkHtml = ", "let docLinkHtml = dataTable; docLinkHtml = "),
    "an element": ("createElement('div')", "createElement('script')"),
    "an index": ("buttonEl.style", "window['ev' + 'al']('1'); buttonEl.style"),
    "a template": ("'block'", "`${alert(1)}`"),
    "an address": ("'block'", "'https://example.invalid'"),
    "a comment of HTML": ("<table>", "<!-- <script> --><table>"),
    "an attribute": ("<script>", '<script onload="alert(1)">'),
    "another source": ("<script>", '<script src="https://example.invalid/x.js"></script><script>'),
    "a handler": ("convertToInteractive('df-0123')\"", "convertToInteractive('df-0123');alert(1)\""),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_makes_a_script_unknown(tmp_path, change):
    assert change[0] in COLAB
    page = without_known_scripts(COLAB.replace(*change, 1)).text
    assert "<script" in page or "onclick" in page
    report = scanned(tmp_path, "n.ipynb", notebook(cell("x", output("text/html", COLAB.replace(*change, 1)))))
    assert report.findings


def test_a_script_that_is_too_long_is_not_known():
    assert not known_script(" " * (4 * 1024 * 1024 + 1))
    assert known_script("")


STYLES = {
    "a color": ("p { color: red !important }", True),
    "a condition": ("@media (prefers-color-scheme: dark) { p { color: red } }", True),
    "a picture inside": ("p { background: url(data:image/svg+xml;base64,PHN2Zz4=) }", True),
    "a comment": ("/* a <details> element */ p {}", True),
    "an import": ("@import 'https://example.invalid/x.css';", False),
    "a picture elsewhere": ("p { background: url(https://example.invalid/x.png) }", False),
    "a page inside": ("p { background: url(data:text/html;base64,PHN2Zz4=) }", False),
    "markup": ("p { content: '<img src=x onerror=alert(1)>' }", False),
    "markup in a comment": ("/* <img src=x onerror=alert(1)> */", False),
    "over everything": ("p { position: fixed }", False),
    "an escape": ("p { background: \\75rl(https://example.invalid) }", False),
    "an expression": ("p { width: expression(alert(1)) }", False),
}


@pytest.mark.parametrize("name", STYLES)
def test_a_style_that_only_says_how_things_look_is_taken_out(name):
    style, plain = STYLES[name]
    assert ("<style" not in without_known_scripts(f"<style>{style}</style><p>x</p>").text) is plain
